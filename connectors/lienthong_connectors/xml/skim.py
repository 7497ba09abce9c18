"""Records that are set aside: the rest of one that is too deep or too large is passed over unbuilt."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

from lienthong.connector import Malformed
from lienthong.errors import Reason

#: How many times a record's limit is passed over before the answer is given up.
PATIENCE: Final = 32
_KEPT: Final = 1 << 16
_TAG: Final = re.compile(r"[^>\"']*(?:\"[^\"]*\"[^>\"']*|'[^']*'[^>\"']*)*>")

TOO_DEEP: Final = Reason(
    "",
    "xml.too-deep",
    "Bản ghi XML lồng nhau sâu hơn giới hạn của nguồn",
    "The XML record is nested deeper than the source's limit",
)
TOO_LARGE: Final = Reason(
    "",
    "xml.too-large",
    "Bản ghi XML lớn hơn giới hạn max_record_bytes của nguồn",
    "The XML record is larger than the source's max_record_bytes",
)
NOT_ENCODED: Final = Reason(
    "",
    "xml.not-encoded",
    "Bản ghi XML có byte không thuộc bảng mã mà tài liệu khai báo",
    "The XML record has bytes that are not in the encoding that the document names",
)


def skim(region: str, level: int) -> tuple[int, str]:
    """Count a region's tags from a level on; return the level behind it, and what follows level 0."""
    pieces = region.split("<")
    for place, piece in enumerate(pieces[1:], 1):
        if piece[:1] == "/":
            level -= 1
        else:
            tag = _TAG.match(piece)
            level += tag is None or tag.group()[-2:-1] != "/"
        if not level:
            rest = pieces[place + 1 :]
            return 0, "<" + "<".join(rest) if rest else ""
    return level, ""


def last_whole_tag(buffer: str) -> int:
    """Return how much of a buffer can be skimmed: all of it where its last tag is whole."""
    last = buffer.rfind("<")
    return len(buffer) if last < 0 or _TAG.match(buffer, last + 1) else last


def broken_in(value: Any) -> bool:
    """Tell whether a value holds a text with a byte that is in no encoding (a lone surrogate)."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return True
    return False


def set_aside(members: dict[str, Any], reason: Reason) -> Malformed:
    """Return a record that is not one: of what was read before, its plain members are kept."""
    plain = {name: value[:200] for name, value in members.items() if isinstance(value, str)}
    return Malformed(_as_it_came(plain), reason)


def not_encoded(record: dict[str, Any]) -> Malformed:
    """Return a record with bytes that are in no encoding; they stand in it as they came."""
    return Malformed(_as_it_came(record), NOT_ENCODED)


def _as_it_came(value: Any) -> bytes:
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return written.encode("utf-8", "surrogateescape")[:_KEPT]
