"""Of a refusal the ledger keeps what the dataset's classification lets anybody see."""

from __future__ import annotations

from typing import Any

import pytest

from lienthong.datasets.discretion import Discretion
from lienthong.errors import Reason
from lienthong.records import canonical

PERSON, NAME = "079123456789", "Nguyễn Thị Bưởi"
RECORD = {
    "id": "A-17",
    "name": NAME,
    "papers": [{"no": "7", "owner": "Trần Văn Cam"}],
    PERSON: {"x": 1},
}


@pytest.fixture
def discretion(make_dataset: Any) -> Discretion:
    personal = {"type": "string", "x-lienthong": {"class": "personal"}}
    paper = {"type": "object", "properties": {"no": {"type": "string"}, "owner": personal}}
    return Discretion(
        make_dataset(
            {"name": personal, "papers": {"type": "array", "items": paper}, "a/b": {"type": "string"}}
        )
    )


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("", ""),
        ("/name", "/name"),
        ("/papers/3/owner", "/papers/3/owner"),
        ("/a~1b", "/a~1b"),
        (f"/{PERSON}", "/…"),
        (f"/{PERSON}/x", "/…/…"),
        (f"/papers/0/{PERSON}/no", "/papers/0/…/…"),
        ("/papers/Lan/no", "/papers/…/…"),
    ],
)
def test_a_path_keeps_the_names_that_the_contract_has(discretion: Discretion, path: str, kept: str) -> None:
    """A source that keys its maps by people puts their numbers into paths."""
    for rule in ("schema.type", "target.7", "private.rule"):
        assert discretion.reason(Reason(path, rule, "sai", "wrong"), canonical(RECORD)).path == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"{NAME} is not known", "… is not known"),
        (f"owner Trần Văn Cam of {PERSON}", "owner … of …"),
        ("id A-17 is locked", "id A-17 is locked"),
        ("call 0912345678 or 0912 345 678 or lan@example.vn", "call … or … or …"),
        ("since 2026-11-28, code 12345678", "since 2026-11-28, code 12345678"),
    ],
)
def test_a_targets_text_loses_what_is_not_open(discretion: Discretion, said: str, kept: str) -> None:
    """Values of fields that are not open or internal, names that the contract lacks, numbers of people."""
    found = discretion.reason(Reason("", f"target.{PERSON}", said, said), canonical(RECORD))
    assert (found.vi, found.en, found.rule) == (kept, kept, "target.#")


def test_our_own_texts_stay_as_they_are(discretion: Discretion) -> None:
    """They name rules, never a value; the same object comes back, so that many cost little."""
    reason = Reason("/name", "schema.maxLength", "Dài hơn 120 ký tự", "longer than 120 characters")
    assert discretion.reason(reason, canonical(RECORD)) is reason


def test_a_text_about_bytes_that_are_no_record_loses_numbers(discretion: Discretion) -> None:
    said = f"not JSON near {PERSON}"
    assert discretion.reason(Reason("", "private.broken", said, said), b"\xff").en == "not JSON near …"


def test_pages_hide_names_that_the_contract_lacks(discretion: Discretion) -> None:
    assert discretion.member("papers[0].no", "papers[].no") == "papers[0].no"
    assert discretion.member(f"{PERSON}.x", f"{PERSON}.x") == "…"
    assert discretion.member(f"papers[2].{PERSON}.y", f"papers[].{PERSON}.y") == "papers[2].…"
