"""What a status of HTTP proves: one table, which every protocol that travels over HTTP asks.

A delivery is sent again without asking only where it surely was not taken:

==============================  ============================================  ==========================
answer                          delivery                                      read, question
==============================  ============================================  ==========================
2xx                             the protocol judges what it says              the protocol reads it
401                             not taken: `Unauthenticated`                  the same
403                             not taken: `Forbidden`                        the same
404, 405, 413, 415              not taken: `RequestRejected`                  the same
429                             not taken: `RateLimited`                      the same
503                             not taken: `Unavailable`, if the connection   `Unavailable`
                                declares it so (`STATUS_503`)
another of `REFUSING`, in the   `RequestRejected`                             `RequestRejected`
system's own readable words
anything else                   `OutcomeUnknown`                              by the status (`_reading`)
==============================  ============================================  ==========================

A connection that is refused, or never made, is `Unavailable`: nothing left. What is cut or late after the
request left is `OutcomeUnknown` for a delivery, unless its status was heard and is one of those above. The
statuses are those of RFC 9110; whoever stands between us and the system (a proxy, a gateway, a load
balancer) may have passed the request on before it answers with 407, 408, 502, 503, 504 or a redirect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lienthong.connector.connection import Connection
from lienthong.connector.descriptor import ConnectionField
from lienthong.errors import (
    Forbidden,
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    RateLimited,
    RequestRejected,
    TimedOut,
    Unauthenticated,
    Unavailable,
)
from lienthong.exchange import Text

STATUS_503: Final = ConnectionField(
    "status_503",
    Text("Ý nghĩa của mã 503 khi gửi", "What 503 says of a delivery"),
    "unknown: a delivery that is answered by 503 may have been taken and is asked about; not-taken: the "
    "system, and all that stands before it, never takes what it answers so",
    default="unknown",
    choices=("unknown", "not-taken"),
)
"""The field of a connection form that says what a 503 means; in every form of a protocol over HTTP."""

NOT_TAKEN: Final[Mapping[int, type[LienThongError]]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: RequestRejected,
    405: RequestRejected,
    413: RequestRejected,
    415: RequestRejected,
    429: RateLimited,
}
"""Statuses by which a request surely was not taken, whatever the answer's body is, and their errors."""

REFUSING: Final = frozenset(
    {400, 402, 406, 409, 410, 411, 412, 414, 416, 417, 421, 422, 423, 424, 426, 428, 431, 451}
)
"""Statuses by which a system refuses a request, if it says so itself (RFC 9110 section 15.5, RFC 4918,
RFC 6585, RFC 7725). 407, 408 and 425 are others' words, or no refusal."""

_NOT_IN_TIME: Final = frozenset({408, 425})
_FOR_GOOD: Final = frozenset({501, 505})


def declares_not_taken(connection: Connection) -> bool:
    """Tell whether a connection declares that a 503 is not taken; `Misconfigured` for any other word."""
    said = str(connection.option(STATUS_503.name, STATUS_503.default))
    if said not in STATUS_503.choices:
        raise Misconfigured(
            f"connection extra {STATUS_503.name!r} is not one of its values",
            where=f"connection {connection.id!r}",
            hint=f"one of {', '.join(STATUS_503.choices)}",
        )
    return said == "not-taken"


def not_taken(status: int, *, busy: bool = False) -> bool:
    """Tell whether a request surely was not taken, by the status alone; ``busy``: 503 says so, too."""
    return status in NOT_TAKEN or (busy and status == 503)


def status_error(
    status: int, *, delivery: bool, refuses: bool = False, busy: bool = False
) -> type[LienThongError] | None:
    """Return the error that a status stands for; None where the answer itself is to be judged.

    ``delivery``: the request asked for an effect. ``refuses``: the answer's body is whole and says in the
    system's own words that it refuses. ``busy``: the connection declares that a 503 was not taken.
    """
    if 200 <= status < 300 or (status == 304 and not delivery):
        return None
    if status in NOT_TAKEN:
        return NOT_TAKEN[status]
    if not delivery:
        return _reading(status)
    if busy and status == 503:
        return Unavailable
    return RequestRejected if refuses and status in REFUSING else OutcomeUnknown


def _reading(status: int) -> type[LienThongError]:
    """Return what a status means for a request without an effect, which may be repeated."""
    if 300 <= status < 400:
        return ProtocolViolation
    if status in _NOT_IN_TIME:
        return TimedOut
    return RequestRejected if 400 <= status < 500 or status in _FOR_GOOD else Unavailable


def in_doubt(error: LienThongError, where: str = "") -> OutcomeUnknown:
    """Return the error of a delivery whose answer tells nothing because of ``error``."""
    return OutcomeUnknown(
        f"the answer to a delivery cannot be read: {error.message}",
        where=error.where or where,
        hint="; ".join(filter(None, ("ask the target before repeating", error.hint))),
    )
