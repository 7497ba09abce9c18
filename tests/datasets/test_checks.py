"""Every semantic check, with values it takes and values it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.vn import mst

from lienthong.datasets import Catalogue, Validator
from lienthong.datasets.identifiers import is_tax_code, sex_and_year
from lienthong.errors import Misconfigured

Check = Callable[..., list[str]]
PN, TAX, AGENCY = {"check": "personal-number"}, {"check": "tax-code"}, {"check": "agency-code"}
XA, TINH = {"check": "administrative-unit", "level": "xa"}, {"check": "administrative-unit", "level": "tinh"}
DOSSIER, PROCEDURE = {"check": "dossier-code"}, {"check": "procedure-code"}
SOCIAL, CARD = {"check": "social-insurance-number"}, {"check": "health-card"}
COMPACT = {"check": "date", "format": "yyyyMMddHHmmss"}
BIRTH = {"check": "date", "format": ["dd/MM/yyyy", "yyyy"], "past": True}

GOOD: list[tuple[dict[str, Any], Any]] = [
    (PN, "052090123456"),
    (PN, "233090123456"),
    (PN, "063164271828"),
    ({**PN, "old": True}, "230123456"),
    (TAX, "0100233488"),
    (TAX, "0314409058-002"),
    (TAX, "0314409058002"),
    (TAX, "052090123456"),
    (AGENCY, "H21.129"),
    (AGENCY, "000.00.00.G22"),
    (AGENCY, "002.00.20.H13"),
    (AGENCY, "H55"),
    (DOSSIER, "H21.129-250812-0035"),
    (DOSSIER, "000.00.01.H29-240229-123456"),
    (PROCEDURE, "2.002492"),
    (PROCEDURE, "3.000181.000.00.00.H22"),
    (PROCEDURE, "2.000815.000.00.00.H55.02"),
    (SOCIAL, "0123456789"),
    (CARD, "DN4520123456789"),
    (CARD, "0123456789"),
    (COMPACT, "20240229235959"),
    ({"check": "date", "format": "iso"}, "2025-08-12T07:30:00.000+0700"),
    ({"check": "date", "format": "iso"}, "2025-08-12T07:30:00Z"),
    ({"check": "date", "format": "iso"}, "0000-00-00T00:00:00.000+0700"),
    ({"check": "date", "format": "epoch-ms"}, "1754958600000"),
    (BIRTH, "29/02/2000"),
    (BIRTH, "1985"),
    ({"check": "date", "format": "MM/yyyy"}, "12/1999"),
    ({"codelist": "gender"}, 2),
    ({"codelist": "gender"}, "0"),
    ({"codelist": "ethnicity"}, "10"),
    (PN, None),
    (PN, ""),
    (XA, "00097"),
    (TINH, "52"),
]
BAD: list[tuple[dict[str, Any], Any, str]] = [
    (PN, "05209012345", "check.personal-number"),
    (PN, "05209012345X", "check.personal-number"),
    (PN, "٠٥٢٠٩٠١٢٣٤٥٦", "check.personal-number"),
    (PN, 52090123456, "check.personal-number"),
    (PN, "003090123456", "check.personal-number.place"),
    (PN, "000090123456", "check.personal-number.place"),
    (PN, "230123456", "check.personal-number"),
    (TAX, "0100233489", "check.tax-code"),
    (TAX, "0100233488-000", "check.tax-code"),
    (TAX, "0100000000", "check.tax-code"),
    (TAX, "003090123456", "check.tax-code"),
    ({**TAX, "persons": False}, "052090123456", "check.tax-code"),
    (AGENCY, "h21.129", "check.agency-code"),
    (AGENCY, "H21.129\n", "check.agency-code"),
    (AGENCY, "H21." + "129." * 9 + "1", "check.agency-code"),
    (AGENCY, "H64.1", "check.agency-code"),
    (AGENCY, "H64.10", "check.agency-code.level-1"),
    (AGENCY, "000.00.00.H99", "check.agency-code.level-1"),
    (DOSSIER, "H21.129-250230-0035", "check.dossier-code"),
    (DOSSIER, "H21.129-251301-0035", "check.dossier-code"),
    (DOSSIER, "H21/2025/41", "check.dossier-code"),
    (DOSSIER, "H21.129-250812-0035\n", "check.dossier-code"),
    (PROCEDURE, "TTHC-1193", "check.procedure-code"),
    (PROCEDURE, "2.00249", "check.procedure-code"),
    (SOCIAL, "012345678", "check.social-insurance-number"),
    (CARD, "DN9520123456789", "check.health-card"),
    ({**CARD, "short": False}, "0123456789", "check.health-card"),
    (COMPACT, "20230229000000", "check.date"),
    (COMPACT, "2024022923595", "check.date"),
    (COMPACT, "20240229246000", "check.date"),
    (COMPACT, 20240229000000, "check.date"),
    ({"check": "date", "format": "iso"}, "2025-02-30T08:00:00.000+0700", "check.date"),
    ({"check": "date", "format": "iso"}, "2025-W07-1T08:00", "check.date"),
    ({"check": "date", "format": "iso"}, "2025-02-03", "check.date"),
    ({"check": "date", "format": "epoch-ms"}, "yesterday", "check.date"),
    ({"check": "date", "format": "epoch-ms"}, "1_754_958_600_000", "check.date"),
    ({"check": "date", "format": "epoch-ms"}, "١٧٥٤٩٥٨٦٠٠٠٠٠", "check.date"),
    (BIRTH, "31/04/1980", "check.date"),
    (BIRTH, "16/01/2026", "check.date.future"),
    (BIRTH, "2027", "check.date.future"),
    ({"codelist": "gender"}, 3, "codelist.gender"),
    ({"codelist": "gender"}, True, "codelist.gender"),
    (XA, "99998", "check.administrative-unit.xa"),
    (XA, "52", "check.administrative-unit.xa"),
    (TINH, "99", "check.administrative-unit.tinh"),
]


@pytest.mark.parametrize(("note", "value"), GOOD)
def test_a_good_value_is_taken(check: Check, note: dict[str, Any], value: Any) -> None:
    """Each check takes what the reference calls valid, and never looks at null or empty text."""
    assert check(note, value) == []


@pytest.mark.parametrize(("note", "value", "rule"), BAD)
def test_a_bad_value_is_refused_by_its_rule(
    check: Check, note: dict[str, Any], value: Any, rule: str
) -> None:
    """Each check refuses what is not valid, under the rule's stable name."""
    assert check(note, value) == [rule]


