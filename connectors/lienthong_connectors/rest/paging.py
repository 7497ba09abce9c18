"""How a list is cut into pages, and how the next page is found.

A *state* is a small JSON-ready object that names one page; it is what the pipeline keeps to go on
after an interruption. ``following`` gets the page that was read and the number of records read so
far and returns the state of the next one, None at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol
from urllib.parse import urljoin

from lienthong.connector import option
from lienthong.errors import InvalidExchange, ProtocolViolation
from lienthong_connectors.rest.paths import text_at

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What paging may know of a page: its JSON, the elements in it, its URL and ``Link`` header."""

    value: Any
    count: int
    url: str = ""
    link: str = ""


class Paging(Protocol):
    """One way of paging."""

    kind: ClassVar[str]
    addressable: ClassVar[bool]

    def first(self) -> State:
        """Return the state of the first page."""
        ...

    def params(self, state: State) -> Mapping[str, str]:
        """Return the parameters that ask for a page."""
        ...

    def following(self, state: State, page: Seen, read: int) -> State | None:
        """Return the state after a page; ``read`` counts the elements up to and with this page."""
        ...

    def ahead(self, state: State, total: int | None) -> State | None:
        """Return the state that very likely follows, before the page is read (addressable only)."""
        ...

    def total(self, value: Any) -> int | None:
        """Return the number of records that the answer announces, None where it does not."""
        ...


class _Sequential:
    """Pages of which only the one before knows the next."""

    addressable: ClassVar[bool] = False

    def first(self) -> State:
        """Return the state of the first page."""
        return {}

    def params(self, state: State) -> Mapping[str, str]:  # noqa: ARG002 - the URL says all
        """Return no parameters."""
        return {}

    def ahead(self, state: State, total: int | None) -> State | None:  # noqa: ARG002 - nobody can know
        """Return None: the next page is not known before this one."""
        return None

    def total(self, value: Any) -> int | None:  # noqa: ARG002 - not announced
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class NoPaging(_Sequential):
    """The whole list in one answer."""

    kind: ClassVar[str] = "none"

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - one page
        """Return None: there is one page."""
        return None


class _Counted:
    """Pages that can be asked for in any order, several at a time."""

    addressable: ClassVar[bool] = True
    until: Literal["empty", "short"]
    total_path: str | None

    def total(self, value: Any) -> int | None:
        """Return the announced total."""
        text = text_at(value, self.total_path or "")
        return int(text) if text.isascii() and text.isdecimal() else None

    def _ends(self, page: Seen, size: int, read: int) -> bool:
        """Tell whether a page is the last.

        A short page is only believed where the total agrees, or the settings say so: servers that
        silently give less than was asked for would otherwise lose records.
        """
        if page.count == 0:
            return True
        total = self.total(page.value)
        return page.count < size and (self.until == "short" or (total is not None and read >= total))


@dataclass(frozen=True, slots=True)
class PagePaging(_Counted):
    """Numbered pages: ``?trang=1&soBanGhi=500``."""

    kind: ClassVar[str] = "page"
    page_param: str = option("page", doc="parameter of the page number")
    size_param: str = option("size", doc="parameter of the page size; empty: none is sent")
    size: int = option(500, doc="records a page")
    start: int = option(1, doc="number of the first page")
    total_path: str | None = option(None, doc="dotted path of the announced total")
    until: Literal["empty", "short"] = option("empty", doc="the page that ends the list")

    def __post_init__(self) -> None:
        _check_size(self.size)

    def first(self) -> State:
        """Return the first page's number."""
        return {"page": self.start}

    def params(self, state: State) -> Mapping[str, str]:
        """Return page number and size."""
        params = {self.page_param: str(state["page"])}
        return params | ({self.size_param: str(self.size)} if self.size_param else {})

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
    until: Literal["empty", "short"] = option("empty", doc="the page that ends the list")

    def __post_init__(self) -> None:
        _check_size(self.size)

    def first(self) -> State:
        """Return offset 0."""
        return {"offset": 0}

    def params(self, state: State) -> Mapping[str, str]:
        """Return offset and limit."""
        params = {self.offset_param: str(state["offset"])}
        return params | ({self.limit_param: str(self.size)} if self.limit_param else {})

    def following(self, state: State, page: Seen, read: int) -> State | None:
        """Return the offset behind the elements that came."""
        return None if self._ends(page, self.size, read) else {"offset": state["offset"] + page.count}

    def ahead(self, state: State, total: int | None) -> State | None:
        """Return the offset behind a full page, up to an announced total."""
        offset = state["offset"] + self.size
        return None if total is not None and offset >= total else {"offset": offset}


