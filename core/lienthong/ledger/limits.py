"""What a bundle cannot show, said precisely, so that nobody reads more into it."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from lienthong.ledger.container import Reader
from lienthong.ledger.documents import DELIVERIES
from lienthong.ledger.fields import FORMAT_1
from lienthong.ledger.report import NotChecked
from lienthong.ledger.verify_documents import BAD
from lienthong.ledger.verify_indexes import Superseded, superseded
from lienthong.ledger.view import RunView
from lienthong.records import parse
from lienthong.signing.trust import RevocationNotice

_ALWAYS: Final = (
    NotChecked(
        "trusted-time",
        "Times are those of the signer's own clock, not of a time-stamping authority.",
        "Thời gian lấy theo đồng hồ của bên ký, không phải dịch vụ cấp dấu thời gian.",
    ),
    NotChecked(
        "ledger-completeness",
        "The bundle shows that the ledger's entries of this run belong together, not that the ledger "
        "holds no other run and no later statement of this one: that takes a checkpoint.",
        "Hồ sơ không chứng minh sổ cái không còn lượt chạy hay tuyên bố nào khác: cần mốc sổ cái.",
    ),
    NotChecked(
        "source",
        "What was pulled is what the source gave to the signer; whether it gave everything is not shown.",
        "Không chứng minh được nguồn đã cung cấp đầy đủ dữ liệu.",
    ),
    NotChecked(
        "computation",
        "Contract, mapping and code are named by digest; that their application gives these outputs is "
        "shown only by applying them again.",
        "Kết quả kiểm tra và ánh xạ chỉ được xác nhận khi thực hiện lại với cùng mã nguồn.",
    ),
    NotChecked(
        "receipts",
        "Receipts are what the signer says that the target answered, with the digest of the answer; the "
        "target's own signature is not in the bundle.",
        "Biên nhận do bên ký ghi lại kèm giá trị băm; chữ ký của bên nhận không nằm trong hồ sơ.",
    ),
)


def limits(
    reader: Reader, view: RunView, revocation: Iterable[RevocationNotice] = ()
) -> Iterator[NotChecked]:
    """Yield what was not checked: always the same few things, and what this bundle leaves out.

    ``revocation`` are the authorities whose lists do not tell whether a signer had been revoked.
    """
    unknown = list(revocation)
    if unknown:
        yield NotChecked(
            "revocation",
            "Certificates were checked at the time of signing; whether one had been revoked is not known: "
            f"{'; '.join(one.en for one in unknown)}.",
            "Chứng thư được kiểm tra tại thời điểm ký; chưa biết chứng thư có bị thu hồi hay không: "
            f"{'; '.join(one.vi for one in unknown)}.",
        )
    yield from _ALWAYS
    wanted = view.segments()
    absent = [digest for digest in wanted if f"segments/{digest}.ndjson.zst" not in reader.members]
    if absent:
        yield NotChecked(
            "records",
            f"{len(absent)} of {len(wanted)} segments are there as leaf hashes only, without records.",
            f"{len(absent)}/{len(wanted)} phân đoạn chỉ có giá trị băm: không xem được bản ghi.",
        )
    yield from _indexes(reader, view)
    taken_over = _taken_over(reader, view)
    if taken_over:
        yield NotChecked(
            "taken-over",
            f"{taken_over} deliveries were made by an earlier run that never settled.",
            f"{taken_over} lần giao do một lượt chạy trước (chưa chốt) thực hiện.",
        )


def _indexes(reader: Reader, view: RunView) -> Iterator[NotChecked]:
    """Yield what key indexes would show, where they are not there or cannot show it."""
    if view.format == FORMAT_1:
        return
    wanted = view.indexes()
    absent = [root for root in wanted if f"indexes/{root}.bin" not in reader.members]
    if absent:
        yield NotChecked(
            "key-indexes",
            f"{len(absent)} of {len(wanted)} key indexes are not there.",
            f"Thiếu {len(absent)}/{len(wanted)} chỉ mục khóa.",
        )
    unchanged = sum(payload["counts"].get("unchanged", 0) for payload in view.steps["push"])
    if unchanged:
        yield NotChecked(
            "unchanged",
            f"{unchanged} records were not sent because the target had exactly these versions: what shows "
            "that is the evidence of the earlier runs that delivered them.",
            f"{unchanged} bản ghi không gửi vì bên nhận đã có: xem hồ sơ của các lượt chạy đã giao.",
        )
    found = _superseded(reader, view)
    if found.total > found.shown:
        yield NotChecked(
            "superseded",
            f"Of {found.total} superseded records a newer version of {found.shown} is in this run; that the "
            f"target had a newer version of the other {found.total - found.shown} is not shown here.",
            f"Trong {found.total} bản ghi đã bị thay thế, {found.shown} có bản mới hơn trong lượt chạy này.",
        )


def _superseded(reader: Reader, view: RunView) -> Superseded:
    try:
        return superseded(reader, view)
    except (*BAD, struct.error):
        return Superseded(0, 0)  # what cannot be read is told by the checks


def _taken_over(reader: Reader, view: RunView) -> int:
    try:
        found = parse(reader.read(f"documents/{DELIVERIES}"))["deliveries"]
        if view.format == FORMAT_1:
            return sum(1 for item in found if item["state"] == "acknowledged" and not item["attempts"])
        run = view.first["run"]
        return sum(1 for item in found if item["acknowledged"] and (item["inherited"] or item["run"] != run))
    except (KeyError, ValueError, TypeError):
        return 0
