"""What passes between the pipeline and a connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol

import orjson

from lienthong.credentials import hide, hide_in_ours
from lienthong.errors import Reason
from lienthong.exchange import Text
from lienthong.records import Record


class Order(Protocol):
    """How the dataset's field orders the cursor's values, whatever order the source's own texts have."""

    def read(self, value: Any) -> Any | None:
        """Return what a value is compared by, None where it has no place in the order."""
        ...

    def back(self, cursor: str, overlap: timedelta | int | Decimal | None = None) -> str:
        """Return a cursor moved back, in its own form; `InvalidExchange` where the overlap does not fit."""
        ...

    def first_text(self, cursor: str) -> str | None:
        """Return a text before which, by code points, no text at or after a cursor lies; None without one."""
        ...


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What the pipeline asks of a source.

    ``since``: where the read begins, in the source's own words, None for everything. The pipeline has
    taken the overlap off already: a source gives everything at or behind ``since`` where its protocol
    knows that (`SourceCapabilities.inclusive`), else what lies behind it. ``position``: where an
    interrupted read of the same run goes on, exactly as the source itself gave it in a `Page`.
    ``limit``: at most so many records, None for all. ``validators``: what the source asked to be
    remembered after the last settled run, for conditional requests (an ETag by URL, say).

    ``kind`` and ``value`` are ``since`` as the dataset's field understands it, for sources that ask in
    a form of their own: an exact number, an aware date-time, a day or a text. ``kind`` is also given
    without a ``since``; it is empty, and ``value`` None, where nobody knows. ``order`` compares values as
    the dataset does, for sources that cannot have theirs compared so: they give more, and leave out what
    lies before ``since``. ``key`` are the dataset's key fields (dotted paths), by which a second read tells
    records apart. ``end`` is why the engineer says that what looks like the end of the list is the end, empty
    where nobody says so.
    """

    since: str | None = None
    position: Any = None
    limit: int | None = None
    validators: Mapping[str, Any] = field(default_factory=dict)
    kind: Literal["", "number", "moment", "day", "text"] = ""
    value: datetime | date | int | Decimal | str | None = None
    order: Order | None = field(default=None, compare=False, repr=False)
    key: tuple[str, ...] = ()
    end: str = ""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A piece of the source's answer that is not a record: its bytes and why."""

    data: bytes
    reason: Reason


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a source stood before it gave the first record of a read.

    ``clock``: the source's own clock then, ``high``: the largest value of the cursor's field then, as a
    record holds it. None for what the source cannot tell. A run's cursor never goes beyond either, so
    that what changes while it reads comes with the next run.
    """

    clock: datetime | None = None
    high: Any = None


@dataclass(frozen=True, slots=True)
class End:
    """How a source knows that a list ends behind a page, so that a read is complete.

    ``by`` is one of: ``document``, the whole list in one answer of a service that does not page; ``order``, a
    stable order by key, behind whose last key nothing comes; ``total``, as many records as the source
    announced; ``said``, the source said that there is no more; ``again``, a second read had the same keys, or
    as many; ``declared``, the engineer says so, for the reason in `ReadRequest.end`. Empty: something speaks
    against the end, and ``because`` says what, for people.
    """

    by: Literal["document", "order", "total", "said", "again", "declared", ""]
    because: Text | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of a source, in its order.

    ``position`` (JSON-ready) is where reading goes on after this page; ``malformed`` are pieces
    that could not be read as records and go to quarantine; ``notes`` (JSON-ready) are facts for
    the evidence such as a total that turned out wrong or ``{"repeated": true}`` for a page
    dropped because it repeats the one before; ``validators`` are remembered when the run settles;
    ``stand`` comes with the first page of a read, from sources that can tell. ``read_as`` is what
    `Context.before_read` gave as the request for this page left: the records are not older than that. 0
    stands for the beginning of the read, as for a database that shows one state of itself throughout. ``end``
    comes with the last page of a read, which has no records if it must; without it the end of the list is not
    confirmed, and the cursor stays. A page behind which the request's limit cuts says none.
    """

    records: Sequence[Record]
    position: Any = None
    malformed: Sequence[Malformed] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    validators: Mapping[str, Any] = field(default_factory=dict)
    stand: Stand | None = None
    read_as: int = 0
    end: End | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one delivery.

    ``id`` is the idempotency key (64 hexadecimal digits): the same on every try. ``records`` are
    canonical record bytes, ``key`` the dataset's key fields (dotted paths). ``receipts`` are those
    that the target gave for this delivery before, oldest first: what `RecordTarget.lookup` asks with.
    ``rest_of`` is the id of the whole delivery where these are the records of it that are sent again:
    keys of single records are derived from `root`, so that they are the same on every try.
    """

    id: str
    records: Sequence[bytes]
    key: tuple[str, ...] = ()
    dataset: str = ""
    receipts: tuple[Receipt, ...] = ()
    rest_of: str = ""

    @property
    def root(self) -> str:
        """The id of the whole delivery."""
        return self.rest_of or self.id

    def objects(self) -> list[Record]:
        """Return the records decoded."""
        return [orjson.loads(data) for data in self.records]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a target answered, without its payload.

    ``status`` is the protocol's own status (``200``, ``00``), ``digest`` the SHA-256 (hex) of the
    answer's bytes, ``reference`` the target's own number for the delivery where it gives one,
    ``at`` the time of the answer (RFC 3339, UTC), ``signed_by`` the subject of the certificate
    that signed the answer where one did and it was verified, ``lines`` the records of the batch that
    it speaks of (empty: all). A credential of ours that the target quotes is not kept.
    """

    status: str
    digest: str
    at: str
    reference: str = ""
    signed_by: str = ""
    lines: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", hide(self.status))
        object.__setattr__(self, "reference", hide_in_ours(self.reference, shortest=16))

    def as_dict(self) -> dict[str, Any]:
        """Return the receipt as a JSON-ready object without empty members."""
        names = ("status", "digest", "at", "reference", "signed_by")
        found: dict[str, Any] = {name: getattr(self, name) for name in names if getattr(self, name)}
        return found | ({"lines": list(self.lines)} if self.lines else {})

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Receipt:
        """Return the receipt that `as_dict` described."""
        return cls(**{**value, "lines": tuple(value.get("lines", ()))})

    def within(self, lines: Sequence[int]) -> Receipt:
        """Return the receipt for a larger batch, of which the batch it answers was these lines."""
        return replace(self, lines=tuple(lines[line] for line in self.lines or range(len(lines))))


@dataclass(frozen=True, slots=True)
class Answer:
    """A target's word on each record of a batch; indices count from 0.

    Whatever is neither refused, absent nor unknown is acknowledged. ``absent`` is only for
    `RecordTarget.lookup`: the target has never taken these, so sending them is safe. ``unknown``:
    the target cannot tell (yet). ``ask_after`` is set where the target has accepted unknown ones and
    is at work on them: the seconds after which asking again makes sense.
    """

    total: int
    refused: Mapping[int, Reason] = field(default_factory=dict)
    absent: frozenset[int] = frozenset()
    unknown: frozenset[int] = frozenset()
    receipts: tuple[Receipt, ...] = ()
    ask_after: float | None = None

    @property
    def acknowledged(self) -> int:
        """How many records the target took."""
        return self.total - len(self.refused) - len(self.absent) - len(self.unknown)
