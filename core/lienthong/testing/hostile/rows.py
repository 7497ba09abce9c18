"""All rows of the matrix, by name and in the order of the page."""

from __future__ import annotations

from collections.abc import Mapping

from lienthong.testing.hostile.matrix import Row
from lienthong.testing.hostile.rows_content import CONTENT
from lienthong.testing.hostile.rows_wire import CUTS, IDENTITY, PAGES, TIME
from lienthong.testing.hostile.rows_yes import YES

#: Title of each part of the matrix, in Vietnamese and English, and its rows.
PARTS: tuple[tuple[str, str, tuple[Row, ...]], ...] = (
    ("Nội dung trả lời", "What the answer says", CONTENT),
    ("Thế nào là đồng ý", "What is a yes", YES),
    ("Kết nối bị cắt", "Cut connections", CUTS),
    ("Thời gian", "Time", TIME),
    ("Ai trả lời", "Who answers", IDENTITY),
    ("Trang và danh sách", "Pages", PAGES),
)

ROWS: Mapping[str, Row] = {row.name: row for *_, rows in PARTS for row in rows}


def rows_for(family: str, role: str) -> list[str]:
    """Return the names of the rows that apply to a role in a family."""
    return [name for name, row in ROWS.items() if not isinstance(row.outcome(family, role), str)]
