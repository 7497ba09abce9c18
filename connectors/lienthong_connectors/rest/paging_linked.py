"""Pages of which each leads to the next: cursors, ``Link`` headers, links in the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urljoin, urlsplit, urlunsplit

from lienthong.connector import option
from lienthong.errors import InvalidExchange, ProtocolViolation
from lienthong.exchange import Text
from lienthong_connectors.rest.ending import NO_LINK, Ended
from lienthong_connectors.rest.paging import Paging, Params, Seen, State, check_size
from lienthong_connectors.rest.picking import Picked, picked


@dataclass(frozen=True, slots=True)
class CursorPaging(Paging):
    """An opaque cursor in the answer: ``NextCursor`` -> ``?cursor=``; null, empty or absent at the end."""

    kind: ClassVar[str] = "cursor"
    cursor_path: str = option("", doc="dotted path of the next cursor in the answer")
    cursor_param: str = option("cursor", doc="parameter by which the cursor is given back")
    cursor_header: str = option("", doc="header of the next cursor, in place of cursor_path")
    size_param: str = option("", doc="parameter of the page size; empty: none is sent")
    size: int = option(500, doc="records a page")
    alone: tuple[str, ...] | None = option(
        None,
        doc="where a cursor must be sent alone: the parameters of the settings that stay; None: all do",
        quiet=True,
    )

    def __post_init__(self) -> None:
        check_size(self.size)
        if bool(self.cursor_path) == bool(self.cursor_header):
            raise InvalidExchange(
                "field 'paging.cursor_path' is missing, or cursor_header is given beside it"
            )

    def params(self, state: State) -> Params:
        """Return the cursor, and the page size."""
        params: Params = {self.cursor_param: state["cursor"]} if "cursor" in state else {}
        sized = self.size_param and (self.alone is None or "cursor" not in state)
        return {**params, **({self.size_param: self.size} if sized else {})}

    def beside(self, state: State) -> Sequence[str] | None:
        """Return the parameters that stay beside a cursor."""
        return self.alone if "cursor" in state else None

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - cursor decides
        """Return the next cursor."""
        found = self._found(page)
        cursor = found.value if found.number is None else found.number
        return {"cursor": cursor} if found.kind == "value" else None

    def ends(self, state: State, page: Seen) -> Ended:
        """Return what it means that a page names no cursor."""
        return _ended(self._found(page), "cursor" in state, page, self.cursor_path)

    def unsure(self) -> Text | None:
        """Return what is missing where a header that is not there means the end."""
        return NO_LINK if self.cursor_header else None

    def _found(self, page: Seen) -> Picked:
        if self.cursor_header:
            return _in_header(page.headers, self.cursor_header)
        return picked(page.value, self.cursor_path)


@dataclass(frozen=True, slots=True)
class LinkHeaderPaging(Paging):
    """The ``Link`` header with ``rel="next"`` (RFC 8288)."""

    kind: ClassVar[str] = "link-header"
    own_host: bool = option(
        False, doc="links may name an inner host or the other scheme: ask the connection's own", quiet=True
    )

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - header decides
        """Return the next URL."""
        from lienthong_connectors.rest.links import next_link

        target = next_link(page.headers.get("Link", ""))
        return {"url": _resolve(page.url, target, own=self.own_host)} if target is not None else None

    def ends(self, state: State, page: Seen) -> Ended:
        """Return that the service said so, by other links or by none behind one; one page says nothing."""
        from lienthong_connectors.rest.links import relations

        said = "url" in state or not page.size or relations(page.headers.get("Link", "")) & _PAGES
        return Ended("said") if said else Ended("", NO_LINK)

    def unsure(self) -> Text | None:
        """Return that a list of one page has no links at all."""
        return NO_LINK


@dataclass(frozen=True, slots=True)
class NextLinkPaging(Paging):
    """A link to the next page in the answer: OData's ``@odata.nextLink``, ``next``."""

    kind: ClassVar[str] = "next-link"
    path: str = option("next", doc="path of the link in the answer, such as link[relation=next].url")
    own_host: bool = option(
        False, doc="links may name an inner host or the other scheme: ask the connection's own", quiet=True
    )

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - link decides
        """Return the next URL."""
        found = picked(page.value, self.path)
        if found.kind != "value":
            return None
        return {"url": _resolve(page.url, found.value, own=self.own_host)}

    def ends(self, state: State, page: Seen) -> Ended:
        """Return what it means that a page names no next one."""
        return _ended(picked(page.value, self.path), "url" in state, page, self.path)


_PAGES = frozenset({"first", "last", "prev", "previous"})


def _ended(found: Picked, behind: bool, page: Seen, path: str) -> Ended:
    """Return how the end is known; ``behind``: a page before had what this one has not."""
    if found.kind == "none" or behind or not page.size:
        return Ended("said")
    return Ended("", NO_LINK, path, found.members)


def _in_header(headers: Mapping[str, str], name: str) -> Picked:
    value = next((text for known, text in headers.items() if known.lower() == name.lower()), None)
    if value is None:
        return Picked("absent")
    return Picked("value", value.strip()) if value.strip() else Picked("none")


def _resolve(base: str, link: str, *, own: bool) -> str:
    try:
        target = urljoin(base, link)
        if own:
            host = urlsplit(base)
            parts = urlsplit(target)
            if parts.scheme in ("http", "https"):
                target = urlunsplit((host.scheme, host.netloc, parts.path, parts.query, ""))
    except ValueError:
        raise ProtocolViolation("the link to the next page is no address") from None
    return target
