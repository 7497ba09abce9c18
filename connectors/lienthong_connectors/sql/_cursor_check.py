"""What a check says of the cursor's column: who orders it, and what that costs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from lienthong.connector import Finding

if TYPE_CHECKING:
    from lienthong_connectors.sql._source import OpenSource

_LOOKED_AT: Final = 1000
_DATED: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WAY_OUT: Final = (
    "; bảng lớn thì nên dùng query trả về kiểu thời gian hoặc số",
    "; for a large table let a query give it as a time or a number",
)
_SAID: Final = {
    "typed": (
        "cột {} do cơ sở dữ liệu xếp thứ tự",
        "the database orders column {}",
    ),
    "empty": (
        "cột {} chưa có giá trị nào",
        "column {} has no value yet",
    ),
    "dated": (
        "cột {} chứa văn bản bắt đầu bằng ngày: mỗi lượt đọc từ một ngày trước mốc rồi so từng dòng",
        "column {} holds texts that begin with a day: a run reads from a day before the cursor on",
    ),
    "numbers": (
        "cột {} chứa số dạng văn bản: cơ sở dữ liệu đổi từng dòng sang số, chỉ mục của cột không dùng được",
        "column {} holds numbers as texts: the database casts every row, whatever its indexes",
    ),
    "other": (
        "cột {} chứa văn bản: nếu là thời gian không sắp được như văn bản thì mỗi lượt đọc cả cột",
        "column {} holds texts: if they are times that do not sort as texts, each run reads the whole table",
    ),
}


def cursor_finding(source: OpenSource) -> Finding:
    """Return how the cursor's column can be read; raises as the driver does."""
    kind, texts = source.cursor_sample(_LOOKED_AT)
    said = "typed"
    if kind == "other" and not texts:
        said = "empty"
    elif kind == "text":
        said = (
            "dated" if _all(_DATED.match, texts) else "numbers" if _all(_NUMBER.fullmatch, texts) else "other"
        )
    vi, en = (text.format(repr(source.settings.cursor)) for text in _SAID[said])
    if said not in ("typed", "empty"):
        vi, en = vi + _WAY_OUT[0], en + _WAY_OUT[1]
    return Finding("cursor", ok=True, detail=en, vi=vi)


def _all(fits: Callable[[str], object], texts: Iterable[str]) -> bool:
    return all(map(fits, texts))
