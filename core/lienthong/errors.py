"""Every error the bus raises, grouped by what the caller must do next.

::

    LienThongError
    ├── Transient              retry later, nothing is wrong with the exchange
    │   ├── Unavailable        the other side does not answer or answers 5xx
    │   ├── RateLimited        the other side asks us to slow down (429, quota)
    │   ├── TimedOut           no answer within the deadline
    │   ├── OutcomeUnknown     the request may have been taken: ask, never repeat blindly
    │   ├── Closed             nobody asks this system now (its hours, or its failures): wait
    │   ├── Held               another process is at work on this exchange: wait for it
    │   └── LeaseLost          another process took this work over: stop, it goes on there
    ├── Permanent              fail now, a retry would end the same way
    │   ├── ProtocolViolation  the answer does not follow the agreed protocol
    │   ├── RequestRejected    the other side refused the whole request
    │   ├── TooManyQuarantined more records refused than the exchange allows
    │   ├── StaleRun           a newer run has settled, or this one was closed: it sends nothing
    │   ├── Unbalanced         pulled is not the sum of its terms
    │   └── Incompatible       a published contract changed in a way that breaks consumers
    ├── Refused                this record goes to quarantine, the run goes on
    ├── Misconfigured          fix the exchange, the connection or the deployment
    │   ├── InvalidExchange    an exchange that contradicts itself or the catalogue
    │   ├── UnknownName        a dataset, mapping, code list or connector that is not there
    │   ├── Unauthenticated    the other side does not accept who we are (401)
    │   └── Forbidden          the other side knows us and says no (403)
    └── Tampered               stop and raise the alarm
        ├── SegmentTampered    staged bytes differ from their name
        ├── SignatureInvalid   a signature does not hold or does not cover what it must
        └── EvidenceTampered   a statement, bundle or ledger entry was altered

Every class carries a stable ``code``. Messages name the place and the next step; they never
carry a payload, a personal value or a secret. Instances survive pickling, because Airflow moves
them between processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lienthong.credentials import hide_in_ours


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one record was refused.

    ``path`` is a JSON Pointer (RFC 6901) into the record, ``rule`` a stable rule name such as
    ``schema.pattern`` or ``check.tax-code`` or ``target.<code>``; ``vi`` and ``en`` are for the
    steward who repairs the record. Texts name the rule, never the value.
    """

    path: str
    rule: str
    vi: str
    en: str

    def __post_init__(self) -> None:
        whole = f"{self.path}\n{self.rule}\n{self.vi}\n{self.en}"  # there may be very many: one look at each
        if hide_in_ours(whole) != whole:
            for name in ("path", "rule", "vi", "en"):
                object.__setattr__(self, name, hide_in_ours(getattr(self, name)))

    def as_dict(self) -> dict[str, str]:
        """Return the reason as a JSON-ready object."""
        return {"path": self.path, "rule": self.rule, "vi": self.vi, "en": self.en}


class LienThongError(Exception):
    """Root of all errors of the bus.

    ``message`` says what happened, ``where`` names the place (file, exchange, field, host) and
    ``hint`` what to do next. No text of it holds a credential of this process.
    """

    code: ClassVar[str] = "lienthong"

    def __init__(self, message: str, *, where: str = "", hint: str = "", **details: Any) -> None:
        message = hide_in_ours(message)
        super().__init__(message)
        self.message = message
        self.where = hide_in_ours(where)
        self.hint = hide_in_ours(hint)
        self.details: dict[str, Any] = {
            name: hide_in_ours(value) if isinstance(value, str) else value for name, value in details.items()
        }

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{advice}"

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"where": self.where, "hint": self.hint, **self.details}
        return _rebuild, (type(self), self.message, state)


def _rebuild(cls: type[LienThongError], message: str, state: dict[str, Any]) -> LienThongError:
    return cls(message, **state)


