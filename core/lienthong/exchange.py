"""The agreement: who gives which dataset to whom, why, from where to where.

An `Exchange` is frozen and knows nothing of Airflow or of the clock: its digest changes only when
the agreement changes.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from lienthong.errors import InvalidExchange
from lienthong.records import digest

#: Electronic identification code of an agency: Decision 20/2020/QD-TTg (new form, at most 35
#: characters) or QCVN 102:2016 (old form, read from right to left).
AGENCY_CODE = re.compile(r"(?=.{3,35}\Z)(?:[A-Z]\d{2}(?:\.\d{2,3}){0,8}|\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2})\Z")
_EXCHANGE_ID = re.compile(r"[a-z][a-z0-9_]{1,79}\Z")
_VERSIONED = re.compile(r"[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*/[1-9]\d*\Z")
_CONNECTION_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}\Z")


@dataclass(frozen=True, slots=True)
class Text:
    """A text for people, in Vietnamese and English."""

    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from: an Airflow connection id and the connector's typed settings.

    ``cursor`` names the record field (dotted path) whose largest value is where the next run
    begins; None means every run reads everything the source offers. ``overlap`` is how far each run
    reaches back behind it, for records that appear late with an earlier value: a ``timedelta`` where
    the field holds times, an ``int`` or ``Decimal`` where it holds numbers. Records that share the
    cursor's value are read again without it; what the target has already is not delivered twice. ``end`` is
    why what looks like the end of the list is its end, where the source cannot confirm that by itself: it
    stands in the agreement and in the evidence of every run that relies on it.
    """

    connection: str
    connector: Any
    cursor: str | None = None
    overlap: timedelta | int | Decimal | None = field(default=None, metadata={"quiet": True})
    end: str = field(default="", metadata={"quiet": True})


@dataclass(frozen=True, slots=True)
class Target:
    """Where records go: an Airflow connection id and the connector's typed settings."""

    connection: str
    connector: Any


