"""``lienthong quarantine``: refused records, their repair and their replay."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lienthong.cli.said import add_who_and_why, said
from lienthong.errors import Misconfigured
from lienthong.faults import file_faults

if TYPE_CHECKING:
    from lienthong.ledger import QuarantineItem
    from lienthong.pipeline import Bus

STATES = ("quarantined", "repaired", "replayed", "released")


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser("quarantine", help="refused records: list, show, repair, replay, release")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="list refused records with their reasons")
    listing.add_argument("--exchange")
    listing.add_argument("--run")
    listing.add_argument("--state", choices=STATES)
    listing.add_argument("--json", action="store_true")
    listing.add_argument("--vi", action="store_true", help="reasons in Vietnamese")
    listing.set_defaults(handler=_list)
    show = verbs.add_parser(
        "show", help="show one with its versions; --record prints its bytes (personal data!)"
    )
    show.add_argument("id")
    show.add_argument("--record", action="store_true")
    show.set_defaults(handler=_show)
    repair = verbs.add_parser("repair", help="put a repaired record in its place, as a new version")
    repair.add_argument("id")
    repair.add_argument("--file", type=Path, required=True, help="a JSON file with the repaired record")
    add_who_and_why(repair)
    repair.set_defaults(handler=_repair)
    replay = verbs.add_parser("replay", help="run repaired records through validation to delivery")
    replay.add_argument("file", type=Path, help="the DAG file")
    replay.add_argument("--exchange")
    replay.add_argument("--connections", type=Path)
    replay.add_argument("--json", action="store_true")
    replay.add_argument(
        "--back", action="store_true", help="let old records go over newer ones that the target has"
    )
    add_who_and_why(replay)
    replay.set_defaults(handler=_replay)
    release = verbs.add_parser("release", help="close a record without delivering it")
    release.add_argument("id")
    add_who_and_why(release)
    release.set_defaults(handler=_release)


def _list(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive

    found = open_archive().quarantine.list(exchange=args.exchange, run=args.run, state=args.state)
    for item in found:
        if args.json:
            sys.stdout.write(json.dumps(_as_dict(item), ensure_ascii=False) + "\n")
            continue
        again = f", {item.occurrences} times, last {item.last_run}" if item.occurrences > 1 else ""
        sys.stdout.write(f"{item.id}  {item.exchange}  {item.step}  {item.state}  {item.run}{again}\n")
        for reason in item.reasons:
            sys.stdout.write(
                f"    {reason.path or '/'}: {reason.vi if args.vi else reason.en} [{reason.rule}]\n"
            )
    if not args.json:
        sys.stdout.write(f"{len(found)} records\n")
    return 0


def _as_dict(item: QuarantineItem) -> dict[str, Any]:
    place = ("exchange", "run", "step", "dataset", "state", "version", "previous", "replay_run")
    names = (*place, "key_hash", "occurrences", "last_run")
    return {
        "id": item.id,
        **{name: getattr(item, name) for name in names},
        "reasons": [reason.as_dict() for reason in item.reasons],
    }


def _show(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive
    from lienthong.pipeline.replay import record_of

    bus = open_archive()
    for item in bus.quarantine.versions(args.id):
        sys.stdout.write(json.dumps(_as_dict(item), ensure_ascii=False, indent=2) + "\n")
    if args.record:
        sys.stdout.write(record_of(bus, args.id).decode() + "\n")
    return 0


def _repair(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_bus
    from lienthong.pipeline.replay import repair

    with file_faults("no JSON record can be read", args.file):
        data = args.file.read_bytes()
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, json.JSONDecodeError) else "not UTF-8, or nested too deep"
        raise Misconfigured(f"no JSON record can be read: {said}", where=str(args.file)) from None
    if not isinstance(record, dict):
        raise Misconfigured("a record is a JSON object", where=str(args.file))
    bus = open_bus()
    _sign(bus, "quarantine.repair", bus.quarantine.get(args.id), args)
    item, reasons = repair(bus, args.id, record)
    sys.stdout.write(f"version {item.version} is {item.id}, instead of {item.previous}\n")
    for reason in reasons:
        sys.stdout.write(
            f"    it would be refused again: {reason.path or '/'}: {reason.en} [{reason.rule}]\n"
        )
    return 2 if reasons else 0


def _sign(bus: Bus, name: str, item: QuarantineItem, args: argparse.Namespace) -> None:
    """Sign who does what to an item and why, before it is done."""
    from lienthong.pipeline.acts import act

    subject = {"item": item.id, "state": item.state, "step": item.step, "occurrences": item.occurrences}
    act(bus, name=name, **said(args), exchange=item.exchange, run=item.run, subject=subject)


def _replay(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_bus
    from lienthong.cli.exchanges import one_exchange
    from lienthong.pipeline import compile_plan
    from lienthong.pipeline.acts import act
    from lienthong.pipeline.replay import replay_items

    plan = compile_plan(one_exchange(args.file, args.exchange))
    bus = open_bus(args.connections)
    waiting = bus.quarantine.list(exchange=plan.exchange.id, state="repaired")
    if waiting:
        subject = {"items": [item.id for item in waiting], "back": "yes" if args.back else "no"}
        act(bus, name="quarantine.replay", **said(args), exchange=plan.exchange.id, subject=subject)
    done = replay_items(bus, plan, back=args.back)
    for settled in done.settled:
        if args.json:
            sys.stdout.write(json.dumps(settled.as_dict(), ensure_ascii=False) + "\n")
        else:
            counts = ", ".join(f"{name} {count}" for name, count in settled.counts.items())
            sys.stdout.write(f"{settled.run}: {counts}\n")
    for item in done.older:
        sys.stderr.write(
            f"{item.id}: older than what the target has by now, not sent; release it, or let it go back "
            "with --back\n"
        )
    if not waiting and not args.json:
        sys.stdout.write("nothing to replay: repair records first (lienthong quarantine repair)\n")
    return 2 if done.older else 0


def _release(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_bus

    bus = open_bus()
    _sign(bus, "quarantine.release", bus.quarantine.get(args.id), args)
    item = bus.quarantine.released(args.id)
    sys.stdout.write(f"{item.id} is {item.state}\n")
    return 0
