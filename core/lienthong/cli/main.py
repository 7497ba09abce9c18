"""Entry point of the command line: find the command, run it, turn errors into sentences."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from lienthong import __version__
from lienthong.cli.deployment import closing
from lienthong.cli.logs import show_audit_lines
from lienthong.errors import LienThongError, Misconfigured, Permanent, Refused, Tampered, Transient
from lienthong.faults import os_fault

#: Exit codes by error group, so that scripts can tell what to do next.
EXIT_CODES: dict[type[LienThongError], int] = {
    Misconfigured: 2,
    Permanent: 3,
    Refused: 3,
    Tampered: 4,
    Transient: 75,
}
#: What is none of our errors is a defect of the bus (or of a connector): EX_SOFTWARE of sysexits.h.
UNEXPECTED = 70


def build_parser(wanted: str = "") -> argparse.ArgumentParser:
    """Return the parser with every command; connectors' own only where ``wanted`` is none of ours."""
    from lienthong.cli import (
        catalogue,
        clock,
        codes,
        connectors,
        cursors,
        deliveries,
        evidence,
        keys,
        quarantine,
        replay,
        run,
        runs,
        sandbox,
        upkeep,
    )

    parser = argparse.ArgumentParser(
        prog="lienthong", description="Liên Thông: exchange data between agencies, with evidence."
    )
    parser.add_argument("--version", action="version", version=f"lienthong {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the audit lines as they happen")
    parser.add_argument(
        "--debug", action="store_true", help="print the traceback of what is unexpected (may hold data)"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    ours = (run, runs, quarantine, deliveries, cursors, evidence, upkeep, keys, clock)
    modules = (*ours, catalogue, connectors, codes, sandbox, replay)
    for module in modules:
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
    try:
        return _run(list(given))
    except LienThongError as error:
        return _failed(error)
    except KeyboardInterrupt:
        sys.stderr.write("lienthong: interrupted; the same command goes on where this one stopped\n")
        return 130
    except BrokenPipeError:
        return 0
    except OSError as error:
        if "--debug" in given:
            traceback.print_exc()
        where = error.filename if isinstance(error.filename, str) else ""
        return _failed(os_fault(error, "a file or device cannot be used", where))
    except Exception as error:  # a defect: its text may hold a record or a secret, so only --debug shows it
        if "--debug" in given:
            traceback.print_exc()
        sys.stderr.write(
            f"lienthong: {_place(error)}: {type(error).__name__}, which is a defect of the bus or of a "
            "connector (say --debug in front of the command and report what it prints; it may hold data "
            "of records) [unexpected]\n"
        )
        return UNEXPECTED


def _run(given: list[str]) -> int:
    parser = build_parser(next((word for word in given if word[:1] != "-"), ""))
    args, unknown = parser.parse_known_args(given)
    if args.command == "sandbox":  # all that follows is the sandbox's own, options in front included
        args.arguments += unknown
    elif unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    show_audit_lines(verbose=args.verbose)
    with closing():
        code = int(args.handler(args) or 0)
    sys.stdout.flush()  # so that a full disk is met here, not when the process is gone
    return code


def _failed(error: LienThongError) -> int:
    sys.stderr.write(f"lienthong: {error} [{error.code}]\n")
    return next(code for group, code in EXIT_CODES.items() if isinstance(error, group))


def _place(error: BaseException) -> str:
    """Return the innermost place in our own packages that an exception passed."""
    ours = [
        f"{frame.f_globals['__name__']}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).startswith("lienthong")
    ]
    return ours[-1] if ours else "outside the bus"


if __name__ == "__main__":
    raise SystemExit(main())
