"""How a made-up list is cut into pages: by the parameters and members that its description names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import URL

from lienthong_connectors.openapi import words
from lienthong_connectors.openapi.finding import Pages

_DEFAULT, _MOST = 20, 1000


@dataclass(frozen=True, slots=True)
class Cut:
    """One page: its size (-1: the list is whole), its first record's place, and how many there are."""

    size: int
    offset: int
    total: int

    @property
    def next(self) -> int | None:
        """The place of the next page's first record, None behind the last page."""
        end = self.offset + self.size
        return end if self.size >= 0 and end < self.total else None


class Paging:
    """Cuts lists as a description says; ``longest``: how many records its schema allows, 0 for any.

    ``names`` are the answer's own members, some of which have dots in their names.
    """

    def __init__(self, pages: Pages, longest: int = 0, names: Collection[str] = ()) -> None:
        self.pages, self._names = pages, frozenset(names)
        self._by = pages.page or pages.offset or pages.cursor
        most = min(pages.most or _MOST, longest or _MOST)
        self._most, self._default = most, min(pages.usual or _DEFAULT, most)

    def asked(self, query: Mapping[str, Any], behind: Callable[[str], int]) -> tuple[int, int]:
        """Return size and offset of the page asked for; without any parameter the list is whole.

        ``behind`` returns the place behind the record of a key.

        Raises ``ValueError`` for what is no number or out of range.
        """
        pages = self.pages
        if not self._by:
            return -1, 0
        size = int(query.get(pages.size) or self._default) if pages.size else self._default
        if not 1 <= size <= self._most:
            raise ValueError(f"{pages.size} must be 1 to {self._most}")
        given = next((name for name in (pages.cursor, pages.offset, pages.page) if query.get(name)), "")
        if given and pages.kind == "keyset":
            return size, behind(str(query[given]))
        place = int(query.get(given) or 0) if given else 0
        offset = (place - pages.first) * size if given and given == pages.page else place
        if offset < 0:
            raise ValueError("a page before the first was asked for")
        return size, offset

    def headers(self, url: URL, cut: Cut) -> dict[str, str]:
        """Return a ``Link`` to the next page (RFC 8288), where there is one."""
        following = self._following(url, cut)
        return {} if following is None else {"Link": f'<{following}>; rel="next"'}

    def tell(self, answer: Any, url: URL, cut: Cut) -> None:
        """Let an answer say how many there are, whether more comes, and where."""
        if not isinstance(answer, dict):
            return
        _tell(answer, self._facts(cut))
        pages = self.pages
        if pages.total_path:
            self._put(answer, pages.total_path, cut.total)
        if pages.kind == "cursor":
            self._put(answer, pages.next_path, None if cut.next is None else str(cut.next))
        elif pages.kind == "next-link":
            following = self._following(url, cut)
            self._put(answer, pages.next_path, None if following is None else str(following))

    def _put(self, answer: dict[str, Any], path: str, value: Any) -> None:
        """Set a member by its path; at the end of the list it is null."""
        *outer, last = [path] if path in self._names else path.split(".")
        for name in outer:
            if not isinstance(answer.get(name), dict):
                answer[name] = {}
            answer = answer[name]
        answer[last] = value

    def _following(self, url: URL, cut: Cut) -> URL | None:
        if cut.next is None or not self._by or self.pages.kind == "keyset":
            return None
        pages, there = self.pages, cut.next
        if self._by == pages.page:
            there = cut.next // cut.size + pages.first
        return url.include_query_params(**{self._by: there})

    def _facts(self, cut: Cut) -> dict[frozenset[str], Any]:
        """Return what members of these names say, where they are of the type that it has."""
        size = max(cut.size, 1)
        given = cut.total if cut.size < 0 else max(0, min(cut.size, cut.total - cut.offset))
        return {
            words.TOTAL: cut.total,
            words.MORE: cut.next is not None,
            words.LAST: cut.next is None,
            words.PAGES: 1 if cut.size < 0 else -(-cut.total // size),
            words.NOW: self.pages.first if cut.size < 0 else cut.offset // size + self.pages.first,
            words.GIVEN: given,
        }


def _tell(answer: dict[str, Any], facts: Mapping[frozenset[str], Any]) -> None:
    for name, item in answer.items():
        if isinstance(item, dict):
            _tell(item, facts)
        for names, value in facts.items():
            if words.plain(name) in names and type(item) is type(value):
                answer[name] = value
                break