class Transient(LienThongError):
    """Nothing is wrong with the exchange; retry later."""

    code = "transient"

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        retry_after: float | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, where=where, hint=hint, retry_after=retry_after, **details)
        self.retry_after = retry_after


class Unavailable(Transient):
    """The other side does not answer, or answers 5xx."""

    code = "transient.unavailable"


class RateLimited(Transient):
    """The other side asks us to slow down; ``retry_after`` is in seconds where it says."""

    code = "transient.rate-limited"


class TimedOut(Transient):
    """No answer within the deadline, and the request was one that is safe to repeat."""

    code = "transient.timed-out"


class OutcomeUnknown(Transient):
    """A delivery left and no answer came back: it may or may not have been taken.

    The pipeline marks the delivery ``unknown`` and asks the target before anything is repeated.
    """

    code = "transient.outcome-unknown"


class Closed(Transient):
    """The other side is not asked now: outside its service hours, or left alone after failures.

    ``retry_after`` says for how long. Nothing left.
    """

    code = "transient.closed"


class Held(Transient):
    """Another process is at work on the exchange; says who and until when at the latest."""

    code = "transient.held"


class LeaseLost(Transient):
    """This process no longer holds what it is at: it was stopped for too long, another may have it."""

    code = "transient.lease-lost"


class Permanent(LienThongError):
    """A retry would end the same way; fail now."""

    code = "permanent"


class ProtocolViolation(Permanent):
    """The answer does not follow the agreed protocol (shape, encoding, size, depth)."""

    code = "permanent.protocol"


class RequestRejected(Permanent):
    """The other side refused the whole request, not single records."""

    code = "permanent.rejected"


class TooManyQuarantined(Permanent):
    """The share of quarantined records is above the exchange's ``quarantine_above``."""

    code = "permanent.too-many-quarantined"


class StaleRun(Permanent):
    """A newer run of the exchange has settled, or a person closed this one: it must not send any more."""

    code = "permanent.stale-run"


class Unbalanced(Permanent):
    """The conservation law does not hold for a run."""

    code = "permanent.unbalanced"


class Incompatible(Permanent):
    """A published contract changed in a way that breaks its consumers."""

    code = "permanent.incompatible"


class Refused(LienThongError):
    """One record is refused, with the reasons; the run goes on without it."""

    code = "refused"

    def __init__(
        self,
        message: str = "record refused",
        *,
        where: str = "",
        hint: str = "",
        reasons: tuple[Reason, ...] = (),
        **details: Any,
    ) -> None:
        super().__init__(message, where=where, hint=hint, reasons=reasons, **details)
        self.reasons = reasons


class Misconfigured(LienThongError):
    """Fix the exchange, the connection or the deployment; a retry does not help."""

    code = "misconfigured"


class InvalidExchange(Misconfigured):
    """An exchange that contradicts itself, the catalogue or the classification rules."""

    code = "misconfigured.exchange"


class UnknownName(Misconfigured):
    """A dataset, mapping, code list, connector, agency or key that does not exist."""

    code = "misconfigured.unknown-name"


class Unauthenticated(Misconfigured):
    """The other side does not accept who we are (HTTP 401, WS-Security failure)."""

    code = "misconfigured.unauthenticated"


class Forbidden(Misconfigured):
    """The other side knows who we are and refuses (HTTP 403)."""

    code = "misconfigured.forbidden"


class Tampered(LienThongError):
    """Bytes are not what was signed or named: stop, raise the alarm."""

    code = "tampered"


class SegmentTampered(Tampered):
    """A staged segment's bytes differ from the digest that names it."""

    code = "tampered.segment"


class SignatureInvalid(Tampered):
    """A signature does not hold, uses a forbidden algorithm or does not cover what it must."""

    code = "tampered.signature"


class EvidenceTampered(Tampered):
    """A statement, a bundle or a ledger entry was altered."""

    code = "tampered.evidence"
