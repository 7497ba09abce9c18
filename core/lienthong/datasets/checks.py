"""Semantic checks: what a schema cannot say about a value.

A check is compiled once from a property's ``x-lienthong`` object into a test. A test takes the
value, the object that holds it and the whole record, and returns the name of the rule that is
broken, or None. Null and empty text are never tested: whether a value must be there is the
schema's matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

from lienthong.datasets import identifiers
from lienthong.datasets.codelists import LEVELS, AdministrativeUnits, CodeList
from lienthong.datasets.dates import NO_DATE, VIETNAM, date_format, day_of, in_zone
from lienthong.datasets.decimals import decimal_of, decimal_text
from lienthong.exchange import AGENCY_CODE
from lienthong.paths import names

Object: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Any, Object, Object], str | None]


class Lists(Protocol):
    """What checks read of a catalogue."""

    def codelist(self, name: str) -> CodeList:
        """Return a code list by name."""

    def administrative_units(self) -> AdministrativeUnits:
        """Return all administrative units."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a test may look at beside the value: code lists, the record's date field, the clock."""

    lists: Lists
    valid_at: str = ""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


Factory: TypeAlias = Callable[[Mapping[str, Any], Surroundings], Test]


def pattern_test(expression: re.Pattern[str], rule: str) -> Test:
    """Return the test that a text matches an expression from its first to its last character."""
    match = expression.fullmatch

    def test(value: Any, _parent: Object, _record: Object) -> str | None:
        return None if isinstance(value, str) and match(value) else rule

    return test


def _personal_number(options: Mapping[str, Any], around: Surroundings) -> Test:
    places, old = frozenset(around.lists.codelist("personal-number-place").codes), bool(options.get("old"))

    def test(value: Any, _parent: Object, _record: Object) -> str | None:
        if not isinstance(value, str) or not value.isascii() or not value.isdigit():
            return "check.personal-number"
        if len(value) != 12:
            return None if old and len(value) == 9 else "check.personal-number"
        place = value[:3]
        return None if place in places or place > "096" else "check.personal-number.place"

    return test


def _personal_number_warning(options: Mapping[str, Any], _around: Surroundings) -> Test:
    born, gender = options.get("born"), options.get("gender")
    male, female = options.get("male", "1"), options.get("female", "2")

    def test(value: Any, parent: Object, _record: Object) -> str | None:
        if not isinstance(value, str) or len(value) != 12:
            return None
        if value.startswith(identifiers.TEST_PLACE):
            return "check.personal-number.test"
        sex, year = identifiers.sex_and_year(value)
        given = str(parent.get(gender)) if gender else ""
        if given in (male, female) and given != (male if sex == "male" else female):
            return "check.personal-number.sex"
        written = re.search(r"(?:19|20)[0-9]{2}", str(parent.get(born) or "")) if born else None
        return "check.personal-number.born" if written and int(written[0]) != year else None

    return test


def _tax_code(options: Mapping[str, Any], around: Surroundings) -> Test:
    personal = _personal_number({}, around)
    persons = options.get("persons", True)

    def test(value: Any, parent: Object, record: Object) -> str | None:
        if isinstance(value, str) and (
            identifiers.is_tax_code(value)
            or (persons and len(value) == 12 and not personal(value, parent, record))
        ):
            return None
        return "check.tax-code"

    return test


def _agency_code(options: Mapping[str, Any], around: Surroundings) -> Test:
    known = (
        frozenset(around.lists.codelist("agency-level-1").codes)
        if options.get("known", True)
        else frozenset()
    )

    def test(value: Any, _parent: Object, _record: Object) -> str | None:
        if not isinstance(value, str) or not AGENCY_CODE.match(value):
            return "check.agency-code"
        first = value[:3] if value[0].isalpha() else value[-3:]
        return "check.agency-code.level-1" if known and first[0] == "H" and first not in known else None

    return test


def _administrative_unit(options: Mapping[str, Any], around: Surroundings) -> Test:
    level = options["level"]
    if level not in LEVELS:
        raise ValueError(f"level is one of {', '.join(LEVELS)}")
    find, day = around.lists.administrative_units().at, _day(options.get("at", around.valid_at))
    rule = f"check.administrative-unit.{level}"

    def test(value: Any, _parent: Object, record: Object) -> str | None:
        return None if isinstance(value, str) and find(value, level, day(record)) else rule

    return test


