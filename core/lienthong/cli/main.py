"""Entry point of the command line: find the command, run it, turn errors into sentences."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from lienthong import __version__
from lienthong.cli.logs import show_audit_lines
from lienthong.errors import LienThongError, Misconfigured, Permanent, Tampered, Transient

#: Exit codes by error group, so that scripts can tell what to do next.
EXIT_CODES: dict[type[LienThongError], int] = {Misconfigured: 2, Permanent: 3, Tampered: 4, Transient: 75}


def build_parser(wanted: str = "") -> argparse.ArgumentParser:
    """Return the parser with every command; connectors' own only where ``wanted`` is none of ours."""
    from lienthong.cli import (
        catalogue,
        codes,
        connectors,
        cursors,
        deliveries,
        evidence,
        keys,
        quarantine,
        replay,
        run,
        sandbox,
    )

    parser = argparse.ArgumentParser(
        prog="lienthong", description="Liên Thông: exchange data between agencies, with evidence."
    )
    parser.add_argument("--version", action="version", version=f"lienthong {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the audit lines as they happen")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    ours = (
        run,
        catalogue,
        connectors,
        codes,
        quarantine,
        deliveries,
        cursors,
        evidence,
        keys,
        sandbox,
        replay,
    )
    for module in ours:
        module.add_commands(commands)
    if wanted not in commands.choices:
        _add_connectors_commands(commands)
    return parser


def _add_connectors_commands(commands: Any) -> None:
    """Let installed connectors add their commands; evidence can be verified without loading any."""
    from lienthong.connector import connector, connector_kinds

    for kind in connector_kinds():
        add = connector(kind).commands
        if add is not None:
            add(commands)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = sys.argv[1:] if argv is None else argv
    parser = build_parser(next((word for word in given if word[:1] != "-"), ""))
    args, unknown = parser.parse_known_args(argv)
    if args.command == "sandbox":  # all that follows is the sandbox's own, options in front included
        args.arguments += unknown
    elif unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    show_audit_lines(verbose=args.verbose)
    try:
        return int(args.handler(args) or 0)
    except LienThongError as error:
        sys.stderr.write(f"lienthong: {error} [{error.code}]\n")
        return next((code for group, code in EXIT_CODES.items() if isinstance(error, group)), 1)
    except KeyboardInterrupt:
        sys.stderr.write("lienthong: interrupted; the same command goes on where this one stopped\n")
        return 130
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
