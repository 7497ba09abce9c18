"""The page of failures is what the matrix says, and the matrix says everything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lienthong.errors import (
    OutcomeUnknown,
    ProtocolViolation,
    Refused,
    SignatureInvalid,
    Unauthenticated,
    Unavailable,
)
from lienthong.testing.failures import page
from lienthong.testing.hostile.matrix import FAMILIES, ROLES, Outcome, ends
from lienthong.testing.hostile.rows import PARTS, ROWS, rows_for

ROOT = Path(__file__).parents[3]


def test_the_page_is_not_stale() -> None:
    """`make failures` writes it anew."""
    written = (ROOT / "docs/connectors/failures.md").read_text(encoding="utf-8")
    assert written == page(), "run 'make failures'"


def test_every_row_says_for_every_role_and_family_how_it_ends_or_why_not() -> None:
    for row in ROWS.values():
        for family in FAMILIES:
            for role in ROLES:
                outcome = row.outcome(family, role)
                assert isinstance(outcome, Outcome) or len(outcome) > 10, (row.name, family, role)
    assert len(ROWS) == sum(len(rows) for *_, rows in PARTS), "two rows have one name"


def test_every_row_of_the_page_stands_in_two_languages() -> None:
    text = page()
    for row in ROWS.values():
        assert f"| `{row.name}` | {row.vi}<br>{row.en} |" in text
        assert not re.search("[áàảãạăâđéêíóôơúưý]", row.en)


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (Unavailable, "retry"),
        (OutcomeUnknown, "ask"),
        (ProtocolViolation, "fail"),
        (Unauthenticated, "fail"),
        (Refused, "quarantine"),
        (SignatureInvalid, "stop"),
    ],
)
def test_what_the_pipeline_does_follows_from_the_errors_class(error: type, then: str) -> None:
    assert ends(error).then == then


@pytest.mark.parametrize(("family", "least"), [("json", 30), ("xml", 30), ("database", 5)])
def test_no_family_is_left_out(family: str, least: int) -> None:
    assert len(rows_for(family, "source")) >= least
    assert all(rows_for(family, role) for role in ROLES)