@dataclass(frozen=True, slots=True)
class CursorPaging(_Sequential):
    """An opaque cursor in the answer: ``NextCursor`` -> ``?cursor=``; null or absent at the end."""

    kind: ClassVar[str] = "cursor"
    cursor_path: str = option(doc="dotted path of the next cursor in the answer")
    cursor_param: str = option(doc="parameter by which the cursor is given back")
    size_param: str = option("", doc="parameter of the page size; empty: none is sent")
    size: int = option(500, doc="records a page")

    def __post_init__(self) -> None:
        _check_size(self.size)

    def params(self, state: State) -> Mapping[str, str]:
        """Return the cursor, and the page size."""
        params = {self.cursor_param: state["cursor"]} if "cursor" in state else {}
        return params | ({self.size_param: str(self.size)} if self.size_param else {})

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - cursor decides
        """Return the next cursor."""
        cursor = text_at(page.value, self.cursor_path)
        return {"cursor": cursor} if cursor else None


@dataclass(frozen=True, slots=True)
class LinkHeaderPaging(_Sequential):
    """The ``Link`` header with ``rel="next"`` (RFC 8288)."""

    kind: ClassVar[str] = "link-header"

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - header decides
        """Return the next URL."""
        target = next_link(page.link)
        return {"url": urljoin(page.url, target)} if target is not None else None


@dataclass(frozen=True, slots=True)
class NextLinkPaging(_Sequential):
    """A link to the next page in the answer: OData's ``@odata.nextLink``, ``next``."""

    kind: ClassVar[str] = "next-link"
    path: str = option("next", doc="dotted path of the link in the answer")

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - link decides
        """Return the next URL."""
        link = text_at(page.value, self.path)
        return {"url": urljoin(page.url, link)} if link else None


_LONGEST_LINK = 8192
_LINK = re.compile(
    r"\s*<([^<>]*)>((?:\s*;\s*[\w!#$%&'*+.^`|~-]+\s*(?:=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s\",;]+))?)*)\s*(?:,|$)"
)
_PARAM = re.compile(r";\s*([\w!#$%&'*+.^`|~-]+)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;]+)))?")


def next_link(header: str) -> str | None:
    """Return the target of the first link whose relation types hold ``next`` (RFC 8288 section 3).

    Raises `ProtocolViolation` for a header that cannot be read to its end.
    """
    for target, params in _links(header):
        # the first rel counts, others must be ignored (section 3.3)
        relations = next((quoted or bare for name, quoted, bare in params if name.lower() == "rel"), "")
        if "next" in relations.lower().split():
            return target
    return None


def _links(header: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    place = 0
    if len(header) > _LONGEST_LINK:
        raise ProtocolViolation("the Link header is too long")
    while place < len(header) and header[place:].strip(" \t,"):
        found = _LINK.match(header, place)
        if found is None:
            raise ProtocolViolation("the Link header cannot be read", hint="RFC 8288 says how it is written")
        yield found.group(1), _PARAM.findall(found.group(2))
        place = found.end()


def _check_size(size: int) -> None:
    if not 1 <= size <= 100_000:
        raise InvalidExchange("field 'paging.size' is out of range", hint="1 to 100000 records")
