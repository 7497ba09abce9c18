"""``lienthong run``: one exchange from pull to settle, in this process."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lienthong.cli.said import add_who_and_why, said
from lienthong.errors import LienThongError, Misconfigured
from lienthong.ledger.terms import COUNTS

if TYPE_CHECKING:
    from lienthong.ledger import RunState
    from lienthong.pipeline import Bus, Plan, RunRequest, Settled
    from lienthong.recording import Recorder


def add_commands(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("run", help="run one exchange in this process, without Airflow's scheduler")
    _add_options(parser)
    parser.set_defaults(handler=_run)
    record = commands.add_parser("record", help="run one exchange, and record what is said over HTTP, masked")
    _add_options(record)
    record.add_argument("--to", type=Path, required=True, help="file of the recording; it must not exist")
    record.add_argument(
        "--mask", action="append", default=[], metavar="NAME", help="another member that is personal"
    )
    record.set_defaults(handler=_record)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a DAG file")
    parser.add_argument("--exchange", help="the exchange's id, where the file defines several")
    parser.add_argument(
        "--since",
        help="begin here instead of where the last settled run ended; signed as an act with --by and --why",
    )
    parser.add_argument("--dry-run", action="store_true", help="do everything but deliver")
    parser.add_argument("--limit", type=int, help="pull at most so many records; the cursor stays")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("--new", action="store_true", help="start a new run even if one was interrupted")
    parser.add_argument("--connections", type=Path, help="a connections file (JSON, YAML or .env)")
    parser.add_argument(
        "--from-staging",
        metavar="RUN",
        help="validate, map and deliver what a settled run pulled once more, without a pull",
    )
    parser.add_argument(
        "--resend",
        action="store_true",
        help="send also what the target has by our index (it was restored, say); needs --by and --why",
    )
    add_who_and_why(parser, required=False)


def _run(args: argparse.Namespace) -> int:
    return _run_exchange(args, None)


def _record(args: argparse.Namespace) -> int:
    from lienthong.cli.exchanges import one_exchange
    from lienthong.pipeline import compile_plan
    from lienthong.recording import Recorder, masks_for

    plan = compile_plan(one_exchange(args.file, args.exchange))
    with Recorder(args.to, plan.exchange.id, masks_for(plan, args.mask)) as recorder:
        try:
            return _run_exchange(args, recorder)
        finally:
            _tell_of_recording(recorder, args.to)


def _run_exchange(args: argparse.Namespace, recorder: Recorder | None) -> int:
    from lienthong.cli.deployment import open_bus
    from lienthong.cli.exchanges import one_exchange
    from lienthong.cli.progress import progress_bar
    from lienthong.pipeline import compile_plan

    _check_options(args)
    plan = compile_plan(one_exchange(args.file, args.exchange))
    began = time.monotonic()
    with progress_bar(plan.exchange.id, quiet=args.json) as progress:
        bus = open_bus(args.connections, progress=progress)
        bus.tap = recorder.tap if recorder else None
        settled = _settled(bus, plan, args)
    _summary(settled, time.monotonic() - began, as_json=args.json)
    return 0


def _check_options(args: argparse.Namespace) -> None:
    alone = {"--since": args.since, "--limit": args.limit, "--dry-run": args.dry_run, "--resend": args.resend}
    given = [name for name, value in alone.items() if value]
    if args.from_staging and given:
        raise Misconfigured(f"--from-staging and {given[0]} do not go together", where="lienthong run")
    if bool(args.by) != bool(args.why) or (args.resend and not args.by):
        option = "--resend" if args.resend else "an act"
        raise Misconfigured(f"{option} needs a name and a reason", where="--by, --why", hint="give both")


def _settled(bus: Bus, plan: Plan, args: argparse.Namespace) -> Settled:
    """Run what was asked for; with ``--json`` an error is printed as JSON, too."""
    from lienthong.pipeline import run_exchange
    from lienthong.pipeline.staging_run import run_from_staging
    from lienthong.pipeline.wishes import sign_wish

    run = args.from_staging
    try:
        if run:
            return run_from_staging(bus, plan, run)
        request = _request(bus, plan, args)
        run = request.run
        if args.by:
            sign_wish(bus, plan, request, **said(args))
        return run_exchange(bus, plan, request)
    except LienThongError as error:
        if args.json:
            _print_json({"exchange": plan.exchange.id, "run_id": run, "error": str(error)})
        raise


def _request(bus: Bus, plan: Plan, args: argparse.Namespace) -> RunRequest:
    """Return the request of a new run, or of the interrupted one that asked for the same."""
    asked = (args.since, args.dry_run, args.limit)
    if not args.new:
        for state in bus.journal.runs(exchange=plan.exchange.id, limit=1):
            same = (state.since if state.explicit_since else None, state.dry_run, state.limit) == asked
            if same and state.run.startswith("cli__") and _may_go_on(bus, plan, state):
                sys.stderr.write(f"going on with interrupted run {state.run} (--new starts afresh)\n")
                return _asked(args, state.run)
    fresh = datetime.now(UTC).strftime("cli__%Y-%m-%dT%H%M%S.%fZ")
    return _asked(args, fresh)


def _asked(args: argparse.Namespace, run: str) -> RunRequest:
    """Return what the options ask of a run of this name."""
    from lienthong.pipeline import RunRequest

    return RunRequest(run, args.since, args.dry_run, args.limit, resend=args.resend)


def _may_go_on(bus: Bus, plan: Plan, state: RunState) -> bool:
    """Tell whether an interrupted run can still settle: under this agreement, open, and not overtaken."""
    newest = state.epoch == bus.journal.cursor(state.exchange).epoch
    return not state.settled and state.closed_at is None and state.digest == plan.digest and newest


def _tell_of_recording(recorder: Recorder, path: Path) -> None:
    """Say what was replaced and what was kept: a person must look before anybody else does."""
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True)
    table = Table("replaced", "times", title=f"{recorder.count} messages in {path}")
    for name, times in recorder.masks.replaced.most_common():
        table.add_row(name, f"{times:,}")
    console.print(table)
    console.print("Kept as they were:", ", ".join(sorted(recorder.masks.kept)) or "nothing")
    if recorder.left_out:
        console.print(f"{recorder.left_out} bodies of unknown types were left out.")
    console.print("Read the file before you hand it on; --mask NAME replaces a member more.")


def _summary(settled: Settled, seconds: float, *, as_json: bool) -> None:
    if as_json:
        counts = {name: settled.counts.get(name, 0) for name in COUNTS}
        cursor = {"since": settled.since, "cursor": settled.cursor, **settled.odd}
        run = {"seconds": round(seconds, 3), "run_id": settled.run, "exchange": settled.exchange}
        notices = {"notices": [dict(one) for one in settled.notices]} if settled.notices else {}
        shown = {name: value for name, value in cursor.items() if value is not None}
        end = {"end": dict(settled.end)} if settled.end else {}
        _print_json({**counts, **run, **shown, **notices, **end})
        return
    from rich.console import Console
    from rich.table import Table

    from lienthong.pipeline.ended import confirmed, end_line
    from lienthong.pipeline.moved import odd_lines

    table = Table(title=f"{settled.exchange}, run {settled.run}")
    for name in (*COUNTS, "seconds"):
        table.add_column(name, justify="right")
    table.add_row(*(f"{settled.counts.get(name, 0):,}" for name in COUNTS), f"{seconds:.1f}")
    console = Console()
    console.print(table)
    if settled.nothing_new:
        console.print("Nothing new since the last run.")
    if settled.cursor is not None:
        console.print(f"Cursor: {settled.since or 'none'} → {settled.cursor}", highlight=False)
    if settled.end:
        style = "dim" if confirmed(settled.end) else "yellow"
        console.print(end_line(settled.end), style=style, highlight=False, markup=False)
    for line in odd_lines(settled.odd):
        console.print(f"[yellow]{line}[/yellow]")
    for notice in settled.notices:
        console.print(f"[yellow]{notice['vi']} / {notice['en']}[/yellow]")
    console.print(f"Evidence: ledger entry {settled.evidence['sequence']}, {settled.evidence['hash']}")


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
