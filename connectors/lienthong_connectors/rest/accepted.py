"""Targets that accept now and work later: where the job's address stands and how it is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lienthong.connector import option
from lienthong.errors import InvalidExchange
from lienthong_connectors.rest.envelope import Envelope
from lienthong_connectors.rest.outcome import Results
from lienthong_connectors.rest.paths import references


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What an answer of 202 (RFC 9110 section 15.3.3) promises, and how to ask for the rest.

    The acceptance names a job. The job is asked about until its state is one of ``done`` or
    ``refused``; a done job is read with ``results``. A state in no list is a `ProtocolViolation`.
    ``body`` knows ``$reference`` and ``$connection.<field>``.
    """

    status: int = option(202, doc="HTTP status of an acceptance, and of a question answered too early")
    location: str = option(
        "header:Location",
        doc="where an acceptance names the job: header:<name>, or a dotted path",
    )
    path: str = option(
        "", doc="path of the question, with {reference}; empty: the job's name is itself an address"
    )
    method: Literal["GET", "POST"] = option("GET", doc="HTTP method of the question")
    body: Mapping[str, Any] | None = option(None, doc="JSON body of the question (template)")
    envelope: Envelope | None = option(None, doc="success and failure inside the answer")
    state_path: str = option("status", doc="dotted path of the job's state; empty: a success means done")
    done: tuple[str, ...] = option((), doc="states of a job that has ended")
    refused: tuple[str, ...] = option((), doc="states of a job that failed: every record is refused")
    pending: tuple[str, ...] = option((), doc="states of a job that is not done yet")
    results: Results | None = option(None, doc="per-record results of a done job; None: it took them all")
    code_path: str = option("code", doc="dotted path of the code of a job that failed")
    message_path: str = option("message", doc="dotted path of the agency's own text")
    absent_statuses: tuple[int, ...] = option(
        (), doc="HTTP statuses that mean: never taken; another 404 or 410 means: cannot tell"
    )
    interval: float = option(10.0, doc="seconds between questions where no Retry-After says otherwise")
    most_seconds: float = option(3600.0, doc="seconds after which a try gives up asking")
    most_polls: int = option(0, doc="questions after which a try gives up, 0 for no limit")

    def __post_init__(self) -> None:
        for name, holds, wanted in (
            ("status", 200 <= self.status < 300, "a success, 202 as a rule"),
            ("location", self.location.removeprefix("header:"), "header:<name> or a dotted path"),
            ("path", not self.path or "{reference}" in self.path or self.body, "{reference} in path or body"),
            ("method", self.method in {"GET", "POST"}, "GET or POST"),
            ("body", self.body is None or self.method == "POST", "no body with GET"),
            ("body", references(self.body) <= {"reference", "connection"}, "only $reference and $connection"),
            ("done", self.done or not self.state_path, "the state that ends a job"),
            ("interval", 0 < self.interval <= 86_400, "seconds, at most a day"),
            ("most_seconds", 0 < self.most_seconds <= 30 * 86_400, "seconds, at most thirty days"),
            ("most_polls", self.most_polls >= 0, "0 for no limit, or a number of questions"),
        ):
            if not holds:
                raise InvalidExchange(
                    f"field 'accepted.{name}' is missing or malformed", hint=f"give {wanted}"
                )
