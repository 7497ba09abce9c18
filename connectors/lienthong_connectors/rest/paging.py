"""How a list is cut into pages, and how the next page is found.

A *state* is a small JSON-ready object that names one page; it is what the pipeline keeps to go on
after an interruption. ``following`` gets the page that was read and the number of records read so
far and returns the state of the next one, None at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from lienthong.errors import InvalidExchange
from lienthong.exchange import Text
from lienthong.records import Record
from lienthong_connectors.rest.ending import Ended

State = dict[str, Any]
Params = Mapping[str, Any]


class Seen(NamedTuple):
    """What paging may know of a page.

    ``value`` is its JSON (of a streamed answer: with an empty list), ``size`` the elements in it,
    ``records`` its records (of a streamed answer: the last one), ``headers`` are the answer's. ``most``
    is the size of the largest page before it in the same read. ``over``: the service says by its status
    that nothing is there any more.
    """

    value: Any
    size: int
    url: str = ""
    headers: Mapping[str, str] = {}
    records: Sequence[Record] = ()
    most: int = 0
    over: bool = False


class Paging:
    """One way of paging. As it stands here: only the page before knows the next, and there is none."""

    kind: ClassVar[str]

    @property
    def addressable(self) -> bool:
        """Whether several pages can be asked for at a time, because their states can be guessed."""
        return False

    @property
    def incremental(self) -> bool:
        """Whether paging itself asks for what is newer than the cursor."""
        return False

    @property
    def streams(self) -> bool:
        """Whether pages can be taken apart while they arrive: only the last record is known then."""
        return True

    def first(self, since: str | None) -> State:  # noqa: ARG002 - time windows begin at the cursor
        """Return the state of the first page; ``since`` is the cursor of the last run."""
        return {}

    def params(self, state: State) -> Params:  # noqa: ARG002 - a link says all
        """Return the parameters that ask for a page."""
        return {}

    def address(self, state: State) -> str | None:
        """Return the page's whole URL, where it is asked for by that."""
        return state.get("url")

    def following(self, state: State, page: Seen, read: int) -> State | None:  # noqa: ARG002 - one page
        """Return the state after a page; ``read`` counts the list's elements up to and with this page."""
        return None

    def unchanged(self, state: State, remembered: Any) -> State | None:  # noqa: ARG002 - the link is the same
        """Return the state after a page that did not change; ``remembered`` is what followed it then."""
        return dict(remembered) if isinstance(remembered, Mapping) else None

    def ends(self, state: State, page: Seen) -> Ended:  # noqa: ARG002 - one page
        """Return how the end of the list is known, once nothing follows a page."""
        return Ended("document")

    def over(self, state: State) -> State | None:  # noqa: ARG002 - one list
        """Return what follows a list that the service says is over: in time windows the next list."""
        return None

    @property
    def slides(self) -> bool:
        """Whether a page is named by a number: later records move over its edge if earlier ones go."""
        return False

    @property
    def total_place(self) -> str:
        """Where the settings of the paging say that a total is announced, empty for nowhere."""
        return ""

    @property
    def page_size(self) -> int:
        """How many records a page is asked for with, 0 where that is not known."""
        return 0

    def begins(self, state: State) -> bool:
        """Tell whether a page is the first of its list."""
        return not state or state == self.first(None)

    @property
    def again(self) -> bool:
        """Whether such a list is read a second time where nothing else tells that none was passed over."""
        return False

    def beside(self, state: State) -> Sequence[str] | None:  # noqa: ARG002 - all of them
        """Return the names of the settings' parameters that are sent with a page's own; None for all."""
        return None

    def past_end(self, state: State) -> frozenset[int]:  # noqa: ARG002 - no status means that
        """Return the statuses by which a service may say that a page lies behind the last one."""
        return frozenset()

    def unsure(self) -> Text | None:
        """Return what is missing to confirm the end of every list, None where nothing is."""
        return None

    def ahead(self, state: State, total: int | None) -> State | None:  # noqa: ARG002 - nobody can know
        """Return the state that very likely follows, before the page is read (addressable only)."""
        return None

    def total(self, value: Any) -> int | None:  # noqa: ARG002 - not announced
        """Return the number of records that the answer announces, None where it does not."""
        return None

    def restarts(self, state: State, following: State) -> bool:  # noqa: ARG002 - one list
        """Tell whether the state that follows begins another list, with a total of its own."""
        return False

    def fresh(self, state: State, elements: Sequence[Any]) -> Sequence[Any]:  # noqa: ARG002 - all are
        """Return a page's elements without those that the page before gave already."""
        return elements


@dataclass(frozen=True, slots=True)
class NoPaging(Paging):
    """The whole list in one answer."""

    kind: ClassVar[str] = "none"


def check_size(size: int) -> None:
    """Raise `InvalidExchange` for a page size that makes no sense."""
    if not 1 <= size <= 100_000:
        raise InvalidExchange("field 'paging.size' is out of range", hint="1 to 100000 records")
