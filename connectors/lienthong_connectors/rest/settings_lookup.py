"""What an author of exchanges writes to ask a REST service about each record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from lienthong.connector import Connection, Context, RecordLookup, option
from lienthong_connectors.rest.paths import placeholders, references
from lienthong_connectors.rest.settings_common import (
    JSON_TYPES,
    MEGABYTE,
    check_paths,
    check_transport,
    require,
)

if TYPE_CHECKING:  # 200 DAG files import this: what an author does not use is not loaded
    from lienthong_connectors.http.rate import RateLimit
    from lienthong_connectors.http.signature import HttpSignature
    from lienthong_connectors.rest.envelope import Envelope

_KNOWN = frozenset({"record", "question", "officer", "procedure", "purpose", "connection"})
_WHO = ("officer", "procedure", "purpose")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestLookup:
    """One question for each record, by GET or POST.

    ``params``, ``headers`` and ``body`` are templates: ``$record.<path>``, ``$question.id``,
    ``$officer``, ``$procedure``, ``$purpose``, ``$connection.<field>``; a path holds the same names
    in braces, such as ``{record.SoDinhDanh}``. Who asks, for which procedure and why must stand
    somewhere, in a header if nowhere else. Raises `InvalidExchange`, naming the field.
    """

    kind: ClassVar[str] = "rest"

    path: str = option(doc="path under the connection's host, such as /people/{record.SoDinhDanh}")
    method: Literal["GET", "POST"] = option("GET", doc="HTTP method")
    params: Mapping[str, str] = option(factory=dict, doc="query parameters (templates)")
    body: Mapping[str, Any] | None = option(None, doc="JSON body (template)")
    headers: Mapping[str, str] = option(factory=dict, doc="further headers (templates; never credentials)")
    envelope: Envelope | None = option(None, doc="success and failure inside the answer")
    answer: str = option("", doc="dotted path of the answer, or of a list that holds one; empty: all of it")
    absent_statuses: tuple[int, ...] = option((404,), doc="HTTP statuses that mean: nobody was found")
    absent_codes: tuple[str, ...] = option((), doc="envelope codes that mean: nobody was found")
    refused_statuses: tuple[int, ...] = option(
        (400, 409, 413, 422), doc="HTTP statuses that mean: this record cannot be asked about"
    )
    refused_codes: tuple[str, ...] = option(
        (), doc="envelope codes that mean: this record cannot be asked about"
    )
    required: bool = option(True, doc="nothing found refuses the record; False: it gives {}")
    content_types: tuple[str, ...] = option(JSON_TYPES, doc="content types taken for JSON, beside +json")
    timeout: float = option(60.0, doc="seconds without a byte before an answer is given up")
    deadline: float = option(120.0, doc="seconds that one question may take in all")
    max_answer_bytes: int = option(16 * MEGABYTE, doc="largest answer, decoded")
    rates: tuple[RateLimit, ...] = option((), doc="how fast the connection may be asked; all must hold")
    signature: HttpSignature | None = option(None, doc="HTTP Message Signatures (RFC 9421)")

    def __post_init__(self) -> None:
        require(self.method in {"GET", "POST"}, "method", "GET or POST")
        require(self.body is None or self.method == "POST", "body", "no body with GET")
        used = references([self.params, self.body, self.headers]) | placeholders(self.path)
        unknown = ", ".join(sorted(used - _KNOWN))
        known = ", ".join(sorted(_KNOWN))
        require(not unknown, "templates", f"only {known}, not {unknown}")
        for name in _WHO:
            require(name in used, name, f"a place for ${name} in params, body, headers or path")
        check_paths(self)
        check_transport(self.path, self.headers, self.timeout, self.deadline, self.max_answer_bytes)

    def open_lookup(self, connection: Connection, context: Context) -> RecordLookup:
        """Open the service; raise `Misconfigured` where connection and settings do not fit."""
        from lienthong_connectors.rest.ask import OpenRestLookup

        return OpenRestLookup(self, connection, context)
