"""A run that found nothing: no run with records passes for one, and its short form gives the token back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from verdicts import found, told

from lienthong.errors import EvidenceTampered
from lienthong.ledger import Database, Ledger, flow
from lienthong.ledger.fields import FORMAT_1
from lienthong.ledger.idle import is_idle, is_short
from lienthong.ledger.statements import entry_hash
from lienthong.records import canonical, parse
from lienthong.segment import pack
from lienthong.signing import TrustStore, jws

EXCHANGE = "dossiers_to_mic"
ONE, _ = pack([b'{"code":1}'])
FLOW = flow([ONE])


def settled(run: Any, **more: Any) -> Any:
    """Settle a run that found nothing, with one statement, and return the run."""
    run.journal.open_run(EXCHANGE, run.run, digest=run.exchange.digest())
    attest = run.attest
    run.attest = lambda step, **given: attest(step, notes={"nothing_new": True, **more}, **given)
    run.settle({})
    run.attest = attest
    return run


@pytest.fixture
def idle(local: Database, make_run: Any, forger: Any, tmp_path: Path) -> Any:
    """A forger who holds the key, at work on the bundle of a run that found nothing."""
    return replace(forger, bundle=settled(make_run(local)).export(tmp_path / "idle.zip").path)


def test_one_statement_that_says_so_is_enough(idle: Any, trust: TrustStore) -> None:
    """The bundle of a run that found nothing verifies, and the forger's tool breaks nothing of it."""
    names = [name for name in idle.contents() if name.startswith("statements/")]
    assert len(names) == 1
    assert told(idle.bundle, trust)
    assert told(idle.resign(lambda payloads: None), trust)


def _of_format_1(payload: dict[str, Any]) -> None:
    for name in ("kind", "act", "operator"):
        del payload[name]
    payload["format"] = FORMAT_1


SIGNED_LIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "it does not say so": lambda p: p.update(notes={}),
    "it says no": lambda p: p["notes"].update(nothing_new=False),
    "it says one": lambda p: p["notes"].update(nothing_new=1),
    "something was pulled": lambda p: p["counts"].update(pulled=1, acknowledged=1),
    "something is pending": lambda p: p["counts"].update(pulled=1, pending=1),
    "quarantined": lambda p: p["counts"].update(pulled=1, quarantined=1),
    "a term less": lambda p: p["counts"].pop("unchanged"),
    "a term more": lambda p: p["counts"].update(sent=0),
    "something went in": lambda p: p.update(inputs=FLOW),
    "something came out": lambda p: p.update(outputs=FLOW),
    "something was refused": lambda p: p.update(quarantined=FLOW),
    "a receipt": lambda p: p.update(receipts=[{"delivery": "a" * 64}]),
    "a part of two": lambda p: p.update(part={"index": 0, "of": 2}),
    "deliveries of another run": lambda p: p["documents"].update({"deliveries.json": "0" * 64}),
    "no document of deliveries": lambda p: p["documents"].pop("deliveries.json"),
    "no document of the quarantine": lambda p: p["documents"].pop("quarantine.json"),
    "of format 1": _of_format_1,
}  # fmt: skip


@pytest.mark.parametrize("lie", SIGNED_LIES)
def test_without_a_pull_nothing_but_nothing_holds(idle: Any, trust: TrustStore, lie: str) -> None:
    """Whatever else its statement says, although signed anew, the pull's statement is missing."""
    forged = idle.resign(lambda payloads: SIGNED_LIES[lie](payloads[0]))
    assert "step pull: its statement is missing" in found(forged, trust)


@pytest.mark.parametrize("stem", ["deliveries", "quarantine"])
def test_documents_of_records_are_no_documents_of_nothing(
    idle: Any, forge: Any, trust: TrustStore, stem: str
) -> None:
    """Deliveries or refused records of another run, bound and signed anew, do not go with it."""
    data = forge.contents()[f"documents/{stem}.json"]
    assert "step pull: its statement is missing" in found(idle.resign(lambda p: None, **{stem: data}), trust)


