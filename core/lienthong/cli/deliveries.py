"""``lienthong delivery``: what was sent, and what a person found out about an unknown outcome."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from lienthong.cli.said import add_who_and_why, said
from lienthong.errors import Misconfigured


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser("delivery", help="list deliveries, settle unknown ones by hand")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="list deliveries")
    listing.add_argument("--exchange")
    listing.add_argument("--run")
    listing.add_argument("--state", choices=("intended", "sent", "acknowledged", "refused", "unknown"))
    listing.add_argument("--limit", type=int, default=100)
    listing.set_defaults(handler=_list)
    resolve = verbs.add_parser("resolve", help="say what the agency told you about an unknown outcome")
    resolve.add_argument("id")
    outcome = resolve.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--taken", action="store_true", help="the target has all of it")
    outcome.add_argument("--not-taken", action="store_true", help="the target has none of it: send it again")
    add_who_and_why(resolve)
    resolve.set_defaults(handler=_resolve)


def _list(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive

    found = open_archive().journal.deliveries(
        run=args.run, exchange=args.exchange, state=args.state, limit=args.limit
    )
    for item in found:
        sys.stdout.write(
            f"{item.id}\t{item.state}\t{item.exchange}\t{item.target}\t{item.segment.count} records, "
            f"{item.acknowledged} acknowledged, {len(item.refused)} refused\t"
            f"{item.answered_at or item.sent_at or ''}\n"
        )
    return 0


def _resolve(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_bus
    from lienthong.pipeline.acts import act
    from lienthong.pipeline.attest import now

    bus = open_bus()
    journal = bus.journal
    state = journal.delivery(args.id)
    if state.state not in ("sent", "unknown"):
        raise Misconfigured(
            f"this delivery is {state.state}, its outcome is not in doubt", where=f"delivery {args.id}"
        )
    found = "taken" if args.taken else "not taken"
    subject = {
        "delivery": state.id,
        "found": found,
        "segment": state.segment.digest,
        "records": state.segment.count,
        "target": state.target,
        "was": state.state,
    }
    act(bus, name="delivery.resolve", **said(args), exchange=state.exchange, run=state.run, subject=subject)
    receipt = {"status": f"{found}, resolved by hand", "at": now(), "reference": args.by}
    if args.taken:
        journal.answered(args.id, "acknowledged", total=state.segment.count, receipts=[receipt])
    else:
        journal.not_taken(args.id, receipts=[receipt])
    sys.stdout.write("noted; retry the push task or run the exchange again\n")
    return 0
