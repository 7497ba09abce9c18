"""``lienthong runs``: where runs stand, what an open one blocks, and how to close it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lienthong.cli.said import add_who_and_why, said

if TYPE_CHECKING:
    from lienthong.ledger.runs_admin import RunStand


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser("runs", help="list runs and what open ones block; close one by name")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="list runs, the latest first")
    listing.add_argument("--exchange")
    listing.add_argument(
        "--open", action="store_true", help="only those that neither settled nor were closed"
    )
    listing.add_argument("--limit", type=int, default=100)
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")
    listing.set_defaults(handler=_list)
    close = verbs.add_parser("close", help="close a run that will never settle: it sends nothing any more")
    close.add_argument("run")
    close.add_argument("--exchange", required=True)
    add_who_and_why(close)
    close.set_defaults(handler=_close)


def _list(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive

    for one in open_archive().journal.stands(args.exchange, only_open=args.open, limit=args.limit):
        if args.json:
            sys.stdout.write(json.dumps({**asdict(one), "state": one.state}, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(_line(one))
    return 0


def _line(one: RunStand) -> str:
    line = f"{one.exchange}\t{one.run}\t{one.state}\t{one.kind}\topened {one.opened_at}"
    if one.state == "settled":
        return f"{line}, settled {one.settled_at}\n"
    if one.state == "closed":
        return f"{line}, closed {one.closed_at} by {one.closed_by}: {one.closed_why}\n"
    blocks = f"{len(one.doubts)} deliveries in doubt, {one.intended} not begun"
    return f"{line}\t{blocks}\n" + "".join(f"    in doubt: {id_}\n" for id_ in one.doubts)


def _close(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_bus
    from lienthong.pipeline.acts import act

    bus = open_bus()
    stand = bus.journal.check_closable(args.exchange, args.run)
    if stand.closed_at is None:
        subject = {"opened": stand.opened_at, "kind": stand.kind, "not_begun": stand.intended}
        act(bus, name="run.close", **said(args), exchange=args.exchange, run=args.run, subject=subject)
        stand = bus.journal.close_run(args.exchange, args.run, args.by, args.why)
    sys.stdout.write(f"{stand.run} is closed; the next run pulls again what this one did not deliver\n")
    return 0