@pytest.mark.parametrize(
    ("code", "day", "rules"),
    [
        ("00001", "2025-06-30", []),
        ("00001", "2025-07-01", ["check.administrative-unit.xa"]),
        ("00097", "2025-07-01", []),
        ("00001", "20250630120000", []),
        ("00001", "30/06/2025", []),
        ("00001", "2025-06-30T23:59:59.000+0700", []),
        ("00001", "2025-06-30T16:59:59Z", []),
        ("00001", "2025-06-30T17:00:00Z", ["check.administrative-unit.xa"]),
    ],
)
def test_a_commune_must_be_in_force_on_the_records_day(
    check: Check, code: str, day: str, rules: list[str]
) -> None:
    """A former commune is right until 30 June 2025 and wrong after, on the Vietnamese calendar."""
    assert check(XA, code, day=day) == rules


def test_a_province_that_was_merged_ends_with_its_day(check: Check) -> None:
    """Code 64 (former Gia Lai) holds before the merger only; 52 changed its name and goes on."""
    assert check(TINH, "64", day="2025-06-30") == []
    assert check(TINH, "64", day="2025-07-01") == ["check.administrative-unit.tinh"]
    assert check(TINH, "52", day="2024-01-01") == check(TINH, "52", day="2026-01-01") == []


def test_a_date_may_have_to_follow_another(check: Check) -> None:
    """``not_before`` compares with a sibling and says nothing where that is no date."""
    note = {"check": "date", "format": "yyyyMMdd", "not_before": "start"}
    assert check(note, "20250102", start="20250101") == []
    assert check(note, "20250101", start="20250101") == []
    assert check(note, "20241231", start="20250101") == ["check.date.order"]
    assert check(note, "20241231", start="") == []


def test_a_condition_decides_whether_a_check_applies(check: Check) -> None:
    """``when`` looks at a sibling: a person's number is a personal number, an organisation's a tax code."""
    note = {
        "checks": [
            {"check": "personal-number", "when": {"field": "kind", "in": [1]}},
            {"check": "tax-code", "when": {"field": "kind", "in": [2]}},
        ]
    }
    assert check(note, "0100233488", kind=2) == []
    assert check(note, "0100233488", kind=1) == ["check.personal-number"]
    assert check(note, "12", kind=2) == ["check.tax-code"]
    assert check(note, "12", kind=3) == []


def test_oddities_of_a_personal_number_warn_and_refuse_nothing(
    catalogue: Catalogue, make_dataset: Any
) -> None:
    """Sex and birth year that differ from the number are told as warnings: old numbers were corrected."""
    note = {"check": "personal-number", "born": "born", "gender": "sex"}
    dataset = make_dataset({"number": {"type": "string", "x-lienthong": note}, "born": {}, "sex": {}})
    validator = Validator(dataset, catalogue)

    def warned(**record: Any) -> list[str]:
        assert validator.is_valid({"id": "1", **record})
        return [warning.rule for warning in validator.warnings({"id": "1", **record})]

    assert warned(number="052190123456", born="01/02/1990", sex=2) == []
    assert warned(number="052190123456", born="1991", sex=2) == ["check.personal-number.born"]
    assert warned(number="052190123456", born="19900201", sex=1) == ["check.personal-number.sex"]
    assert warned(number="063190123456", born="1991", sex=1) == ["check.personal-number.test"]
    assert warned(number="052190123456") == []


@pytest.mark.parametrize(
    ("number", "told"),
    [("052090000000", ("male", 1990)), ("052302000000", ("female", 2002)), ("052899000000", ("male", 2399))],
)
def test_the_fourth_digit_tells_sex_and_century(number: str, told: tuple[str, int]) -> None:
    """Even is male, odd female, two digits a century from 1900."""
    assert sex_and_year(number) == told


@given(st.from_regex(r"[0-9]{10}(-?[0-9]{3})?", fullmatch=True) | st.text(max_size=14))
def test_tax_codes_agree_with_python_stdnum(text: str) -> None:
    """Our fast check and ``stdnum.vn.mst`` give the same verdict, separators apart."""
    if text.isascii() and all(letter.isdigit() or letter == "-" for letter in text):
        strict = len(text) in (10, 13) or (len(text) == 14 and text[10] == "-")
        assert is_tax_code(text) == (strict and text.count("-") <= 1 and mst.is_valid(text))
    else:
        assert not is_tax_code(text)


@pytest.mark.parametrize(
    "note",
    [
        {"check": "nothing"},
        {"check": "tax-code", "level": "xa"},
        {"check": "date", "format": "yyyy-QQ"},
        {"check": "date"},
        {"check": "administrative-unit", "level": "thon"},
        {"klass": "open"},
    ],
)
def test_a_check_that_does_not_exist_is_a_misconfiguration(check: Check, note: dict[str, Any]) -> None:
    """Unknown checks, options, formats and words name the field instead of passing silently."""
    with pytest.raises(Misconfigured, match="field 'value'"):
        check(note, "1")