def _day(path: str) -> Callable[[Object], str | None]:
    if not path:
        return lambda _record: None
    *parents, name = names(path)

    def read(record: Object) -> str | None:
        for part in parents:
            record = record.get(part) or {}
        return day_of(record.get(name))

    return read


def _dossier_code(_options: Mapping[str, Any], _around: Surroundings) -> Test:
    def test(value: Any, _parent: Object, _record: Object) -> str | None:
        return None if isinstance(value, str) and identifiers.is_dossier_code(value) else "check.dossier-code"

    return test


def _procedure_code(_options: Mapping[str, Any], _around: Surroundings) -> Test:
    return pattern_test(identifiers.PROCEDURE_CODE, "check.procedure-code")


def _social_insurance(_options: Mapping[str, Any], _around: Surroundings) -> Test:
    return pattern_test(identifiers.SOCIAL_INSURANCE, "check.social-insurance-number")


def _health_card(options: Mapping[str, Any], _around: Surroundings) -> Test:
    short = options.get("short", True)

    def test(value: Any, _parent: Object, _record: Object) -> str | None:
        good = isinstance(value, str) and identifiers.is_health_card(value, short)
        return None if good else "check.health-card"

    return test


def _date(options: Mapping[str, Any], around: Surroundings) -> Test:
    """Return the test of a date; see docs/datasets.md for the options."""
    wanted = options["format"]
    parsers = [date_format(name).parse for name in ([wanted] if isinstance(wanted, str) else wanted)]
    empty, past, after = (
        frozenset(options.get("none", [NO_DATE])),
        options.get("past"),
        options.get("not_before"),
    )

    def read(value: Any) -> datetime | None:
        for parse in parsers:
            moment = parse(value)
            if moment is not None:
                return in_zone(moment, VIETNAM)
        return None

    def test(value: Any, parent: Object, _record: Object) -> str | None:
        if value in empty:
            return None
        moment = read(value)
        if moment is None:
            return "check.date"
        if past and moment > around.clock():
            return "check.date.future"
        if after:
            earlier = read(parent.get(after))
            return "check.date.order" if earlier is not None and moment < earlier else None
        return None

    return test


def _decimal(options: Mapping[str, Any], _around: Surroundings) -> Test:
    """Return the test of a decimal; see docs/datasets.md for the options."""
    least, most = (_bound(options, name) for name in ("minimum", "maximum"))
    digits, scale = options.get("digits"), options.get("scale")

    def test(value: Any, _parent: Object, _record: Object) -> str | None:
        number = decimal_of(value) if isinstance(value, str) else None
        if number is None or decimal_text(value) != value:
            return "check.decimal"
        if (least is not None and number < least) or (most is not None and number > most):
            return "check.decimal.range"
        whole, _, fraction = value.lstrip("-").partition(".")
        long = digits is not None and len(whole.lstrip("0") + fraction) > digits
        return "check.decimal.digits" if long or (scale is not None and len(fraction) > scale) else None

    return test


def _bound(options: Mapping[str, Any], name: str) -> Decimal | None:
    found = decimal_of(options.get(name))
    if name in options and found is None:
        raise ValueError(f"{name} is no decimal number")
    return found


def _codelist(options: Mapping[str, Any], around: Surroundings) -> Test:
    codes, rule = around.lists.codelist(options["list"]), f"codelist.{options['list']}"
    known = frozenset(codes.codes)

    def test(value: Any, _parent: Object, _record: Object) -> str | None:
        return None if (value if isinstance(value, str) else str(value).lower()) in known else rule

    return test


#: Check name -> how its test is made and the options it takes (``when`` belongs to every check).
CHECKS: dict[str, tuple[Factory, frozenset[str]]] = {
    "personal-number": (_personal_number, frozenset({"born", "gender", "male", "female", "old"})),
    "tax-code": (_tax_code, frozenset({"persons"})),
    "agency-code": (_agency_code, frozenset({"known"})),
    "administrative-unit": (_administrative_unit, frozenset({"level", "at"})),
    "dossier-code": (_dossier_code, frozenset()),
    "procedure-code": (_procedure_code, frozenset()),
    "date": (_date, frozenset({"format", "none", "past", "not_before"})),
    "decimal": (_decimal, frozenset({"minimum", "maximum", "digits", "scale"})),
    "social-insurance-number": (_social_insurance, frozenset()),
    "health-card": (_health_card, frozenset({"short"})),
    "codelist": (_codelist, frozenset({"list"})),
}
#: Checks whose findings are told but refuse nothing.
WARNINGS: dict[str, Factory] = {"personal-number": _personal_number_warning}