@dataclass(frozen=True, slots=True)
class Lookup:
    """A question asked to another agency for every record, between validation and mapping.

    ``officer``, ``procedure`` and ``purpose`` accompany every single question, because a citizen
    may only be looked up by a named officer for a named procedure. Each is a constant, or a
    reference ``"$field"`` to a field of the record. The answer is put into the record as ``into``.
    """

    connection: str
    connector: Any
    officer: str
    procedure: str
    purpose: str
    into: str = "lookup"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How records travel.

    ``batch``: records of one segment and so of one delivery. ``parallel``: segments groups worked
    on at the same time. ``attempts``: tries of a step before it fails. ``quarantine_above``: share
    of the pulled records (0 to 1) above which the run fails before anything is pushed. ``versions``: what
    happens where a run pulls one key more than once: ``last`` delivers the last version only, ``all`` every
    one in its order (records are then grouped by key).
    """

    batch: int = 500
    parallel: int = 4
    attempts: int = 5
    quarantine_above: float = 0.05
    versions: str = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One agreement between two agencies; see the module's text.

    ``provider`` and ``consumer`` are agency codes. ``dataset`` is what is pulled and ``produces``
    what is delivered (the same where there is no ``mapping``), each ``name/version``. ``legal_basis``
    names the text that allows the exchange, ``purpose`` what the data is for. ``seal`` is the agency
    whose key signs the evidence (the provider by default); ``sector`` and ``contact`` are for readers.

    Raises `InvalidExchange`, naming the field, where the agreement contradicts itself.
    """

    id: str
    title: Text
    provider: str
    consumer: str
    legal_basis: str
    purpose: Text
    source: Source
    target: Target
    dataset: str
    mapping: str | None = None
    produces: str | None = None
    lookup: Lookup | None = None
    delivery: Delivery = field(default_factory=Delivery)
    seal: str | None = None
    sector: str = ""
    contact: str = ""

    def __post_init__(self) -> None:
        self._require("id", _EXCHANGE_ID.match(self.id), "lower-case letters, digits and _, at most 80")
        for name in ("provider", "consumer", "seal"):
            code = getattr(self, name)
            if code is not None or name != "seal":
                self._require(name, AGENCY_CODE.match(code or ""), "an agency code such as H21.129 or G22")
        for name in ("dataset", "mapping", "produces"):
            value = getattr(self, name)
            if value is not None or name == "dataset":
                self._require(name, _VERSIONED.match(value or ""), "name/version such as onestop.dossier/1")
        self._require("legal_basis", self.legal_basis.strip(), "the law, decree or decision that allows it")
        self._require("purpose", self.purpose.vi.strip() and self.purpose.en.strip(), "both languages")
        self._require("title", self.title.vi.strip() and self.title.en.strip(), "both languages")
        self._require("mapping", not self.produces or self.mapping, "a mapping from dataset to produces")
        for name in ("source", "target", "lookup"):
            end = getattr(self, name)
            if end is not None:
                self._require(
                    f"{name}.connection", _CONNECTION_ID.match(end.connection), "an Airflow connection id"
                )
        end = self.source.end
        self._require("source.end", not end or end.strip(), "the reason why the end is believed, or nothing")
        self._check_delivery()
        self._check_lookup()

    def _require(self, name: str, holds: object, wanted: str) -> None:
        if not holds:
            said = f"field {name!r} is missing or malformed"
            where = f"{_defining_file()}, exchange {self.id!r}"
            error = InvalidExchange(said, where=where, hint=f"give {wanted}")
            # from a twin that was never raised: Airflow then shows the sentence before the traceback
            raise error from InvalidExchange(said, where=where, hint=f"give {wanted}")

    def _check_delivery(self) -> None:
        delivery = self.delivery
        self._require("delivery.batch", 1 <= delivery.batch <= 100_000, "1 to 100000 records")
        self._require("delivery.parallel", 1 <= delivery.parallel <= 64, "1 to 64")
        self._require("delivery.attempts", 1 <= delivery.attempts <= 50, "1 to 50")
        self._require("delivery.versions", delivery.versions in ("last", "all"), "'last' or 'all'")
        self._require("delivery.quarantine_above", 0 <= delivery.quarantine_above <= 1, "a share from 0 to 1")

    def _check_lookup(self) -> None:
        if self.lookup is not None:
            for name in ("officer", "procedure", "purpose", "into"):
                self._require(
                    f"lookup.{name}", getattr(self.lookup, name), "who asks, for what procedure and why"
                )

    @property
    def signer(self) -> str:
        """The agency whose key signs this exchange's evidence."""
        return self.seal or self.provider

    @property
    def delivers(self) -> str:
        """The dataset that reaches the target."""
        return self.produces or self.dataset

    def as_dict(self) -> dict[str, Any]:
        """Return the agreement as a JSON-ready object, connector settings included, no secrets."""
        plain = {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}
        if self.delivery.versions == "last":  # agreements from before there was a choice keep their digest
            del plain["delivery"]["versions"]
        return plain

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the agreement's canonical JSON."""
        return digest(self.as_dict())


def _defining_file() -> str:
    """Return the name of the file in which the exchange stands, for messages."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") in (__name__, None):
        frame = frame.f_back
    while frame is not None and frame.f_code.co_filename.startswith("<"):
        frame = frame.f_back  # the constructor that dataclasses generate
    return Path(frame.f_code.co_filename).name if frame is not None else "DAG file"


def _plain(value: Any) -> Any:
    """Turn settings into JSON: a dataclass becomes an object with its ``kind`` where it has one.

    Settings that name something else, such as a table of codes, say what it stands for: ``agreed()``
    returns those members. A ``quiet`` field that has its default is left out, so that agreements made
    before there was such a field keep their digest.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = {"kind": value.kind} if hasattr(value, "kind") else {}
        told = [f.name for f in dataclasses.fields(value) if _told(f, value)]
        plain = kind | {name: _plain(getattr(value, name)) for name in told}
        return plain | (_plain(value.agreed()) if hasattr(value, "agreed") else {})
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_plain(item) for item in value]
        return sorted(items) if isinstance(value, (set, frozenset)) else items
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, timedelta):
        return f"PT{format(Decimal(value // timedelta(microseconds=1)) / 1_000_000, 'f')}S"
    return str(value)


def _told(item: dataclasses.Field[Any], value: Any) -> bool:
    return not item.metadata.get("quiet") or bool(getattr(value, item.name) != item.default)
