"""How a made-up list is cut into pages: by the query parameters that its description names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import URL

_PAGES = ("page", "trang", "pagenumber", "pageindex", "pageno")
_SIZES = ("size", "limit", "pagesize", "perpage", "sobanghi", "per_page", "top")
_OFFSETS = ("offset", "skip", "start")
_CURSORS = ("cursor", "after", "pagetoken", "continuation")
_NEXT = frozenset({"nextcursor", "cursor", "nextpagetoken", "next"})
_DEFAULT, _MOST = 20, 1000


@dataclass(frozen=True, slots=True)
class Paging:
    """Names of the parameters; empty where the description has none of the kind."""

    page: str = ""
    size: str = ""
    offset: str = ""
    cursor_name: str = ""
    first: int = 1

    @classmethod
    def of(cls, query: Mapping[str, Mapping[str, Any]]) -> Paging:
        """Find the parameters by their usual names; a page whose minimum is 0 counts from 0."""

        def named(words: tuple[str, ...]) -> str:
            return next((n for n in query if n.replace("_", "").replace("-", "").lower() in words), "")

        page = named(_PAGES)
        first = int(query[page].get("minimum", 1)) if page else 1
        return cls(page, named(_SIZES), named(_OFFSETS), named(_CURSORS), first)

    def asked(self, query: Mapping[str, str]) -> tuple[int, int]:
        """Return size and offset of the page asked for; without any parameter the list is whole.

        Raises ``ValueError`` for what is no number or out of range.
        """
        if not (self.page or self.offset or self.cursor_name):
            return -1, 0
        size = int(query.get(self.size, _DEFAULT)) if self.size else _DEFAULT
        if not 1 <= size <= _MOST:
            raise ValueError(f"{self.size} must be 1 to {_MOST}")
        if self.page:
            offset = (int(query.get(self.page, self.first)) - self.first) * size
        else:
            offset = int(query.get(self.offset or self.cursor_name) or 0)
        if offset < 0:
            raise ValueError("a page before the first was asked for")
        return size, offset

    def headers(self, url: URL, offset: int, size: int, total: int) -> dict[str, str]:
        """Return a ``Link`` to the next page (RFC 8288), where there is one."""
        if size < 0 or offset + size >= total:
            return {}
        if self.page:
            following = url.include_query_params(**{self.page: (offset + size) // size + self.first})
        else:
            following = url.include_query_params(**{self.offset or self.cursor_name: offset + size})
        return {"Link": f'<{following}>; rel="next"'}

    def cursor(self, answer: Any, offset: int, size: int, total: int) -> None:
        """Set the answer's next cursor, null behind the last page."""
        if self.cursor_name and isinstance(answer, dict):
            for name in answer:
                if name.replace("_", "").lower() in _NEXT:
                    answer[name] = str(offset + size) if offset + size < total else None
