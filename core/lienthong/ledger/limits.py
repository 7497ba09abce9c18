"""What a bundle cannot show, said precisely, so that nobody reads more into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from lienthong.ledger.container import Reader
from lienthong.ledger.documents import DELIVERIES
from lienthong.ledger.report import NotChecked
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
    taken_over = _taken_over(reader)
    if taken_over:
        yield NotChecked(
            "taken-over",
            f"{taken_over} deliveries were made by an earlier run that never settled.",
            f"{taken_over} lần giao do một lượt chạy trước (chưa chốt) thực hiện.",
        )


def _taken_over(reader: Reader) -> int:
    try:
        found = parse(reader.read(f"documents/{DELIVERIES}"))["deliveries"]
        return sum(1 for item in found if item["state"] == "acknowledged" and not item["attempts"])
    except (KeyError, ValueError, TypeError):
        return 0
