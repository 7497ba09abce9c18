"""The auditors' pages without a server: masking, language, what is shown of odd runs."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from lienthong.ledger import Statement
from lienthong_audit.masking import MASK, masked
from lienthong_audit.texts import Texts, language_of

CLASSES = {
    "id": "internal",
    "name": "personal",
    "secret": "sensitive",
    "papers[].no": "open",
    "papers[].owner": "personal",
}


def test_only_open_and_internal_values_are_shown() -> None:
    record = {
        "id": 7,
        "name": "Nguyễn Văn A",
        "secret": "x",
        "papers": [{"no": 1, "owner": "B"}],
        "extra": "C",
    }
    cells = {cell.path: cell.text for cell in masked(record, CLASSES)}
    assert cells == {
        "id": "7",
        "name": MASK,
        "secret": MASK,
        "papers[0].no": "1",
        "papers[0].owner": MASK,
        "extra": MASK,
    }


@pytest.mark.parametrize("record", ["text", 5, None, [], {}, ["Nguyễn Văn A"], {"name": {"first": "A"}}])
def test_records_of_an_unexpected_shape_are_hidden(record: object) -> None:
    """A personal value does not show because it stands where the contract has no field."""
    assert all(cell.hidden for cell in masked(record, CLASSES))


def test_a_name_with_a_dot_is_not_taken_for_a_member_below() -> None:
    """What nobody classified showed where its name spelled the path of an open field."""
    classes = {"papers[].no": "open", "['a.b']": "open", "home.ward": "open"}
    record = {"papers[].no": "x", "a.b": "1", "home.ward": "x", "a": {"b": "x"}}
    cells = {cell.path: cell.text for cell in masked(record, classes)}
    assert cells == {"['papers[].no']": MASK, "['a.b']": "1", "['home.ward']": MASK, "a.b": MASK}


def test_long_values_are_cut() -> None:
    (cell,) = masked({"id": "x" * 1000}, CLASSES)
    assert len(cell.text) < 200


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "vi"),
        ("en", "en"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("en-GB,vi;q=0.5", "en"),
        ("fr,en;q=x", "vi"),
    ],
)
def test_the_language_is_the_browsers_or_vietnamese(accept: str, language: str) -> None:
    assert language_of(accept) == language


def test_every_word_exists_in_both_languages() -> None:
    from lienthong_audit.texts import _TEXTS

    assert all(vi and en for vi, en in _TEXTS.values())
    assert Texts("en")["pulled"] == "pulled"
    assert Texts("vi").other == "en"


def test_an_error_page_escapes_its_message() -> None:
    from lienthong_audit.page import render_error

    page = render_error("<script>alert(1)</script>", language="en", nonce="n")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("lang", "open_", "stopped", "closed"),
    [
        ("en", "has not settled: it cannot be verified", "NOT SETTLED", "a person closed it"),
        ("vi", "chưa kết thúc", "CHƯA KẾT SỔ", "đã có người đóng"),
    ],
)
def test_a_run_that_has_not_settled_says_where_it_stands_and_what_to_do(
    lang: str, open_: str, stopped: str, closed: str
) -> None:
    """Under way, stopped, or closed by name; also where the ledger has no statement of it yet."""
    from lienthong_audit.evidence import Closed, RunEvidence
    from lienthong_audit.page import Section, render_runs

    def page(*, ended: bool, by: str = "") -> str:
        done = Closed("2026-01-01T00:00:00Z", by, "paper <b>") if by else None
        run = RunEvidence("births", "r1@nightly", (), (), (), closed=done)
        return render_runs([Section(run, None, ended)], run_id="r1", language=lang, nonce="n")

    assert open_ in page(ended=False)
    assert stopped not in page(ended=False)
    assert stopped in page(ended=True)
    signed = SimpleNamespace(payload={"step": "settle", "counts": {}})
    overtaken = RunEvidence("births", "r1", (signed,), (), (), unsettled=True)  # type: ignore[arg-type]  # enough
    assert overtaken.settled == {}, "signed, then overtaken: the journal counts"
    assert "lienthong runs close r1@nightly --exchange births --by" in page(ended=True)
    assert closed in page(ended=True, by="Lan")
    assert "Lan: paper &lt;b&gt;" in page(ended=True, by="Lan")
    assert stopped not in page(ended=True, by="Lan")


@pytest.mark.parametrize(
    ("lang", "seen", "behind"),
    [
        ("en", "the next run begins before the cursor", "which stays"),
        ("vi", "lượt sau đọc lại", "mốc đứng yên"),
    ],
)
def test_what_was_odd_about_a_cursor_is_on_the_page(lang: str, seen: str, behind: str) -> None:
    """Each note in the reader's language, and none where there was nothing odd."""
    from lienthong_audit.evidence import RunEvidence
    from lienthong_audit.page import Section, render_runs

    at, counts = "2026-01-01T00:00:00.000000Z", {"pulled": 3, "acknowledged": 3}
    settle = Statement(
        exchange="births", exchange_digest="0" * 64, run="r1", step="settle", agency="H29.10",
        started=at, ended=at, counts=counts, notes={"cursor_to": "7"},
    )  # fmt: skip

    def page(**notes: object) -> str:
        said = replace(settle, notes={**settle.notes, **notes}).as_dict() | {"recorded": at, "sequence": 1}
        entry = SimpleNamespace(payload=said, sequence=1, hash="00")
        run = RunEvidence("births", "r1", (entry,), (), ())  # type: ignore[arg-type]  # enough
        return render_runs([Section(run, None, True)], run_id="r1", language=lang, nonce="n")

    assert seen in page(high_unseen=True) and seen in page(high_unplaced=True)
    assert behind in page(high_behind=True)
    assert seen not in page() and behind not in page() and "<code>7</code>" in page()
