"""``lienthong sandbox``: a simulated province on loopback."""

from __future__ import annotations

import argparse
from typing import Any

from lienthong.errors import Misconfigured


def add_commands(commands: Any) -> None:
    """Add the command to the parser; its options belong to the sandbox itself."""
    parser = commands.add_parser(
        "sandbox",
        help="a simulated province, or a counterpart from a description, on loopback",
        add_help=False,
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    parser.set_defaults(handler=_run)


def _run(args: argparse.Namespace) -> int:
    return sandbox_command(args.arguments)


def sandbox_command(arguments: list[str]) -> int:
    """Run a command of the sandbox, which is an optional package; raises `Misconfigured` without it."""
    try:
        from lienthong_sandbox.cli import run
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f"the sandbox is not installed ({error.name} is missing)", hint="pip install 'lienthong[sandbox]'"
        ) from None
    return int(run(arguments))
