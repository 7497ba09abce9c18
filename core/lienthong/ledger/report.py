"""What checking a bundle found: single checks, and what a bundle cannot show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

_MOST: Final = 50  # findings of one check that are listed one by one


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked.

    ``name`` is stable (``signatures``, ``counts``, ...), ``subject`` what was looked at (a file of
    the bundle, a record, a count), the details a sentence in English and Vietnamese.
    """

    name: str
    ok: bool
    subject: str
    detail_en: str
    detail_vi: str


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something that the bundle cannot show, and so was not checked."""

    name: str
    detail_en: str
    detail_vi: str


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome for one bundle; ``ok`` only where every check holds.

    ``exchange``, ``run``, ``agency`` and ``counts`` come from verified statements, and are empty
    where none could be verified.
    """

    ok: bool
    exchange: str
    run: str
    checks: tuple[Check, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    not_checked: tuple[NotChecked, ...] = ()
    agency: str = ""

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.ok)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a JSON-ready object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong: where, and a sentence in English and Vietnamese."""

    subject: str
    en: str
    vi: str


def settle(name: str, subject: str, en: str, vi: str, problems: Iterable[Problem]) -> list[Check]:
    """Return one holding check where there are no problems, else one failing check each.

    ``en`` and ``vi`` say what holds. Past fifty problems of one check only their number is told.
    """
    failing: list[Check] = []
    more = 0
    for item in problems:
        if len(failing) < _MOST:
            failing.append(Check(name, False, item.subject, item.en, item.vi))
        else:
            more += 1
    if more:
        failing.append(Check(name, False, subject, f"and {more} more findings", f"và {more} lỗi khác"))
    return failing or [Check(name, True, subject, en, vi)]
