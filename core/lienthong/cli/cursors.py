"""``lienthong cursor``: where the next run of an exchange begins; shown, set, taken back."""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lienthong.errors import Misconfigured

if TYPE_CHECKING:
    from lienthong.pipeline import Bus, Plan

_LENGTH = re.compile(r"([0-9]+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser("cursor", help="where the next run of an exchange begins: show, set, rewind")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    show = verbs.add_parser("show", help="show the cursor of one exchange or of all")
    show.add_argument("--exchange")
    show.add_argument("--json", action="store_true")
    show.set_defaults(handler=_show)
    put = verbs.add_parser("set", help="let the next run begin at a value")
    _add_who(put)
    put.add_argument("value", help="a value of the cursor's field, as the source writes it")
    put.set_defaults(handler=_set)
    back = verbs.add_parser(
        "rewind", help="take the cursor back; what the target has already is not sent twice"
    )
    _add_who(back)
    how = back.add_mutually_exclusive_group(required=True)
    how.add_argument("--back", help="how far: 90s, 15m, 2h, 3d for times, a number for numbers")
    how.add_argument("--to-run", help="to where this settled run left it")
    back.set_defaults(handler=_rewind)


def _add_who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the DAG file")
    parser.add_argument("--exchange", help="the exchange's id, where the file defines several")
    parser.add_argument("--by", required=True, help="who does this, for the ledger")
    parser.add_argument("--why", required=True, help="why, for the ledger")


def _show(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive

    found = open_archive().journal.cursors(args.exchange)
    for exchange, at in found.items():
        if args.json:
            sys.stdout.write(json.dumps({"exchange": exchange, "cursor": at.value, "run": at.run}) + "\n")
        else:
            sys.stdout.write(f"{exchange}\t{at.value or '-'}\tset by run {at.run or '-'}\n")
    if not found and not args.json:
        sys.stdout.write("no cursor yet: the next run reads everything\n")
    return 0


def _set(args: argparse.Namespace) -> int:
    from lienthong.pipeline.cursors import set_cursor

    bus, plan = _opened(args)
    at = set_cursor(bus, plan, args.value, who=args.by, why=args.why)
    sys.stdout.write(f"the next run of {plan.exchange.id} begins at {at.value}\n")
    return 0


def _rewind(args: argparse.Namespace) -> int:
    from lienthong.pipeline.cursors import rewind

    back = None if args.back is None else _amount(args.back)
    bus, plan = _opened(args)
    at = rewind(bus, plan, who=args.by, why=args.why, back=back, run=args.to_run)
    sys.stdout.write(f"the next run of {plan.exchange.id} begins at {at.value}\n")
    return 0


def _opened(args: argparse.Namespace) -> tuple[Bus, Plan]:
    from lienthong.cli.deployment import open_bus
    from lienthong.cli.exchanges import one_exchange
    from lienthong.pipeline import compile_plan

    for name in ("by", "why"):
        if not getattr(args, name).strip():
            raise Misconfigured("the ledger names who did what, and why", where=f"--{name}", hint="give both")
    return open_bus(), compile_plan(one_exchange(args.file, args.exchange))


def _amount(text: str) -> timedelta | Decimal:
    """Return a length of time or an amount."""
    length = _LENGTH.fullmatch(text)
    if length:
        return timedelta(**{_UNITS[length[2]]: int(length[1])})
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return Decimal(text)
    raise Misconfigured(
        "no length of time and no number", where="--back", hint="write 90s, 15m, 2h, 3d or 500"
    )
