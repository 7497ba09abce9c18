"""Checking a bundle offline: `verify_bundle`.

Needs the file and the certificates of those who are believed, nothing else: no database, no
network, no installation of the bus that made it. Only what a verified signature covers is used;
every other byte of the file is rebuilt and compared. docs/evidence.md lists each check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from lienthong.errors import EvidenceTampered, LienThongError
from lienthong.ledger.container import README, Reader
from lienthong.ledger.fields import FORMAT_1
from lienthong.ledger.limits import limits
from lienthong.ledger.readme import README_TEXT, README_TEXT_2, text_of
from lienthong.ledger.report import Check, Problem, Report, settle
from lienthong.ledger.terms import LAW_EN, LAW_VI
from lienthong.ledger.verify_deliveries import delivery_problems
from lienthong.ledger.verify_documents import agreement_problems, document_problems, quarantine_problems
from lienthong.ledger.verify_flow import count_problems, flow_problems, step_problems, time_problems
from lienthong.ledger.verify_indexes import index_problems
from lienthong.ledger.verify_records import record_problems
from lienthong.ledger.verify_statements import Signed, chain_problems, read_statements
from lienthong.ledger.view import RunView
from lienthong.signing import TrustStore

_HOLDS: Final = {
    "chain": ("no statement is missing, added or moved", "không thiếu, thừa hay đổi chỗ tuyên bố nào"),
    "steps": ("all steps are there, complete and in order", "đủ các bước, đúng thứ tự"),
    "flow": ("each step took exactly what the step before gave", "mỗi bước nhận đúng đầu ra bước trước"),
    "counts": (LAW_EN, LAW_VI),
    "timestamps": ("no time goes backwards", "thời gian không đi lùi"),
    "documents": ("every document is the one that was signed", "mọi tài liệu đúng bản đã ký"),
    "agreement": (
        "agreement, contracts and mapping are those of the statements",
        "thỏa thuận, hợp đồng và ánh xạ khớp các tuyên bố",
    ),
    "deliveries": (
        "deliveries and receipts add up to what push signed",
        "giao nhận và biên nhận khớp bước push",
    ),
    "quarantine": (
        "every refused record is accounted for, with reasons",
        "mọi bản ghi bị cách ly đều được ghi kèm lý do",
    ),
    "records": (
        "every record has the signed leaf, segment and step root",
        "mọi bản ghi khớp gốc Merkle đã ký",
    ),
    "indexes": (
        "every key index here has the signed root and names each record of its segment once",
        "mọi chỉ mục khóa khớp gốc đã ký và ghi mỗi bản ghi đúng một lần",
    ),
}
# What each check of a run says when it holds, in English and Vietnamese.

_HELD_1: Final = {
    "counts": (
        "pulled = acknowledged + quarantined + refused + pending",
        "kéo về = đã nhận + cách ly + bị từ chối + đang chờ",
    ),
}
# The same for a run that settled under format 1, where it says something else.

Progress = Callable[[int, int], Any]
"""Told how many of how many entries of the file are checked."""


def verify_bundle(path: Path, *, trust: TrustStore, progress: Progress | None = None) -> Report:
    """Check everything that a bundle can show and return what was found.

    Never raises for what is inside the file, however broken; raises `Misconfigured` where the file
    cannot be read at all. Memory stays within the run's statements and one segment.
    """
    try:
        reader = Reader(Path(path))
    except EvidenceTampered as error:
        return _unreadable(Problem(Path(path).name, error.message, "cấu trúc tệp hồ sơ không còn nguyên vẹn"))
    with reader:
        if reader.damaged:
            return _unreadable(*map(_damaged, reader.damaged))
        return _verify(reader, trust, progress or _silent)


def _verify(reader: Reader, trust: TrustStore, progress: Progress) -> Report:
    signed = read_statements(reader, trust, progress)
    checks = settle(
        "container",
        "the whole file",
        f"every byte belongs to one of {len(reader.members)} entries or follows from them",
        f"mọi byte của tệp đều thuộc {len(reader.members)} mục hoặc suy ra từ chúng",
        _readme_problems(reader, {payload["format"] for _, payload in signed.statements}),
    )
    checks += settle("signatures", "statements", *_signed_sentences(signed), signed.problems)
    if signed.statements:
        checks += _check_run(reader, signed, progress)
    return _report(reader, signed, checks)


def _signed_sentences(signed: Signed) -> tuple[str, str]:
    acts = len(signed.view.acts) if signed.statements else 0
    steps = len(signed.statements) - acts
    en, vi = (
        f"{steps} statements are signed by a trusted key of their agency",
        f"{steps} tuyên bố có chữ ký hợp lệ của cơ quan",
    )
    if acts:
        en += f", {acts} acts by one of an operator who may"
        vi += f", {acts} việc có chữ ký hợp lệ của người vận hành"
    return en, vi


def _check_run(reader: Reader, signed: Signed, progress: Progress) -> list[Check]:
    view = signed.view
    run = f"run {view.first['run']}"
    held = _HOLDS | (_HELD_1 if view.format == FORMAT_1 else {})
    found: dict[str, Iterator[Problem]] = {
        "chain": chain_problems(signed),
        "steps": step_problems(view),
        "flow": flow_problems(view),
        "counts": count_problems(view),
        "timestamps": time_problems(view),
        "documents": document_problems(reader, view),
        "agreement": agreement_problems(reader, view),
        "deliveries": delivery_problems(reader, view),
        "quarantine": quarantine_problems(reader, view),
        "records": record_problems(reader, view, progress),
    }
    if reader.names("indexes"):
        found["indexes"] = index_problems(reader, view)
    checks: list[Check] = []
    for name, problems in found.items():
        checks += settle(name, run, *held[name], _closed(problems))
    return checks


def _closed(problems: Iterator[Problem]) -> Iterator[Problem]:
    """Yield problems; a check that what was signed brings to a fall counts as one that fails."""
    try:
        yield from problems
    except (LienThongError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        yield Problem("the whole run", f"it cannot be checked: {type(error).__name__}", "không kiểm tra được")


def _readme_problems(reader: Reader, formats: set[str]) -> Iterator[Problem]:
    """Yield what is wrong with the fixed text; where no statement could be verified any version will do."""
    texts = {text_of(formats)} if formats else {README_TEXT, README_TEXT_2}
    if README not in reader.members:
        yield Problem(README, "it is missing", "thiếu tệp này")
    elif reader.read(README) not in texts:
        yield Problem(README, "it is not the text of this format", "nội dung khác văn bản của định dạng")


def _damaged(name: str) -> Problem:
    return Problem(name, "its bytes were changed after the bundle was made", "nội dung đã bị thay đổi")


def _unreadable(*problems: Problem) -> Report:
    return Report(False, "", "", tuple(settle("container", "the whole file", "", "", problems)))


def _report(reader: Reader, signed: Signed, checks: list[Check]) -> Report:
    ok = bool(signed.statements) and all(check.ok for check in checks)
    if not signed.statements:
        return Report(ok, "", "", tuple(checks))
    view: RunView = signed.view
    first, settled = view.first, view.settled
    return Report(
        ok,
        first["exchange"],
        first["run"],
        tuple(checks),
        dict(settled["counts"]) if settled else {},
        tuple(limits(reader, view, signed.revocation)),
        first["agency"],
    )


def _silent(done: int, total: int) -> None:
    """Take progress and do nothing with it."""
