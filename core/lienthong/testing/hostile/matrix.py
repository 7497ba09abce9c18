"""The matrix as data: what a counterpart does, and the one way in which it must end for each role.

A *family* is how a counterpart speaks: ``json`` and ``xml`` over HTTP, or ``database``. A *role* is
what the connector is to it: ``source``, ``target`` or ``lookup``; asking a target what became of a
delivery counts as ``lookup``, because it has no effect either. Nothing here loads pytest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lienthong.errors import (
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    Refused,
    Tampered,
    Transient,
    Unavailable,
)

#: The families, and what belongs to each.
FAMILIES: Mapping[str, tuple[str, str]] = {
    "json": ("dịch vụ HTTP trả lời bằng JSON", "services that answer over HTTP in JSON"),
    "xml": ("dịch vụ HTTP trả lời bằng XML", "services that answer over HTTP in XML"),
    "database": (
        "cơ sở dữ liệu qua trình điều khiển; tệp SQLite không có kết nối để cắt và giữ NULL thay cho NaN",
        "databases through their drivers; a SQLite file has no connection to cut, and keeps NULL for NaN",
    ),
}
ROLES = ("source", "target", "lookup")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way to end: in an ``error``, or in an ordinary end that ``name`` describes."""

    name: str
    error: type[LienThongError] | None = None

    @property
    def then(self) -> str:
        """What the pipeline does next, derived from the error's class."""
        if self.error is None:
            return _ORDINARY[self.name]
        for kind, action in _ACTIONS:
            if issubclass(self.error, kind):
                return action
        return "fail"


_ACTIONS = ((OutcomeUnknown, "ask"), (Transient, "retry"), (Refused, "quarantine"), (Tampered, "stop"))
_ORDINARY = {
    "exact": "go on",
    "steady": "go on",
    "doubted": "go on",
    "set aside": "quarantine",
    "refused": "quarantine or fail",
    "one refused": "quarantine",
}

#: Every record arrives as it is; every delivery is acknowledged.
EXACT = Outcome("exact")
#: What was there all the time comes once and in order.
STEADY = Outcome("steady")
#: Everything comes, or the end of the list is not confirmed, or it is an answer that breaks the agreed form.
DOUBTED = Outcome("doubted")
#: The one record is set aside with a reason, the others are exact.
SET_ASIDE = Outcome("set aside")
#: The agency's refusal is told as such: of the record, or of the whole request.
REFUSED = Outcome("refused")
#: One record of the batch is refused with a reason, the others are acknowledged.
ONE_REFUSED = Outcome("one refused")


def ends(error: type[LienThongError]) -> Outcome:
    """Return the outcome of ending in an error."""
    return Outcome(error.__name__, error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the matrix.

    ``source``, ``target`` and ``lookup`` are the outcomes; a role that is None has its reason in
    ``no_role``. ``without`` names the families (``database``), or one role in a family
    (``database/target``), to which the row does not apply, with the reason; ``otherwise`` holds a
    family's own outcomes. ``calls``: the most requests that one use of the connector may make (0:
    nothing leaves), None where the row sets no bound of its own.
    """

    name: str
    vi: str
    en: str
    source: Outcome | None
    target: Outcome | None
    lookup: Outcome | None
    no_role: str = ""
    without: Mapping[str, str] = field(default_factory=dict)
    otherwise: Mapping[str, Mapping[str, Outcome]] = field(default_factory=dict)
    calls: int | None = None

    def outcome(self, family: str, role: str) -> Outcome | str:
        """Return the outcome, or the reason why the row does not apply."""
        for place in (family, f"{family}/{role}"):
            if place in self.without:
                return self.without[place]
        own = self.otherwise.get(family, {}).get(role)
        general: Outcome | None = getattr(self, role)
        return own or general or self.no_role


#: Why rows about an answer's text do not apply to databases.
TYPED: Mapping[str, str] = {"database": "the driver's protocol has types and lengths; no text is parsed"}


def violation(
    name: str,
    vi: str,
    en: str,
    *,
    without: Mapping[str, str] | None = None,
    otherwise: Mapping[str, Mapping[str, Outcome]] | None = None,
) -> Row:
    """Return a row of an answer that cannot be read; after a delivery it proves nothing."""
    bad = ends(ProtocolViolation)
    return Row(
        name=name, vi=vi, en=en, source=bad, target=ends(OutcomeUnknown), lookup=bad,
        without=TYPED if without is None else without, otherwise=otherwise or {},
    )  # fmt: skip


def cut(name: str, vi: str, en: str, *, without: Mapping[str, str] | None = None) -> Row:
    """Return a row of a connection that is cut."""
    return Row(
        name=name, vi=vi, en=en, source=ends(Unavailable), target=ends(OutcomeUnknown),
        lookup=ends(Unavailable), without=without or {},
    )  # fmt: skip


def untrusted(name: str, vi: str, en: str) -> Row:
    """Return a row of a counterpart that cannot prove its name: nothing is said to it."""
    end = ends(Misconfigured)
    reason = "TLS of a database is its driver's, under the sslmode of the connection's URL"
    return Row(
        name=name, vi=vi, en=en, source=end, target=end, lookup=end, calls=0, without={"database": reason}
    )  # fmt: skip