def _nothing(payload: dict[str, Any], idle: Any) -> None:
    """Let a settle statement say all that one says of a run that found nothing."""
    (name,) = (name for name in idle.contents() if name.startswith("statements/"))
    said = parse(jws._decode(idle.contents()[name].decode().split(".")[1]))
    for one in ("counts", "notes", "inputs", "outputs", "quarantined", "receipts", "documents"):
        payload[one] = said[one]


def test_run_with_records_whose_settle_says_nothing(forge: Any, idle: Any, trust: TrustStore) -> None:
    """Where its other statements are there, its counts are wrong, whoever signed them."""
    text_ = found(forge.resign(lambda p: _nothing(p[6], idle)), trust)
    assert "count 'pulled' of step settle" in text_


def test_run_with_records_that_is_cut_down_to_its_settle(forge: Any, trust: TrustStore) -> None:
    """Signed anew as the only statement, as it is, it misses the pull; untouched, the chain as well."""
    alone = forge.resign(lambda p: p.__setitem__(slice(None), [p[6]]))
    assert "step pull: its statement is missing" in found(alone, trust)
    cut = forge.rewrite(
        lambda c: [c.pop(name) for name in list(c) if name.startswith("statements/") and "07.jws" not in name]
    )
    text_ = found(cut, trust)
    assert "a statement was removed" in text_
    assert "step pull: its statement is missing" in text_


def test_pull_cannot_be_taken_out(
    local: Database, make_run: Any, forger: Any, trust: TrustStore, tmp_path: Path
) -> None:
    """Of a run that has a pull and a settle which say that nothing was found, the pull is still needed."""
    run = make_run(local)
    run.journal.open_run(EXCHANGE, run.run, digest=run.exchange.digest())
    run.attest("pull", counts={"pulled": 0, "quarantined": 0})
    settled(run)
    whole = replace(forger, bundle=run.export(tmp_path / "both.zip").path)
    cut = whole.rewrite(lambda c: c.pop("statements/0000000001.jws"))
    assert "a statement was removed" in found(cut, trust)


def test_settle_that_takes_back_what_was_settled(idle: Any, trust: TrustStore) -> None:
    """A statement of nothing does not stand for one of something that it supersedes."""

    def twice(payloads: list[dict[str, Any]]) -> None:
        first = _copied(payloads[0])
        first["counts"].update(pulled=1, acknowledged=1)
        payloads.insert(0, first)
        payloads[1]["supersedes"] = 1

    assert "step pull: its statement is missing" in found(idle.resign(twice), trust)


