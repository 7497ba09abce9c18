"""Pages of which each leads to the next: cursors, ``Link`` headers, links in the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urljoin

from lienthong.connector import option
from lienthong.errors import InvalidExchange, ProtocolViolation
from lienthong_connectors.rest.paging import Paging, Params, Seen, State, check_size
from lienthong_connectors.rest.paths import text_at


@dataclass(frozen=True, slots=True)
class CursorPaging(Paging):
    """An opaque cursor in the answer: ``NextCursor`` -> ``?cursor=``; null, empty or absent at the end."""

    kind: ClassVar[str] = "cursor"
    cursor_path: str = option("", doc="dotted path of the next cursor in the answer")
    cursor_param: str = option("cursor", doc="parameter by which the cursor is given back")
    cursor_header: str = option("", doc="header of the next cursor, in place of cursor_path")
    size_param: str = option("", doc="parameter of the page size; empty: none is sent")
    size: int = option(500, doc="records a page")

    def __post_init__(self) -> None:
        check_size(self.size)
        if bool(self.cursor_path) == bool(self.cursor_header):
            raise InvalidExchange(
                "field 'paging.cursor_path' is missing, or cursor_header is given beside it"
            )

    def params(self, state: State) -> Params:
        """Return the cursor, and the page size."""
        params: Params = {self.cursor_param: state["cursor"]} if "cursor" in state else {}
        return {**params, **({self.size_param: self.size} if self.size_param else {})}

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - cursor decides
        """Return the next cursor."""
        header = self.cursor_header
        cursor = page.headers.get(header, "") if header else text_at(page.value, self.cursor_path)
        return {"cursor": cursor} if cursor else None


@dataclass(frozen=True, slots=True)
class LinkHeaderPaging(Paging):
    """The ``Link`` header with ``rel="next"`` (RFC 8288)."""

    kind: ClassVar[str] = "link-header"

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - header decides
        """Return the next URL."""
        from lienthong_connectors.rest.links import next_link

        target = next_link(page.headers.get("Link", ""))
        return {"url": _resolve(page.url, target)} if target is not None else None


@dataclass(frozen=True, slots=True)
class NextLinkPaging(Paging):
    """A link to the next page in the answer: OData's ``@odata.nextLink``, ``next``."""

    kind: ClassVar[str] = "next-link"
    path: str = option("next", doc="dotted path of the link in the answer")

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - link decides
        """Return the next URL."""
        link = text_at(page.value, self.path)
        return {"url": _resolve(page.url, link)} if link else None


def _resolve(base: str, link: str) -> str:
    try:
        return urljoin(base, link)
    except ValueError:
        raise ProtocolViolation("the link to the next page is no address") from None
