"""``lienthong sandbox up``: run the simulated province in the foreground."""

from __future__ import annotations

import argparse
import errno
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lienthong sandbox", description="A simulated province on loopback."
    )
    up = parser.add_subparsers(dest="command", required=True).add_parser("up", help="start and stay in front")
    up.add_argument(
        "--home", type=Path, default=Path(".lienthong-sandbox"), help="folder that keeps the state"
    )
    up.add_argument("--port", type=int, default=18080, help="loopback port; 0 takes a free one")
    up.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; a container network may need another"
    )
    up.add_argument(
        "--name", default="", help="host name by which others reach it, where it is not 127.0.0.1"
    )
    up.add_argument("--connections", type=Path, help="write the Airflow connections to this file (mode 0600)")
    up.add_argument("--no-bad-rows", action="store_true", help="leave out the records malformed on purpose")
    up.add_argument(
        "--keys", type=Path, help="home of a bus: identity results must be signed by its agencies"
    )
    up.add_argument("--population", type=int, default=5000, help="how many citizens exist")
    return parser


def run(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return 0, or 2 when the port is taken."""
    args = _parser().parse_args(argv)
    from lienthong_sandbox.province import Province

    province = Province(
        args.home,
        args.port,
        bad_rows=not args.no_bad_rows,
        population=args.population,
        keys=args.keys,
        host=args.host,
        name=args.name,
    )
    try:
        with province:
            if args.connections:
                province.write_connections(args.connections)
            _show(
                province.url, [(s.name, s.title, province.url + s.prefix) for s in province.systems.values()]
            )
            _wait()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sentence = f"Port {args.port} on {args.host} is in use; stop what listens there or pass --port."
        Console(stderr=True).print(sentence, soft_wrap=True)
        return 2
    return 0


def _show(url: str, rows: list[tuple[str, str, str]]) -> None:
    table = Table(title=f"Liên Thông sandbox at {url}")
    for column in ("connection", "system", "address"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _wait() -> None:
    """Sleep until a signal asks to stop."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(0.5):
        pass
