"""The service provider interface: what a connector implements.

A connector is a set of frozen settings dataclasses. Each knows its ``kind`` and how to open
itself on a connection; everything heavy is imported inside ``open``, so that a DAG file that
merely names a connector stays cheap to parse.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from lienthong.attachment import Attachment
from lienthong.connector.connection import Connection
from lienthong.connector.messages import Answer, Batch, Page, ReadRequest
from lienthong.connector.spoken import Spoken
from lienthong.exchange import Text
from lienthong.records import Record

if TYPE_CHECKING:
    from lienthong.signing import Signer, TrustStore

_LOG = logging.getLogger("lienthong.connector")


def _nothing() -> None:
    """Do nothing: nobody else can be at work."""


class AttachmentStore(Protocol):
    """Where attachments are, outside records and memory."""

    def write(self, chunks: Iterable[bytes], *, media_type: str) -> Attachment:
        """Store an attachment piece by piece and return its reference; nothing where ``chunks`` raises."""
        ...

    def open(self, reference: Attachment) -> Iterator[bytes]:
        """Yield an attachment's bytes, the last only once all match; `SegmentTampered` where they do not."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What the pipeline lends to an open connector.

    ``signer`` signs what leaves where the settings ask for it, ``trust`` holds the certificates
    against which answers are verified; ``log`` takes audit lines (never a payload or a secret).
    ``cache`` is a private folder for what tasks of this deployment may share: access tokens,
    encrypted, the pace at which connections are asked, and compiled WSDLs; None where nothing may
    be kept. ``attachments`` takes and gives what is too large for a record, which holds an
    `Attachment` in its place. ``tap`` is asked, where a run is recorded, for somebody to tell what
    is said and heard on a connection. ``before_write`` is what a target calls as its last act before the
    bytes of a delivery leave (or its transaction commits): it raises where this process was stopped so long
    that another one may be at work in its place, and then nothing must leave. ``before_read`` is what a
    source calls before a request for records leaves, in the order of its pages: it gives the place of this
    reading among all that go on, for `Page.read_as`. Both may be called from several threads.
    """

    exchange: str = ""
    run: str = ""
    signer: Signer | None = None
    trust: TrustStore | None = None
    cache: Path | None = None
    attachments: AttachmentStore | None = None
    tap: Callable[[Connection], Callable[[Spoken], None]] | None = None
    log: Callable[[str], None] = field(default=_LOG.info)
    before_write: Callable[[], None] = field(default=_nothing)
    before_read: Callable[[], int] = field(default=int)


@dataclass(frozen=True, slots=True)
class SourceCapabilities:
    """What a source can do: read what changed since a cursor, go on at a position.

    ``inclusive``: what equals ``since`` comes, too. Of any other source the pipeline asks from one step
    before the cursor, so that records which share the cursor's value are read.
    """

    incremental: bool = False
    resumable: bool = True
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class TargetCapabilities:
    """What a target can do, on which the push step decides how to settle an unknown outcome.

    ``repeatable``: sending the same batch with the same id again has no second effect.
    ``lookup``: the target can be asked what became of a batch. ``max_batch``: the most records
    it takes at once, 0 for no limit. ``keyed``: the target recognises a batch by its id, so that a
    request which arrives late, after the target was asked about that id, has no second effect.
    ``deadline``: seconds after which a request that left is certainly no longer under way. ``patience``
    and ``questions`` bound how long one try of push waits for a target that works on what it accepted
    (`Answer.ask_after`): seconds, and how often it is asked (0 for no limit).
    """

    repeatable: bool = False
    lookup: bool = False
    max_batch: int = 0
    patience: float = 3600.0
    questions: int = 0
    keyed: bool = False
    deadline: float = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a connection check: what was checked, whether it holds, what to do if not.

    ``hop`` names where on the way it was checked (this machine, a gateway, the service), ``vi``
    says in Vietnamese what ``detail`` says, where the connector has a text for it.
    """

    check: str
    ok: bool
    detail: str = ""
    hint: str = ""
    hop: str = ""
    vi: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One look-up: the validated record, and who asks, for which procedure and why.

    ``id`` is the caller's request number, the same on every try of the same run.
    """

    id: str
    record: Record
    officer: str
    procedure: str
    purpose: str


@runtime_checkable
class RecordSource(Protocol):
    """An open source. Used by one thread; `close` is always called."""

    capabilities: SourceCapabilities

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield pages in the source's order. Raises from `lienthong.errors` only."""
        ...

    def check(self) -> list[Finding]:
        """Test parameters and connectivity without side effects."""
        ...

    def close(self) -> None:
        """Release sockets and files."""
        ...


@runtime_checkable
class RecordTarget(Protocol):
    """An open target. Used by one thread; `close` is always called."""

    capabilities: TargetCapabilities

    def deliver(self, batch: Batch) -> Answer:
        """Send a batch once.

        Raises `OutcomeUnknown` where the request may have been taken, another `Transient` only
        where it surely was not, `Permanent` or `Misconfigured` where the whole batch is refused
        (what a status of HTTP proves: `lienthong.connector.statuses`); `ProtocolViolation` is read as
        an answer that tells nothing, and the target will be asked. A target that accepts now and works
        later answers with all records unknown and ``ask_after``.
        """
        ...

    def lookup(self, batch: Batch) -> Answer:
        """Ask what became of a batch (only with the ``lookup`` capability).

        ``batch.receipts`` are the target's earlier ones, with the references that it gave.
        """
        ...

    def check(self) -> list[Finding]:
        """Test parameters and connectivity without side effects."""
        ...

    def close(self) -> None:
        """Release sockets and files."""
        ...


@runtime_checkable
class RecordLookup(Protocol):
    """An open look-up service. Used by one thread; `close` is always called."""

    def ask(self, question: Question) -> Record:
        """Return the answer as a record; raise `Refused` where this record cannot be answered."""
        ...

    def check(self) -> list[Finding]:
        """Test parameters and connectivity without side effects."""
        ...

    def close(self) -> None:
        """Release sockets and files."""
        ...


class SourceSettings(Protocol):
    """A frozen dataclass that describes a source."""

    kind: ClassVar[str]

    def open_source(self, connection: Connection, context: Context) -> RecordSource:
        """Open the source; raise `Misconfigured` where connection and settings do not fit."""
        ...


@runtime_checkable
class Unsure(Protocol):
    """Source settings that know whether the end of their list can be confirmed. Optional."""

    def unsure(self) -> Text | None:
        """Return what is missing to confirm the end of every list, None where nothing is."""
        ...


class TargetSettings(Protocol):
    """A frozen dataclass that describes a target."""

    kind: ClassVar[str]

    def open_target(self, connection: Connection, context: Context) -> RecordTarget:
        """Open the target; raise `Misconfigured` where connection and settings do not fit."""
        ...


class LookupSettings(Protocol):
    """A frozen dataclass that describes a look-up service."""

    kind: ClassVar[str]

    def open_lookup(self, connection: Connection, context: Context) -> RecordLookup:
        """Open the service; raise `Misconfigured` where connection and settings do not fit."""
        ...


def describe_settings(settings: Any) -> str:
    """Return a settings object's kind for messages."""
    return str(getattr(settings, "kind", type(settings).__name__))
