"""Pages that begin behind the last record of the page before: key-set paging."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, ClassVar, Literal

import orjson

from lienthong.connector import option
from lienthong.errors import ProtocolViolation
from lienthong_connectors.rest.ending import Ended
from lienthong_connectors.rest.paging import Paging, Params, Seen, State, check_size
from lienthong_connectors.rest.paths import cursor_at


@dataclass(frozen=True, slots=True)
class KeysetPaging(Paging):
    """A list sorted by a key, of which the last record's asks for the next page: ``?after=H21-0500``.

    Records may share a key: the page is then asked for so that all that share the last one come
    again, and those that were read before are left out. A page full of one key is a
    `ProtocolViolation`. An empty page, or one that brings nothing new, is the end.
    """

    kind: ClassVar[str] = "keyset"
    key: str = option(doc="dotted path of the key in a record, by which the service sorts the list")
    key_param: str = option(doc="parameter by which the last key is given back")
    asks: Literal["after", "from"] = option(
        "after", doc="the service gives greater keys, or (from) the same key too"
    )
    unique: bool = option(False, doc="no two records share a key")
    size_param: str = option("", doc="parameter of the page size; empty: none is sent")
    size: int = option(500, doc="records a page, as the service gives them")

    def __post_init__(self) -> None:
        check_size(self.size)

    @property
    def streams(self) -> bool:
        """Whether the last record is enough to go on: where no two records share a key."""
        return self.unique and self.asks == "after"

    def params(self, state: State) -> Params:
        """Return the key behind which the page begins, and the page size."""
        params: Params = {self.key_param: state["after"]} if "after" in state else {}
        return {**params, **({self.size_param: self.size} if self.size_param else {})}

    def ends(self, state: State, page: Seen) -> Ended:  # noqa: ARG002 - nothing behind the last key
        """Return that the list was read in the order of its key."""
        return Ended("order")

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - keys decide
        """Return the last key, and what is known of the records that share it."""
        if not page.size:
            return None
        last = self._key(page.records[-1] if page.records else {})
        if self.unique and self.asks == "after":
            return {"after": last}
        alike = list(takewhile(lambda record: self._key(record) == last, reversed(page.records)))
        if len(alike) == len(page.records):  # one key in the whole page
            if page.size < self.size:
                nothing_new = not self.fresh(state, page.records)
                return None if nothing_new else self._state(last, alike, asked=last)
            raise ProtocolViolation(
                "more records share a key than a page holds",
                hint="ask for larger pages, or choose a key that fewer records share",
            )
        before = self._key(page.records[-1 - len(alike)])
        return self._state(last, alike, asked=before if self.asks == "after" else last)

    def fresh(self, state: State, elements: Sequence[Any]) -> Sequence[Any]:
        """Return a page's elements without those that share the last page's key and were in it."""
        known = list(state.get("ties", ()))
        if not known:
            return elements
        kept = []
        for element in elements:
            name = _name(element) if known and cursor_at(element, self.key) == state["tied"] else ""
            if name in known:
                known.remove(name)
            else:
                kept.append(element)
        return kept

    def _key(self, record: Any) -> Any:
        key = cursor_at(record, self.key)
        if key == "":
            raise ProtocolViolation(
                f"a record has no {self.key!r}, by which the next page is asked for",
                hint="check the paging of the settings",
            )
        return key

    @staticmethod
    def _state(last: Any, alike: Sequence[Any], *, asked: Any) -> State:
        return {"after": asked, "tied": last, "ties": [_name(record) for record in alike]}


def _name(record: Any) -> str:
    try:
        return hashlib.sha256(orjson.dumps(record)).hexdigest()[:32]
    except (TypeError, orjson.JSONEncodeError):  # no JSON, or integers beyond 64 bits
        return hashlib.sha256(repr(record).encode("utf-8", "backslashreplace")).hexdigest()[:32]
