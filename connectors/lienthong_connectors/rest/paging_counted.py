"""Pages found by counting: numbered pages, offset and limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from lienthong.connector import option
from lienthong.exchange import Text
from lienthong_connectors.ends import NO_TOTAL, is_round
from lienthong_connectors.rest.ending import Ended
from lienthong_connectors.rest.paging import Paging, Params, Seen, State, check_size
from lienthong_connectors.rest.paths import text_at

_PAST_END: Final = frozenset({204, 400, 404, 416})


class _Counted(Paging):
    """Pages that can be asked for in any order, several at a time."""

    until: Literal["empty", "short"]
    total_path: str | None
    size: int

    @property
    def total_place(self) -> str:
        """Where a total is announced."""
        return self.total_path or ""

    @property
    def page_size(self) -> int:
        """How many records a page is asked for with."""
        return self.size

    @property
    def slides(self) -> bool:
        """Whether later records move over a page's edge if earlier ones go: they do."""
        return True

    def ends(self, state: State, page: Seen) -> Ended:  # noqa: ARG002 - an empty page, or a short one
        """Return that the service said so."""
        return Ended("said")

    def past_end(self, state: State) -> frozenset[int]:
        """Return the statuses of the page behind the last one, where a short page may be the last."""
        return _PAST_END if self.until == "short" and not self.begins(state) else frozenset()

    def unsure(self) -> Text | None:
        """Return what is missing where neither a total nor a second read tells whether records slid."""
        return None if self.total_path or self.again else NO_TOTAL

    @property
    def addressable(self) -> bool:
        """Whether several pages can be asked for at a time: they can."""
        return True

    def total(self, value: Any) -> int | None:
        """Return the announced total."""
        text = text_at(value, self.total_path or "")
        return int(text) if text.isascii() and text.isdecimal() else None

    def _ends(self, page: Seen, size: int, read: int) -> bool:
        """Tell whether a page is the last.

        A short page is only believed where the total agrees, or where the settings say so and a full one
        came before, or its size is not one at which services cap pages: servers that silently give less
        than was asked for would otherwise lose records.
        """
        if page.size == 0:
            return True
        total = self.total(page.value)
        short = self.until == "short" and (page.most >= size or not is_round(page.size))
        return page.size < size and (short or (total is not None and read >= total))


@dataclass(frozen=True, slots=True)
class PagePaging(_Counted):
    """Numbered pages: ``?trang=1&soBanGhi=500``."""

    kind: ClassVar[str] = "page"
    page_param: str = option("page", doc="parameter of the page number")
    size_param: str = option("size", doc="parameter of the page size; empty: none is sent")
    size: int = option(500, doc="records a page")
    start: int = option(1, doc="number of the first page")
    total_path: str | None = option(None, doc="dotted path of the announced total")
    until: Literal["empty", "short"] = option(
        "empty", doc="the page that ends the list; short: a shorter one behind a full one"
    )
    again: bool = option(
        True, doc="where no total tells that all came, read the list's keys a second time", quiet=True
    )

    def __post_init__(self) -> None:
        check_size(self.size)

    def first(self, since: str | None) -> State:  # noqa: ARG002 - the list begins at its beginning
        """Return the first page's number."""
        return {"page": self.start}

    def params(self, state: State) -> Params:
        """Return page number and size."""
        params: Params = {self.page_param: state["page"]}
        return {**params, **({self.size_param: self.size} if self.size_param else {})}

    def following(self, state: State, page: Seen, read: int) -> State | None:
        """Return the next number."""
        return None if self._ends(page, self.size, read) else {"page": state["page"] + 1}

    def ahead(self, state: State, total: int | None) -> State | None:
        """Return the next number, up to the last that an announced total leaves room for."""
        number = state["page"] + 1
        beyond = total is not None and (number - self.start) * self.size >= total
        return None if beyond else {"page": number}


@dataclass(frozen=True, slots=True)
class OffsetPaging(_Counted):
    """Offset and limit: ``?offset=500&limit=500``; advances by what really came."""

    kind: ClassVar[str] = "offset"
    offset_param: str = option("offset", doc="parameter of the offset")
    limit_param: str = option("limit", doc="parameter of the page size; empty: none is sent")
    size: int = option(500, doc="records a page")
    total_path: str | None = option(None, doc="dotted path of the announced total")
    until: Literal["empty", "short"] = option(
        "empty", doc="the page that ends the list; short: a shorter one behind a full one"
    )
    again: bool = option(
        True, doc="where no total tells that all came, read the list's keys a second time", quiet=True
    )

    def __post_init__(self) -> None:
        check_size(self.size)

    def first(self, since: str | None) -> State:  # noqa: ARG002 - the list begins at its beginning
        """Return offset 0."""
        return {"offset": 0}

    def params(self, state: State) -> Params:
        """Return offset and limit."""
        params: Params = {self.offset_param: state["offset"]}
        return {**params, **({self.limit_param: self.size} if self.limit_param else {})}

    def following(self, state: State, page: Seen, read: int) -> State | None:
        """Return the offset behind the elements that came."""
        return None if self._ends(page, self.size, read) else {"offset": state["offset"] + page.size}

    def ahead(self, state: State, total: int | None) -> State | None:
        """Return the offset behind a full page, up to an announced total."""
        offset = state["offset"] + self.size
        return None if total is not None and offset >= total else {"offset": offset}
