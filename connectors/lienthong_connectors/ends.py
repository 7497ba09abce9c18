"""The end of a list, as connectors of every family know it: what confirms it, and what speaks against it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import orjson

from lienthong.connector import Malformed
from lienthong.exchange import Text
from lienthong.paths import names, reach
from lienthong.records import Record

_TOTALS: Final = re.compile(
    r"(?:@?(?:odata\.)?count|total|total_?(?:count|records?|items?|elements|results?|rows?|size)|records?_?total"
    r"|number_?matched|num_?found|full_?count|tong(?:_?so)?(?:_?ban_?ghi)?)\Z",
    re.IGNORECASE,
)
_DEPTH: Final = 3
_MEMBERS: Final = 200

UNSTABLE: Final = Text(
    "danh sách thay đổi trong khi đọc nên có thể sót bản ghi",
    "the list changed while it was read, so records may have been passed over",
)
ROUND: Final = Text(
    "số bản ghi tròn như cỡ một trang, mà cấu hình không chia trang",
    "the number of records is round, as the size of a page is, and the settings know no paging",
)
MORE: Final = Text(
    "nguồn báo là còn nữa nhưng không cho biết trang sau",
    "the source said that there is more, and names no next page",
)
NO_TOTAL: Final = Text(
    "phân trang theo số thứ tự, không có tổng số, không đọc lần hai: có bản ghi bị xoá thì sót bản ghi sau",
    "pages by number without a total or a second read: what is removed meanwhile lets later records slide by",
)


_REMEMBERED: Final = 100_000


class Names:
    """The keys of a list's records in their order, as one hash: ``most`` of them, None for all.

    Nothing is computed for a single record: the keys of a page are hashed together. ``repeated``: one of
    the first 100,000 came twice, so that another one may have been passed over.
    """

    def __init__(self, key: Sequence[str], most: int | None = None) -> None:
        self._key, self._left = [names(path) for path in key], most
        flat = [path[0] for path in self._key if len(path) == 1]
        self._take: Any = itemgetter(*flat) if flat and len(flat) == len(self._key) else self._named
        self._hash = hashlib.sha256()
        self._seen: set[Any] = set()
        self._count = 0

    @property
    def repeated(self) -> bool:
        """Whether a key came twice."""
        return len(self._seen) < self._count

    def add(self, elements: Sequence[Record | Malformed]) -> None:
        """Add elements; where the dataset's key is not known, they are their own names."""
        if self._left is not None:
            elements = elements[: self._left]
            self._left -= len(elements)
        if not elements:
            return
        try:
            keys: list[Any] = list(map(self._take if self._key else repr, elements))
            named = orjson.dumps(keys)
        except (KeyError, TypeError, orjson.JSONEncodeError):  # nested keys, and what is no record
            keys = [repr(self._named(element)) for element in elements]
            named = repr(keys).encode("utf-8", "backslashreplace")
        self._hash.update(named[1:-1] + b",")
        if self._count < _REMEMBERED:
            try:
                self._seen.update(keys)
                self._count += len(keys)
            except TypeError:  # keys that are objects: nothing is said of them
                self._count = len(self._seen)

    def digest(self) -> str:
        """Return the hash (hex)."""
        return self._hash.hexdigest()

    def _named(self, element: Record | Malformed) -> Any:
        if isinstance(element, Malformed):
            return element.data
        found = [reach(element, path) for path in self._key]
        return found if any(name is not None for name in found) else element


def unmet(total: int, read: int) -> Text:
    """Say that a list is shorter than was announced."""
    return Text(f"nguồn báo có {total} bản ghi, đọc được {read}", f"{total} were announced, {read} were read")


def is_round(size: int) -> bool:
    """Tell whether a number is one that services take as the size of a page: 20, 25, 100, 250, 512, 1000."""
    if size >= 64 and size & (size - 1) == 0:
        return True
    digits = str(size).rstrip("0")
    return size >= 10 and (len(digits) == 1 or digits in {"12", "15", "25", "75"}) and size % 5 == 0


def number_of(value: Any) -> int | None:
    """Return a number of records that an answer gives as a number or a text, None for anything else."""
    text = "" if isinstance(value, bool) or not isinstance(value, (int, str)) else str(value).strip()
    return int(text) if text.isascii() and text.isdecimal() else None


def seen_text(signs: list[str]) -> Text:
    """Say what on the last page speaks against its being the last."""
    names = ", ".join(signs)
    return Text(f"câu trả lời cho thấy còn nữa: {names}", f"the answer shows that there is more: {names}")


def totals_in(value: Any) -> Iterator[tuple[str, int]]:
    """Yield what around a list looks like its total, with its place."""
    for path, item in members_of(value, ""):
        counted = item.get("value") if isinstance(item, Mapping) else item
        total = number_of(counted) if _TOTALS.match(path.rpartition(".")[2]) else None
        if total is not None:
            yield path, total


def members_of(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the members around a list with their places, not those of its elements."""
    if not isinstance(value, Mapping) or depth >= _DEPTH:
        return
    for number, (name, item) in enumerate(value.items()):
        if number >= _MEMBERS:
            return
        inner = f"{path}.{name}" if path else str(name)
        yield inner, item
        yield from members_of(item, inner, depth + 1)
