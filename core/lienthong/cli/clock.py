"""``lienthong clock``: whether this machine's clock and the ledger agree, and the way back."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from lienthong.cli.said import add_who_and_why, said


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser("clock", help="compare this machine's clock with the ledger's times")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    show = verbs.add_parser(
        "show", help="show this machine's time, the database's, and what lies ahead of it"
    )
    show.set_defaults(handler=_show)
    back = verbs.add_parser(
        "back", help="say that what lies ahead was signed by a wrong clock: the ledger goes on from now"
    )
    add_who_and_why(back)
    back.set_defaults(handler=_back)


def _show(_args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive
    from lienthong.ledger.ahead import ahead
    from lienthong.ledger.clock import now

    bus = open_archive()
    theirs, found = bus.database.clock(), ahead(bus.database)
    sys.stdout.write(f"this machine\t{now()}\n")
    if theirs is not None:
        sys.stdout.write(f"database\t{theirs:%Y-%m-%dT%H:%M:%S.%fZ}\n")
    sys.stdout.write(f"last entry\t{bus.ledger.recorded() or 'none'}\n")
    if found is not None:
        sys.stdout.write(f"ahead\t{found.entries} entries, up to {found.latest}\n")
    return 0


def _back(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_bus
    from lienthong.pipeline.clock_back import put_back

    found = put_back(open_bus(), **said(args))
    sys.stdout.write(f"{found.entries} entries up to {found.latest} are of a clock that was ahead\n")
    for exchange, run in found.chains:
        if run:
            sys.stdout.write(f"    {exchange}\t{run}\n")
    sys.stdout.write("the ledger goes on from now; close those that are open: lienthong runs list --open\n")
    return 0
