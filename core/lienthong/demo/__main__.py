"""``python -m lienthong.demo``: options from the command line or the environment."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from rich.console import Console

from lienthong.demo.run import Demo, Options
from lienthong.errors import LienThongError


def main(argv: list[str] | None = None) -> int:
    """Run the demonstration; one sentence and a code other than 0 where it fails."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        return Demo(_options(argv), console).run()
    except LienThongError as error:
        Console(stderr=True).print(f"Demo stopped: {error}", style="bold red", highlight=False, markup=False)
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("Demo interrupted; the next one goes on where this one stopped.")
        return 130


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _options(argv: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m lienthong.demo", description="Every exchange, once, for real."
    )
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="where everything is kept")
    parser.add_argument("--dags", type=Path, default=Path("dags"), help="folder of the exchanges")
    parser.add_argument("--port", type=int, default=os.environ.get("DEMO_PORT") or 8080)
    parser.add_argument("--sandbox-port", type=int, default=os.environ.get("DEMO_SANDBOX_PORT") or 18080)
    parser.add_argument(
        "--once", action="store_true", default=bool(os.environ.get("ONCE")), help="end when done"
    )
    args = parser.parse_args(argv)
    return Options(args.folder, args.dags, int(args.port), int(args.sandbox_port), args.once)


if __name__ == "__main__":
    sys.exit(main())