def _copied(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a payload that shares nothing with it."""
    copied: dict[str, Any] = parse(canonical(payload))
    return copied


def _stored(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(text("SELECT * FROM lt_statement ORDER BY sequence")))


def test_short_form_gives_the_very_token_back(
    database: Database, make_run: Any, signer: Any, trust: TrustStore
) -> None:
    """Two runs share one document; each token is the one that was signed, whatever reads it."""
    runs = [settled(make_run(database, run=name), cursor_from="2026") for name in ("one", "two")]
    ledger = runs[0].ledger
    rows = _stored(database)
    assert [is_short(row.token) for row in rows] == [True, True]
    entries = list(ledger.entries())
    assert ledger.head() == entries[-1]
    for row, entry in zip(rows, entries, strict=True):
        assert entry_hash(entry.token) == row.hash == entry.hash
        assert is_idle(entry.intact().payload)
        assert jws.verify(entry.token, trust=trust, typ="lienthong-statement+jws").header["x5c"]
    assert entries[1].payload["previous"] == entries[0].hash
    shared = {parse(row.token.encode())["of"] for row in rows}
    assert len(shared) == 1
    assert ledger.check(trust) == []


def test_other_statements_are_stored_as_they_are(small_run: Any, local: Database) -> None:
    """A run with records, and whatever follows the first statement of a run."""
    assert not any(is_short(row.token) for row in _stored(local))


def test_further_statement_of_a_run_that_found_nothing(local: Database, make_run: Any) -> None:
    """One that differs only in times is the same; another one supersedes it, and is stored whole."""
    one = settled(make_run(local))
    said = {name: one.ledger.head().payload[name] for name in ("counts", "documents")}
    run = make_run(local, "two")
    run.journal.open_run(EXCHANGE, "two", digest=run.exchange.digest())
    for _ in range(2):
        assert run.attest("settle", notes={"nothing_new": True, "cursor_from": "2026"}, **said).sequence == 2
    other = run.attest("settle", notes={"nothing_new": True, "cursor_from": "2027"}, **said)
    assert (other.payload["supersedes"], other.payload["run_sequence"]) == (2, 1)
    assert [is_short(row.token) for row in _stored(local)] == [True, True, False]
    assert one.attest("settle", notes={"nothing_new": True, "cursor_from": "2027"}, **said).sequence == 1


DAMAGE: dict[str, str] = {
    "another run": "UPDATE lt_statement SET run = 'three' WHERE sequence = 2",
    "another exchange": "UPDATE lt_statement SET exchange = 'x' WHERE sequence = 2",
    "another time": "UPDATE lt_statement SET recorded = '2026-07-01T00:00:00.000000Z' WHERE sequence = 2",
    "another begin": 'UPDATE lt_statement SET token = replace(token, \'"started":"20\', \'"started":"19\') '
    "WHERE sequence = 2",
    "no JSON": "UPDATE lt_statement SET token = '{' WHERE sequence = 2",
    "no object": "UPDATE lt_statement SET token = '{}' WHERE sequence = 2",
    "a number for a digest": "UPDATE lt_statement SET token = '{\"of\":5}' WHERE sequence = 2",
    "another agency in the shared document": "UPDATE lt_document SET data = "
    'CAST(replace(CAST(data AS TEXT), \'"agency":"H29.10"\', \'"agency":"H29.20"\') AS BLOB) '
    "WHERE CAST(data AS TEXT) LIKE '%lienthong-shared/1%'",
    "no shared document": "DELETE FROM lt_document WHERE CAST(data AS TEXT) LIKE '%lienthong-shared/1%'",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_change_of_what_is_stored_short_is_found(
    local: Database, make_run: Any, trust: TrustStore, tmp_path: Path, damage: str
) -> None:
    """The entry has another token than was hashed and signed; nothing raises, and no bundle comes of it."""
    for name in ("one", "two"):
        run = settled(make_run(local, run=name))
    with local.write() as connection:
        connection.execute(text("DROP TRIGGER lt_statement_no_update"))
        assert connection.exec_driver_sql(DAMAGE[damage]).rowcount > 0
    rules = {finding.rule for finding in Ledger(local).check(trust) if finding.sequence == 2}
    assert rules >= {"hash", "signature"}
    if "lt_document" in DAMAGE[damage]:
        with pytest.raises(EvidenceTampered, match="damaged"):
            run.export(tmp_path / "two.zip")
    else:
        assert not {one.rule for one in Ledger(local).check(trust) if one.sequence == 1}


def test_former_bundle_without_its_pull_stays_refused(forger: Any, tmp_path: Path) -> None:
    """Format 1 knows no run without a pull: the frozen bundle of one that found nothing needs its own."""
    assets = Path(__file__).parent / "assets"
    bundle = Path(shutil.copy(assets / "v1-nothing-new.zip", tmp_path / "old.zip"))

    def without_pull(contents: dict[str, bytes]) -> None:
        del contents[min(name for name in contents if name.startswith("statements/"))]

    cut = replace(forger, bundle=bundle).rewrite(without_pull)
    assert "step pull: its statement is missing" in found(cut, TrustStore.from_pem([assets / "ca-bus.pem"]))
