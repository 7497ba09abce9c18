"""docs/connectors/settings.md says what the descriptors say."""

from __future__ import annotations

from pathlib import Path

import pytest

from lienthong.connector import connector
from lienthong.testing.settings_page import KINDS, page

PAGE = Path(__file__).parents[2] / "docs" / "connectors" / "settings.md"


def test_the_page_is_what_the_generator_writes() -> None:
    """A setting that came, went or changed is on the page: `make settings` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make settings"


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_and_option_has_its_row(kind: str) -> None:
    """Connection form and settings of all roles, with a meaning each."""
    found, text = connector(kind), page()
    names = [item.name for item in found.connection]
    names += [item.name for role in found.settings for item in found.options(role)]
    for name in names:
        (row, *_) = (line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert row.rstrip(" |").rpartition("|")[2].strip(), name


def test_classes_that_settings_take_are_there() -> None:
    """Paging, envelopes, results: what a RestSource or RestTarget is given."""
    text = page()
    for name in ("PagePaging", "Envelope", "StatusLookup", "RateLimit"):
        assert f"### {name}\n" in text
