"""What became of each record: results in answers, creating or updating, asking afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from lienthong.connector import option
from lienthong.errors import InvalidExchange
from lienthong_connectors.codes import Coded
from lienthong_connectors.rest.envelope import Envelope

_OK = frozenset({"OK", "0", "00"})
Match = Literal["order", "index", "key"]
EVERY_FIELD = ("*",)
"""Value of `StatusLookup.compare`: every field that we send must be there with the same value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results(Coded):
    """Where an answer lists what became of each record, and how to read it.

    A record that the list does not mention counts as unknown, never as taken.
    """

    path: str = option("", doc="dotted path of the list; empty: the answer itself")
    match: Match = option("order", doc="by position, by an index field, or by a key field")
    field: str = option("index", doc="index or key field in an element of the list")
    record_key: str = option(
        "", doc="match by key: the record's field that it equals; empty: the dataset's key"
    )
    first_index: int = option(0, doc="match by index: number of the first record")
    code_path: str = option("code", doc="dotted path of the code in an element")
    codes: str = option("", doc="table of result codes, such as dvcqg (lienthong codes)")
    ok_codes: tuple[str, ...] = option(
        (), doc="codes of records that were taken; empty: those of the table, without one OK, 0 and 00"
    )
    transient_codes: tuple[str, ...] = option((), doc="codes of records that were not taken but may be later")
    message_path: str = option("message", doc="dotted path of the agency's own text in an element")
    only_refused: bool = option(False, doc="the list names refused records alone; others were taken")

    def __post_init__(self) -> None:
        Coded.__post_init__(self)
        if self.match not in {"order", "index", "key"}:
            raise InvalidExchange("field 'results.match' is unknown", hint="order, index or key")
        if self.only_refused and self.match == "order":
            raise InvalidExchange("field 'results.only_refused' needs an index or a key to match by")

    def meaning(self, code: str) -> str:
        """Return what a record's code means (see `lienthong.connector.codes.MEANINGS`)."""
        if code in self.ok_codes:
            return "ok"
        if code in self.transient_codes:
            return "transient"
        entry = self.entry(code)
        if entry is not None:
            return entry.meaning
        return "ok" if not (self.ok_codes or self.codes) and code in _OK else "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateThenUpdate:
    """Deliver as new; send again as an update what the target refuses as existing already.

    The flag is a field at the top of the wrapped body.
    """

    flag: str = option("isUpdating", doc="field of the wrap that says create or update")
    create: Any = option("False", doc="its value for new records")
    update: Any = option("True", doc="its value for updates")
    exists_codes: tuple[str, ...] = option(
        (), doc="result codes that mean: it exists already; empty: those of the results' table"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLookup:
    """How to ask what became of a batch, or of each of its records.

    ``per`` batch: one question by the batch's id, answered with `Results`. ``per`` record: one
    question for each record; nothing at ``found`` means absent, and so does content that differs
    from ours in a field of ``compare``: it is an older version, so that sending is safe.

    Templates know ``$id``, ``$key``, ``$record`` and ``$connection.<field>``; a path holds
    ``{id}`` and ``{key}``.
    """

    PER: ClassVar[tuple[str, ...]] = ("batch", "record")

    path: str = option(doc="path under the connection's host, with {id} or {key}")
    method: Literal["GET", "POST"] = option("GET", doc="HTTP method")
    per: Literal["batch", "record"] = option("record", doc="what one question is about")
    params: Mapping[str, str] = option(factory=dict, doc="query parameters (templates)")
    body: Mapping[str, Any] | None = option(None, doc="JSON body (template)")
    envelope: Envelope | None = option(None, doc="success and failure inside the answer")
    absent_statuses: tuple[int, ...] = option((404,), doc="HTTP statuses that mean: never taken")
    absent_codes: tuple[str, ...] = option((), doc="envelope codes that mean: never taken")
    results: Results | None = option(None, doc="per batch: how to read the answer; None: those of the target")
    found: str = option("", doc="per record: dotted path of the record or of the list that holds it")
    compare: tuple[str, ...] = option(EVERY_FIELD, doc='fields that must equal ours; ("*",): all; (): none')
    version: str = option(
        "", doc="per record: field that grows with every change; decides instead of compare"
    )
    parallel: int = option(4, doc="per record: questions at the same time")

    def __post_init__(self) -> None:
        if self.per not in self.PER:
            raise InvalidExchange("field 'status.per' is unknown", hint="batch or record")
        if not 1 <= self.parallel <= 32:
            raise InvalidExchange("field 'status.parallel' is out of range", hint="1 to 32")
