"""What a run did to the exchange's cursor, in words: for statements, summaries and logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lienthong.ledger import RunState
from lienthong.pipeline.plan import Plan
from lienthong.pipeline.pull import Pulled

#: What is said aloud of cursor values, by note: Vietnamese and English, with the number of records.
ODD: Final = {
    "cursor_unplaced": (
        "{} bản ghi có giá trị mốc không hợp lệ hoặc không xếp được thứ tự; chúng không dời mốc",
        "{} records have a cursor value that is not valid or has no place; they do not move the cursor",
    ),
    "cursor_ahead": (
        "{} bản ghi có giá trị mốc ở tương lai; chúng không dời mốc",
        "{} records have a cursor value that lies in the future; they do not move the cursor",
    ),
    "cursor_unreadable": (
        "mốc đã lưu không đúng dạng của trường này nên bị bỏ qua; mọi bản ghi được đọc lại",
        "the kept cursor is not of this field's form and was left aside; everything was read again",
    ),
    "cursor_in_future": (
        "mốc đã lưu nằm ở tương lai nên bị bỏ qua; mọi bản ghi được đọc lại",
        "the kept cursor lies in the future and was left aside; everything was read again",
    ),
    "high_unplaced": (
        "giá trị lớn nhất mà nguồn báo không xếp được theo trường của mốc; lượt sau đọc lại từ trước mốc",
        "what the source tells as its largest value has no place; the next run begins before the cursor",
    ),
    "high_unseen": (
        "không bản ghi nào có giá trị lớn nhất mà nguồn báo; lượt sau đọc lại từ trước mốc",
        "no record has the largest value that the source tells; the next run begins before the cursor",
    ),
    "high_behind": (
        "giá trị lớn nhất mà nguồn báo nằm trước mốc đã lưu nên mốc đứng yên; nguồn bị khôi phục từ sao lưu?",
        "the largest value that the source tells lies before the cursor, which stays; was a backup restored?",
    ),
}


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the cursor stood before a run (``since``), where the run moves it (``to``, None: it stays).

    ``odd`` counts, by the names of `ODD`, what was found wrong with cursor values.
    """

    since: str | None
    to: str | None
    odd: Mapping[str, int] = field(default_factory=dict)

    def noted(self, plan: Plan) -> dict[str, Any]:
        """Return the notes for a statement; values that tell of a person are left out."""
        hidden = plan.order is None or plan.order.personal
        ends = {} if hidden else {"cursor_from": self.since, "cursor_to": self.to}
        return {name: value for name, value in ends.items() if value is not None} | dict(self.odd)

    def lines(self) -> list[str]:
        """Return lines for a log; a cursor's value is not among them."""
        return odd_lines(self.odd)


def odd_lines(odd: Mapping[str, int]) -> list[str]:
    """Return what is to be said aloud, each in both languages."""
    return [
        " / ".join(text.format(odd[name]) for text in texts) for name, texts in ODD.items() if name in odd
    ]


def moved_cursor(plan: Plan, state: RunState, found: Pulled, *, advances: bool) -> Moved:
    """Return what settling a run does to the cursor; a cursor never goes back unless that was asked for."""
    odd = {name: int(found.notes[name]) for name in ODD if name in found.notes}
    to = found.cursor if advances else None
    order = plan.order
    back = (
        order is not None and to is not None and not state.explicit_since and not order.later(to, state.since)
    )
    return Moved(state.since, None if back else to, odd)
