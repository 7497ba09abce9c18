"""``lienthong replay``: a recording as a counterpart on loopback."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lienthong.cli.sandbox import sandbox_command


def add_commands(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("replay", help="play a recording back as a counterpart on loopback")
    parser.add_argument("file", type=Path, help="what `lienthong record` wrote")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    parser.add_argument(
        "--home", type=Path, help="folder that keeps the log of requests; else it is forgotten"
    )
    parser.add_argument("--connections", type=Path, help="write the Airflow connections to this file")
    parser.set_defaults(handler=_replay)


def _replay(args: argparse.Namespace) -> int:
    arguments = ["replay", str(args.file), "--port", str(args.port)]
    arguments += ["--home", str(args.home)] if args.home else []
    arguments += ["--connections", str(args.connections)] if args.connections else []
    return sandbox_command(arguments)
