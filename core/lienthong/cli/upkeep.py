"""``lienthong migrate``, ``hold`` and ``housekeeping``: what a deployment needs from time to time."""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from lienthong.cli.said import add_who_and_why, said
from lienthong.errors import Misconfigured

if TYPE_CHECKING:
    from lienthong.pipeline.housekeeping import Outlook

_AGE: Final = re.compile(r"([0-9]{1,5})([dh])")


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    migrate = commands.add_parser("migrate", help="bring the ledger's database to this program's version")
    migrate.set_defaults(handler=_migrate)
    _add_housekeeping(commands)
    parser = commands.add_parser("hold", help="legal holds: what they cover is not removed, whatever its age")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    place = verbs.add_parser("place", help="place a hold on an exchange, or on one of its runs")
    place.add_argument("exchange")
    place.add_argument("--run", help="this run only")
    add_who_and_why(place)
    place.set_defaults(handler=_place)
    lift = verbs.add_parser("lift", help="lift a hold")
    lift.add_argument("id")
    add_who_and_why(lift)
    lift.set_defaults(handler=_lift)
    listing = verbs.add_parser("list", help="list the holds")
    listing.add_argument("--exchange")
    listing.add_argument("--all", action="store_true", help="those that were lifted, too")
    listing.set_defaults(handler=_list)


def _add_housekeeping(commands: Any) -> None:
    parser = commands.add_parser("housekeeping", help="say what nothing needs any more; with --yes remove it")
    parser.add_argument(
        "--older-than", type=_age, default="90d", metavar="AGE", help="age, such as 90d or 36h (90d)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say it, as without --yes")
    parser.add_argument("--yes", action="store_true", help="do it")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    add_who_and_why(parser, required=False)
    parser.set_defaults(handler=_housekeeping)


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError("give days or hours, such as 90d or 36h")
    return timedelta(days=int(found[1])) if found[2] == "d" else timedelta(hours=int(found[1]))


def _migrate(_args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_bus

    database = open_bus().database
    sys.stdout.write(f"{database.where} is of version {database.revision()}\n")
    return 0


def _housekeeping(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive, open_bus
    from lienthong.pipeline.housekeeping import look, tidy

    doing = args.yes and not args.dry_run
    if not doing:
        _print(look(open_archive(), args.older_than), as_json=args.json, done=False)
        return 0
    if not (args.by and args.why):
        raise Misconfigured(
            "housekeeping needs a name and a reason", where="--yes", hint="give --by and --why"
        )
    outlook = tidy(open_bus(), args.older_than, **said(args))
    _print(outlook, as_json=args.json, done=True)
    return 4 if outlook.damaged else 0


def _print(outlook: Outlook, *, as_json: bool, done: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({**outlook.as_dict(), "done": done}, ensure_ascii=False) + "\n")
        return
    verb = "removed" if done else "would be removed"
    sys.stdout.write(
        f"Of before {outlook.before}, needed by nothing, {verb}:\n"
        f"  {outlook.segments} segments, {outlook.segment_bytes:,} bytes (their leaf hashes are kept)\n"
        f"  {outlook.blobs} attachments, {outlook.blob_bytes:,} bytes\n"
        f"  {outlook.leftovers} unfinished files, {outlook.leftover_bytes:,} bytes\n"
        f"  {outlook.checkpoints} step checkpoints of {outlook.runs} settled or closed runs\n"
        "Kept, though as old:\n"
    )
    for reason, count in outlook.kept.items():
        sys.stdout.write(f"  {count} segments: {reason}\n")
    for digest in outlook.damaged:
        sys.stdout.write(f"DAMAGED, kept for investigation: segment {digest}\n")
    if not done:
        sys.stdout.write("Nothing was changed; do it with --yes --by NAME --why REASON\n")


def _place(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_bus
    from lienthong.ledger.holds import Holds, new_hold
    from lienthong.pipeline.acts import act

    bus = open_bus()
    if args.run is not None:
        bus.journal.run(args.exchange, args.run)
    elif not bus.journal.runs(args.exchange, limit=1):
        raise Misconfigured(
            "no run of this exchange is known", where=args.exchange, hint="lienthong runs list"
        )
    hold = new_hold(args.exchange, args.run, by=args.by, why=args.why)
    act(
        bus, name="hold.place", **said(args), exchange=args.exchange, run=args.run or "",
        subject={"hold": hold.id},
    )  # fmt: skip
    Holds(bus.database).place(hold)
    sys.stdout.write(
        f"hold {hold.id} is placed on {args.exchange}{f', run {args.run}' if args.run else ''}\n"
    )
    return 0


def _lift(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_bus
    from lienthong.ledger.holds import Holds
    from lienthong.pipeline.acts import act

    bus = open_bus()
    holds = Holds(bus.database)
    hold = holds.active(args.id)
    act(
        bus, name="hold.lift", **said(args), exchange=hold.exchange, run=hold.run or "",
        subject={"hold": hold.id},
    )  # fmt: skip
    holds.lift(hold.id)
    sys.stdout.write(f"hold {hold.id} is lifted\n")
    return 0


def _list(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive
    from lienthong.ledger.holds import Holds

    for hold in Holds(open_archive().database).list(args.exchange, lifted=args.all):
        ended = f"lifted {hold.lifted_at}" if hold.lifted_at else "holds"
        sys.stdout.write(
            f"{hold.id}\t{hold.exchange}\t{hold.run or 'all runs'}\t{ended}\t"
            f"placed {hold.placed_at} by {hold.by}: {hold.why}\n"
        )
    return 0
