"""How a list is cut into pages, and how the next page is found.

A *state* is a small JSON-ready object that names one page; it is what the pipeline keeps to go on
after an interruption. ``following`` gets the page that was read and the number of records read so
far and returns the state of the next one, None at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

from lienthong.errors import InvalidExchange

State = dict[str, Any]
Params = Mapping[str, str | int]


class Seen(NamedTuple):
    """What paging may know of a page: its JSON, the elements in it, its URL and ``Link`` header."""

    value: Any
    size: int
    url: str = ""
    link: str = ""


class Paging(Protocol):
    """One way of paging."""

    kind: ClassVar[str]
    addressable: ClassVar[bool]

    def first(self) -> State:
        """Return the state of the first page."""
        ...

    def params(self, state: State) -> Params:
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


class Sequential:
    """Pages of which only the one before knows the next."""

    addressable: ClassVar[bool] = False

    def first(self) -> State:
        """Return the state of the first page."""
        return {}

    def params(self, state: State) -> Params:  # noqa: ARG002 - the URL says all
        """Return no parameters."""
        return {}

    def ahead(self, state: State, total: int | None) -> State | None:  # noqa: ARG002 - nobody can know
        """Return None: the next page is not known before this one."""
        return None

    def total(self, value: Any) -> int | None:  # noqa: ARG002 - not announced
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class NoPaging(Sequential):
    """The whole list in one answer."""

    kind: ClassVar[str] = "none"

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - one page
        """Return None: there is one page."""
        return None


def check_size(size: int) -> None:
    """Raise `InvalidExchange` for a page size that makes no sense."""
    if not 1 <= size <= 100_000:
        raise InvalidExchange("field 'paging.size' is out of range", hint="1 to 100000 records")
