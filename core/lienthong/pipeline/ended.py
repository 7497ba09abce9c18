"""Whether a read reached the end of the source's list: what a source says of it, in words for people.

What was not confirmed moves no cursor: the next run begins where this one began. What comes again then is
recognised (`lienthong.pipeline.again`) or compared with what the target has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lienthong.connector import End

#: How the end of a list is confirmed, by what `End.by` says: Vietnamese and English.
ENDS: Final = {
    "document": (
        "toàn bộ danh sách nằm trong một câu trả lời, nguồn không chia trang",
        "the whole list in one answer of a service that does not page",
    ),
    "order": ("đọc theo thứ tự ổn định của khóa", "read in a stable order by key"),
    "total": ("đủ số bản ghi mà nguồn báo trước", "as many records as the source announced"),
    "said": ("nguồn báo là đã hết", "the source said that there is no more"),
    "again": ("lần đọc thứ hai khớp với lần đầu", "a second read agrees with the first"),
    "declared": ("do kỹ sư tích hợp khai báo", "declared by the integration engineer"),
}
_CONFIRMED: Final = ("đã xác nhận đọc hết danh sách", "end of list confirmed")
_UNCONFIRMED: Final = (
    "CHƯA xác nhận đã đọc hết danh sách nên mốc đứng yên",
    "end of list not confirmed, so the cursor stays",
)
_SILENT: Final = (
    "nguồn không cho biết căn cứ nào để kết luận là đã hết",
    "the source says nothing by which the end could be known",
)
_CUT: Final = ("việc đọc dừng ở giới hạn được yêu cầu", "the read was cut at the limit that was asked for")


def told(end: End | None) -> dict[str, Any]:
    """Return what a source said of its end, JSON-ready; empty where it said nothing."""
    if end is None:
        return {}
    because = {} if end.because is None else {"vi": end.because.vi, "en": end.because.en}
    return {"by": end.by, **because}


def concluded(said: Mapping[str, Any], declared: str, *, cut: bool) -> dict[str, Any]:
    """Return how the end of a read is known, for the evidence; ``by`` is empty where it is not.

    ``declared`` is the engineer's reason, which counts where the source said nothing at all. ``cut``: the
    read ended at a limit, which is no end.
    """
    if cut:
        return {"by": "", "vi": _CUT[0], "en": _CUT[1]}
    by = str(said.get("by", ""))
    if declared and (not said or by == "declared"):
        return {"by": "declared", "reason": declared}
    if by in ENDS and by != "declared":
        return {"by": by}
    vi, en = _SILENT
    return {"by": "", "vi": said.get("vi", vi), "en": said.get("en", en)}


def confirmed(end: Mapping[str, Any] | None) -> bool:
    """Tell whether the end of a read is known."""
    return bool(end and end.get("by"))


def end_texts(end: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is to be said of a read's end, in Vietnamese and English; empty where nothing was kept."""
    if not end:
        return "", ""
    by = str(end.get("by", ""))
    if by not in ENDS:
        reasons: tuple[str, str] = (str(end.get("vi", "")), str(end.get("en", "")))
        heads = _UNCONFIRMED
    else:
        reason = f" ({end['reason']})" if end.get("reason") else ""
        reasons, heads = (ENDS[by][0] + reason, ENDS[by][1] + reason), _CONFIRMED
    vi, en = (f"{head}: {text}" if text else head for head, text in zip(heads, reasons, strict=True))
    return vi, en


def end_line(end: Mapping[str, Any]) -> str:
    """Return what is to be said of a read's end, in both languages, for a log or a summary."""
    return " / ".join(end_texts(end)) if end else ""
