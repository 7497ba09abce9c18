"""Decimals keep all their digits, in one text for one number; texts are composed where the dataset says."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from lienthong.datasets import Catalogue, Dataset
from lienthong.datasets.arriving import arriving
from lienthong.datasets.cursor import CursorOrder
from lienthong.datasets.decimals import decimal_text, number_of
from lienthong.errors import Misconfigured

Make = Callable[..., Dataset]
DECIMAL = {"type": "string", "x-lienthong": {"check": "decimal"}}
LONG = "12345678901234567.891"

TEXTS: list[tuple[Any, str | None]] = [
    ("12.50", "12.5"),
    ("+012.50", "12.5"),
    (".5", "0.5"),
    ("5.", "5"),
    ("-0.00", "0"),
    ("1e3", "1000"),
    ("1E-7", "0.0000001"),
    (f" {LONG}\n", LONG),
    ("9" * 400, "9" * 400),
    (12.5, "12.5"),
    (0.1, "0.1"),
    (1e22, "1" + "0" * 22),
    (7, "7"),
    (10**30, "1" + "0" * 30),
    (Decimal("1.10"), "1.1"),
    (Decimal("1E-400"), f"0.{'0' * 399}1"),
    ("1_000", None),
    ("١٢", None),
    ("1,5", None),
    ("0x10", None),
    ("NaN", None),
    ("Infinity", None),
    ("1e9999", None),
    ("9" * 600, None),
    ("", None),
    (" ", None),
    (float("nan"), None),
    (Decimal("Infinity"), None),
    (Decimal("1E+99999"), None),
    (True, None),
    (None, None),
    ([], None),
]


@pytest.mark.parametrize(("value", "text"), TEXTS)
def test_a_number_has_one_text(value: Any, text: str | None) -> None:
    assert decimal_text(value) == text
    if text is not None:
        assert decimal_text(text) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0.1", 0.1),
        ("4.0", 4),
        ("-1e2", -100),
        ("9007199254740991", 9007199254740991),
        ("9007199254740992", None),
        (LONG, None),
        ("0.1234567890123456789", None),
        ("1e400", None),
        ("1e-400", None),
        ("1_000", None),
        (2.0, 2),
        (0.30000000000000004, 0.30000000000000004),
    ],
)
def test_a_json_number_says_all_of_it_or_there_is_none(value: Any, number: Any) -> None:
    """Nothing is rounded on the way to a double."""
    found = number_of(value)
    assert found == number and type(found) is type(number)


@pytest.fixture
def prices(make_dataset: Make) -> Dataset:
    lines = {"type": "array", "items": {"type": "object", "properties": {"fee": DECIMAL, "name": {}}}}
    listed = {"type": "array", "items": DECIMAL}
    return make_dataset({"price": DECIMAL, "lines": lines, "list": listed}, note={"text": "nfc"})


def test_values_become_what_the_dataset_says_as_they_arrive(prices: Dataset) -> None:
    """At any depth and in lists; what is no number is left to the check, the source's record as it is."""
    assert prices.decimals == ("price", "lines[].fee", "list[]")
    made = arriving(prices)
    assert made is not None
    record = {
        "id": "Hồ sơ".encode().decode(),
        "price": Decimal(LONG),
        "lines": [{"fee": 1.50, "name": "e\u0302\u0301"}, {"fee": None}, {}, 3],
        "list": ["2.0", 10**20, "không"],
    }
    before = {**record, "lines": [*record["lines"]]}  # type: ignore[misc]
    assert made(record) == {
        "id": "Hồ sơ",
        "price": LONG,
        "lines": [{"fee": "1.5", "name": "\u1ebf"}, {"fee": None}, {}, 3],
        "list": ["2", "1" + "0" * 20, "không"],
    }
    assert record == before


def test_a_dataset_that_says_nothing_touches_nothing(make_dataset: Make) -> None:
    """Texts stay as they came, and records cost nothing more."""
    assert arriving(make_dataset({"name": {"type": "string"}})) is None
    assert arriving(make_dataset(note={"text": "as-is"})) is None
    with pytest.raises(Misconfigured, match="nfkc"):
        make_dataset(note={"text": "nfkc"})


@pytest.mark.parametrize(
    ("options", "value", "rule"),
    [
        ({}, LONG, ""),
        ({}, "12.50", "check.decimal"),
        ({}, "1_000", "check.decimal"),
        ({}, 5, "check.decimal"),
        ({"minimum": "0", "maximum": LONG}, LONG, ""),
        ({"minimum": 0}, "-0.01", "check.decimal.range"),
        ({"maximum": LONG}, LONG + "1", "check.decimal.range"),
        ({"digits": 5, "scale": 2}, "-123.45", ""),
        ({"digits": 5, "scale": 2}, "0.01", ""),
        ({"digits": 5, "scale": 2}, "1234.56", "check.decimal.digits"),
        ({"digits": 5, "scale": 2}, "1.234", "check.decimal.digits"),
    ],
)
def test_the_check_takes_decimals_in_their_one_text(
    check: Callable[..., list[str]], options: dict[str, Any], value: Any, rule: str
) -> None:
    assert check({"check": "decimal", **options}, value) == ([rule] if rule else [])


def test_bounds_that_are_no_numbers_are_refused(check: Callable[..., list[str]]) -> None:
    with pytest.raises(Misconfigured, match="minimum"):
        check({"check": "decimal", "minimum": "a lot"}, "1")


def test_decimals_are_ordered_as_numbers(prices: Dataset) -> None:
    """A cursor of decimals knows that 9 comes before 10, and all digits count."""
    order = CursorOrder.of(prices, "price")
    assert order.kind == "number" and not order.guessed
    assert order.largest(["9", "10", "9.99"]) == "10"
    assert order.largest([LONG, LONG + "1"]) == LONG + "1"


def test_the_catalogue_holds_what_it_held(catalogue: Catalogue) -> None:
    """No dataset that exists has such fields, so no record's bytes change."""
    assert not [ref for ref in catalogue.datasets() if arriving(catalogue.dataset(ref)) is not None]
