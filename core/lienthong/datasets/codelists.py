"""Code lists, translations between them, and administrative units with their terms."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lienthong.exchange import Text

#: The levels of administrative units a check may name, and those of `AdministrativeUnit.level`.
LEVELS = {"tinh": ("tinh", "tinh-cu"), "huyen": ("huyen-cu",), "xa": ("xa", "xa-cu")}


def code_of(value: Any) -> str:
    """Return a value as the text under which code lists hold it (``true`` for JSON's true)."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class CodeList:
    """A closed list of codes with their meanings; ``source`` names the text that defines it."""

    name: str
    title: Text
    source: str
    codes: Mapping[str, Text]

    def __contains__(self, code: object) -> bool:
        return code_of(code) in self.codes

    @classmethod
    def from_dict(cls, name: str, data: Mapping[str, Any]) -> CodeList:
        """Return the list that a code list file describes."""
        codes = {code: Text(text["vi"], text["en"]) for code, text in data["codes"].items()}
        return cls(name, Text(**data["title"]), data.get("source", ""), codes)


@dataclass(frozen=True, slots=True)
class Translation:
    """How codes of one list (``source``) become codes of another (``target``).

    ``target`` may be empty where the result is no code of a list of the catalogue.
    """

    name: str
    title: Text
    source: str
    target: str
    codes: Mapping[str, Any]

    @classmethod
    def from_dict(cls, name: str, data: Mapping[str, Any]) -> Translation:
        """Return the translation that a file describes."""
        return cls(name, Text(**data["title"]), data.get("from", ""), data.get("to", ""), data["codes"])


@dataclass(frozen=True, slots=True)
class AdministrativeUnit:
    """One unit during one term: both days belong to it, ``valid_to`` is empty while in force.

    ``parent`` is the code of the unit above at that time, ``successors`` the codes that took over.
    """

    code: str
    level: str
    name: str
    valid_from: str
    valid_to: str
    parent: str
    successors: tuple[str, ...]


class AdministrativeUnits:
    """All administrative units, asked by code, level and day."""

    def __init__(self, units: Iterable[AdministrativeUnit]) -> None:
        self._terms: dict[tuple[str, str], list[AdministrativeUnit]] = defaultdict(list)
        group = {level: name for name, levels in LEVELS.items() for level in levels}
        for unit in units:
            self._terms[group[unit.level], unit.code].append(unit)

    @classmethod
    def from_csv(cls, text: str) -> AdministrativeUnits:
        """Read the file that ``tools/administrative_units.py`` writes."""
        rows = csv.reader(text.splitlines())
        next(rows)
        return cls(map(_unit, rows))

    def __len__(self) -> int:
        return sum(map(len, self._terms.values()))

    def terms(self, code: str, level: str) -> tuple[AdministrativeUnit, ...]:
        """Return every term of a code at a level (``tinh``, ``huyen`` or ``xa``), oldest first."""
        return tuple(sorted(self._terms.get((level, code), ()), key=lambda unit: unit.valid_from))

    def at(self, code: str, level: str, day: str | None) -> AdministrativeUnit | None:
        """Return the unit in force on a day (``yyyy-MM-dd``), or the last known one where day is None."""
        found = self._terms.get((level, code))
        if not found:
            return None
        if day is None:
            return found[-1]
        for unit in found:
            if unit.valid_from <= day and (not unit.valid_to or day <= unit.valid_to):
                return unit
        return None

    def successors(self, code: str, level: str = "xa") -> tuple[AdministrativeUnit, ...]:
        """Return the units in force now that took over a former one."""
        group = self.terms(code, level)
        codes = dict.fromkeys(heir for unit in group if unit.valid_to for heir in unit.successors)
        return tuple(unit for heir in codes for unit in self.terms(heir, level) if not unit.valid_to)


def _unit(row: list[str]) -> AdministrativeUnit:
    code, level, name, valid_from, valid_to, parent, successors = row
    return AdministrativeUnit(code, level, name, valid_from, valid_to, parent, tuple(successors.split()))
