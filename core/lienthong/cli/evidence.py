"""``lienthong evidence export`` and ``lienthong verify``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lienthong.cli.trusting import add_trust_options, trust_of
from lienthong.errors import Misconfigured, UnknownName

if TYPE_CHECKING:
    from lienthong.ledger import Report, RunState
    from lienthong.pipeline import Bus


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    evidence = commands.add_parser("evidence", help="export the evidence of a run, check the ledger")
    verbs = evidence.add_subparsers(dest="verb", required=True, metavar="VERB")
    export = verbs.add_parser("export", help="write one file that proves a run offline")
    export.add_argument("--run", required=True, help="the run's id (lienthong evidence runs)")
    export.add_argument("--exchange", help="the exchange, where several have a run of this id")
    export.add_argument("-o", "--output", type=Path, required=True)
    export.add_argument("--hashes-only", action="store_true", help="leave the records out")
    export.add_argument("--without-indexes", action="store_true", help="leave the key indexes out (smaller)")
    export.set_defaults(handler=_export)
    runs = verbs.add_parser("runs", help="list the latest runs")
    runs.add_argument("--exchange")
    runs.add_argument("--limit", type=int, default=20)
    runs.set_defaults(handler=_runs)
    acts = verbs.add_parser("acts", help="list what people did: who, why, when")
    acts.add_argument("--exchange", help="only what concerns this exchange")
    acts.add_argument("--run", help="only what concerns this run")
    acts.add_argument("--json", action="store_true", help="print one JSON object a line")
    acts.set_defaults(handler=_acts)
    check = verbs.add_parser("check-ledger", help="verify every entry of the ledger and their chain")
    add_trust_options(check)
    check.set_defaults(handler=_check_ledger)
    verify = commands.add_parser("verify", help="verify an evidence bundle, offline")
    verify.add_argument("file", type=Path)
    add_trust_options(verify)
    verify.add_argument("--json", action="store_true", help="print the report as JSON")
    verify.add_argument("--vi", action="store_true", help="in Vietnamese")
    verify.set_defaults(handler=_verify)


def _export(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive
    from lienthong.cli.progress import progress_bar
    from lienthong.ledger import export

    bus = open_archive()
    found = _find_run(bus, args.run, args.exchange)
    with progress_bar(found.exchange) as progress:
        info = export(
            bus.ledger,
            bus.journal,
            bus.quarantine,
            exchange=found.exchange,
            run=found.run,
            read_segment=bus.store.data,
            read_index=None if args.without_indexes else bus.index_rows,
            read_leaves=bus.store.leaves,
            documents={},
            out=args.output,
            records=not args.hashes_only,
            progress=lambda done, total: progress("export", done, total),
        )
    sys.stdout.write(
        f"{info.path}: {info.statements} statements, {info.segments} segments, "
        f"{'with' if info.records else 'without'} records, "
        f"{info.indexes} key indexes, {info.size} bytes, SHA-256 {info.digest}\n"
    )
    return 0


def _find_run(bus: Bus, run: str, exchange: str | None) -> RunState:
    if exchange is not None:
        return bus.journal.run(exchange, run)
    found = [state for state in bus.journal.runs(limit=10_000) if state.run == run]
    if not found:
        raise UnknownName(f"no run {run!r}", hint="list them with: lienthong evidence runs")
    if len(found) > 1:
        names = ", ".join(state.exchange for state in found)
        raise Misconfigured(
            f"several exchanges have a run {run!r}", hint=f"name one with --exchange: {names}"
        )
    return found[0]


def _runs(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive

    for state in open_archive().journal.runs(exchange=args.exchange, limit=args.limit):
        counts = ", ".join(f"{name} {count}" for name, count in state.counts.items())
        ended = state.settled_at or "not settled"
        sys.stdout.write(f"{state.exchange}\t{state.run}\t{ended}\t{counts}\n")
    return 0


def _acts(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive
    from lienthong.ledger.acts import acts

    for act in acts(open_archive().ledger, args.exchange, args.run):
        if args.json:
            sys.stdout.write(json.dumps(asdict(act), ensure_ascii=False) + "\n")
            continue
        about = " ".join(part for part in (act.exchange, act.run) if part) or "everything"
        subject = ", ".join(f"{name} {value}" for name, value in act.subject.items())
        words = (
            act.when,
            act.name,
            about,
            subject,
            act.who,
            act.why,
            f"entry {act.sequence}, key {act.operator}",
        )
        sys.stdout.write("\t".join(" ".join(str(word).split()) for word in words) + "\n")
    return 0


def _check_ledger(args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive

    bus = open_archive()
    ledger = bus.ledger  # whether there is one is said before what it would be checked against
    trust = trust_of(args, lambda: bus.trust)
    findings = ledger.check(trust)
    for finding in findings:
        sys.stdout.write(f"entry {finding.sequence}: {finding.en} [{finding.rule}]\n")
    head = ledger.head()
    count = head.sequence if head else 0
    for notice in trust.revocation_notices():
        sys.stderr.write(f"revocations are not known: {notice.en}\n")
    sys.stdout.write(f"{count} entries, {len(findings)} findings\n")
    return 4 if findings else 0


def _verify(args: argparse.Namespace) -> int:
    from lienthong.ledger.verify import verify_bundle

    report = verify_bundle(args.file, trust=trust_of(args))
    if args.json:
        sys.stdout.write(json.dumps(report.as_dict(), ensure_ascii=False) + "\n")
    else:
        _print_report(report, vi=args.vi)
    return 0 if report.ok else 4


def _print_report(report: Report, *, vi: bool) -> None:
    for check in report.checks:
        detail = check.detail_vi if vi else check.detail_en
        subject = "" if check.ok else f" {check.subject}:"
        sys.stdout.write(f"{'ok  ' if check.ok else 'FAIL'} {check.name}:{subject} {detail}\n")
    sys.stdout.write("\nkhông kiểm tra được từ tệp này:\n" if vi else "\nnot shown by this file:\n")
    for item in report.not_checked:
        sys.stdout.write(f"  - {item.detail_vi if vi else item.detail_en}\n")
    held = "HỢP LỆ" if vi else "VERIFIED"
    verdict = held if report.ok else ("KHÔNG " if vi else "NOT ") + held
    sys.stdout.write(f"\n{verdict}: {report.exchange}, {report.run}\n")
