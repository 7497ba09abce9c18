"""The log: one unbroken chain under signature, whatever happens around it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from lienthong.errors import EvidenceTampered, Misconfigured, Permanent
from lienthong.ledger import Database, Ledger, Statement
from lienthong.ledger.clock import SKEW
from lienthong.ledger.statements import TYP, entry_hash
from lienthong.merkle import leaf_hash
from lienthong.records import canonical
from lienthong.signing import Signer, TrustStore, jws

WRITER = """
import sys, pathlib
from lienthong.ledger import Database, Ledger, Statement
from lienthong.signing import KeyRing
url, home, name = sys.argv[1:]
ledger, signer = Ledger(Database.open(url)), KeyRing.for_home(pathlib.Path(home)).signer("H29.10")
at = "2026-07-01T00:00:00.000000Z"
for part in range(50):
    ledger.append(Statement(exchange="e", exchange_digest="0" * 64, run=name, step="push", agency="H29.10",
                            started=at, ended=at, part={"index": part, "of": 50}), signer)
"""


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def tamper(database: Database, *statements: str) -> None:
    """Change entries as an administrator of the database can, past the triggers."""
    with database.write() as connection:
        if database.dialect == "sqlite":
            for name in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER lt_statement_no_{name}"))
        else:
            connection.execute(text("DROP TRIGGER lt_statement_append_only ON lt_statement"))
        for one in statements:
            connection.execute(text(one))


def fill(ledger: Ledger, statement: Callable[..., Statement], signer: Signer, count: int = 4) -> None:
    for part in range(count):
        ledger.append(statement(part, of=count), signer)


def test_chain_is_under_signature(
    ledger: Ledger, statement: Callable[..., Statement], signer: Signer, trust: TrustStore
) -> None:
    """Sequence and previous hash are inside the signed payload; the hash is RFC 9162's leaf hash."""
    first = ledger.append(statement(0, of=2), signer)
    second = ledger.append(statement(1, of=2), signer)
    assert (first.sequence, second.sequence) == (1, 2)
    assert first.hash == leaf_hash(first.token.encode()).hex()
    payload = jws.verify(second.token, trust=trust, typ=TYP).payload
    assert payload == canonical(second.payload)
    assert second.payload["previous"] == second.payload["run_previous"] == first.hash
    assert (second.payload["sequence"], second.payload["run_sequence"]) == (2, 1)
    assert ledger.head() == second
    assert list(ledger.entries()) == [first, second]
    assert ledger.check(trust) == []


def test_a_clock_behind_the_log_signs_nothing(
    ledger: Ledger, statement: Callable[..., Statement], signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement recorded before the one that it follows, or before its own step, would never verify."""
    ledger.append(statement(0, of=3), signer)
    monkeypatch.setattr("lienthong.ledger.clock.datetime", _Behind)
    with pytest.raises(Misconfigured, match="before the last entry of the ledger") as caught:
        ledger.append(statement(1, of=3), signer)
    assert "this machine's clock says" in caught.value.message
    monkeypatch.undo()
    later = "2126-07-01T00:00:00.000000Z"
    for times in ({"started": later}, {"ended": later}):
        with pytest.raises(Misconfigured, match=r"ran back|before the end of the step \(2126"):
            ledger.append(statement(1, of=3, **times), signer)
    assert ledger.head().sequence == 1  # type: ignore[union-attr]  # there is one
    assert ledger.recorded() == ledger.head().payload["recorded"]  # type: ignore[union-attr]


class _Behind(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) - timedelta(minutes=2)


def test_the_database_s_own_clock(database: Database) -> None:
    """PostgreSQL tells its time, SQLite has no clock but this machine's."""
    theirs = database.clock()
    if database.dialect == "sqlite":
        assert theirs is None
    else:
        assert theirs is not None
        assert abs(datetime.now(UTC) - theirs) < timedelta(minutes=5)


def test_same_statement_again(ledger: Ledger, statement: Callable[..., Statement], signer: Signer) -> None:
    """The very same statement is appended once, so that a repeated call is safe."""
    first = ledger.append(statement(), signer)
    assert ledger.append(statement(), signer) == first
    assert len(list(ledger.entries())) == 1


def test_repeated_step_supersedes(
    ledger: Ledger, statement: Callable[..., Statement], signer: Signer
) -> None:
    """Another statement for the same run, step and part names the one it supersedes; others do not."""
    first = ledger.append(statement(), signer)
    ledger.append(statement(1, of=2), signer)
    ledger.append(statement(run="other"), signer)
    ledger.append(statement(exchange="other"), signer)
    again = ledger.append(statement(counts={"pulled": 1}), signer)
    assert [entry.payload["supersedes"] for entry in ledger.entries()] == [0, 0, 0, 0, first.sequence]
    assert again.sequence == 5


def test_entries_of_a_run(ledger: Ledger, statement: Callable[..., Statement], signer: Signer) -> None:
    """Entries are found by run, by exchange, and after a sequence."""
    for run, exchange in (("a", "x"), ("b", "x"), ("a", "y")):
        ledger.append(statement(run=run, exchange=exchange), signer)
    assert [entry.sequence for entry in ledger.entries(run="a")] == [1, 3]
    assert [entry.sequence for entry in ledger.entries(exchange="x")] == [1, 2]
    assert [entry.sequence for entry in ledger.entries(run="a", exchange="x")] == [1]
    assert [entry.sequence for entry in ledger.entries(after=1)] == [2, 3]


def test_statements_cannot_be_changed_by_accident(
    ledger: Ledger, database: Database, statement: Callable[..., Statement], signer: Signer
) -> None:
    """UPDATE and DELETE are refused by the database itself."""
    ledger.append(statement(), signer)
    for change in ("UPDATE lt_statement SET run = 'x'", "DELETE FROM lt_statement"):
        with pytest.raises(Permanent, match="append-only"), database.write() as connection:
            connection.execute(text(change))


def test_changed_entry_is_named(
    ledger: Ledger, database: Database, statement: Callable[..., Statement], signer: Signer, trust: TrustStore
) -> None:
    """A token that was changed is named by its hash, its signature and by the entry after it."""
    fill(ledger, statement, signer)
    tamper(database, "UPDATE lt_statement SET token = replace(token, '.', '.A') WHERE sequence = 2")
    rules = {(finding.sequence, finding.rule) for finding in ledger.check(trust)}
    assert {(2, "hash"), (2, "signature"), (3, "previous")} <= rules


def test_entry_hidden_behind_a_new_hash_is_named(
    ledger: Ledger, database: Database, statement: Callable[..., Statement], signer: Signer, trust: TrustStore
) -> None:
    """A validly signed replacement with its hash put right is still not what the next entry names."""
    fill(ledger, statement, signer)
    second = list(ledger.entries())[1]
    token = jws.sign(canonical({**second.payload, "counts": {"pulled": 9}}), signer, typ=TYP)
    tamper(
        database,
        f"UPDATE lt_statement SET token = '{token}', hash = '{entry_hash(token)}' WHERE sequence = 2",  # noqa: S608 - nothing here comes from outside
    )
    assert {(finding.sequence, finding.rule) for finding in ledger.check(trust)} == {(3, "previous")}


def test_removed_entry_is_named(
    ledger: Ledger, database: Database, statement: Callable[..., Statement], signer: Signer, trust: TrustStore
) -> None:
    """A removed entry is named, also where the rest was renumbered to hide it."""
    fill(ledger, statement, signer)
    tamper(database, "DELETE FROM lt_statement WHERE sequence = 2")
    assert {(finding.sequence, finding.rule) for finding in ledger.check(trust)} == {
        (2, "missing"),
        (3, "previous"),
    }
    with database.write() as connection:
        for number in (3, 4):
            connection.execute(
                text(f"UPDATE lt_statement SET sequence = {number - 1} WHERE sequence = {number}")  # noqa: S608 - nothing here comes from outside
            )
    rules = {(finding.sequence, finding.rule) for finding in ledger.check(trust)}
    assert {(2, "order"), (2, "previous"), (3, "order")} <= rules


def test_reordered_entries_are_named(
    ledger: Ledger, database: Database, statement: Callable[..., Statement], signer: Signer, trust: TrustStore
) -> None:
    """Two entries that changed places are both named."""
    fill(ledger, statement, signer)
    swap = [
        f"UPDATE lt_statement SET sequence = {new} WHERE sequence = {old}"  # noqa: S608 - nothing here comes from outside
        for old, new in ((2, 9), (3, 2), (9, 3))
    ]
    tamper(database, *swap)
    findings = ledger.check(trust)
    assert {(2, "order"), (3, "order")} <= {(finding.sequence, finding.rule) for finding in findings}
    assert all(finding.en and finding.vi for finding in findings)


def test_statement_for_another_agency_is_named(
    ledger: Ledger, statement: Callable[..., Statement], stranger: Signer, trust: TrustStore
) -> None:
    """A statement signed by a key of another agency than it speaks for is found."""
    ledger.append(statement(), stranger)
    assert [(finding.sequence, finding.rule) for finding in ledger.check(trust)] == [(1, "agency")]


def test_signatures_are_checked_against_trust(
    ledger: Ledger, statement: Callable[..., Statement], signer: Signer, stranger: Signer
) -> None:
    """Under other trusted certificates every entry is found wanting."""
    fill(ledger, statement, signer, 2)
    findings = ledger.check(TrustStore([stranger.certificate]))
    assert [finding.rule for finding in findings] == ["signature", "signature"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step", "deliver"),
        ("started", "2026-07-01 00:00"),
        ("ended", "2026-07-01T00:00:00Z"),
        ("counts", {"pulled": -1}),
        ("counts", {"pulled": True}),
        ("datasets", {"a/1": "short"}),
        ("inputs", {"root": "0" * 64, "count": 1}),
        ("exchange", ""),
    ],
)
def test_statement_that_no_verifier_would_accept(
    statement: Callable[..., Statement], field: str, value: Any
) -> None:
    """A malformed statement is refused where it is made, and the field is named."""
    with pytest.raises(Misconfigured, match=f"field '{field}'"):
        statement(**{"step": "pull", field: value})


@pytest.mark.parametrize("seconds", [6, 3600])
def test_clock_behind_the_last_entry(
    ledger: Ledger,
    statement: Callable[..., Statement],
    signer: Signer,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
) -> None:
    """With a clock that is behind the last entry nothing is signed: no verifier would accept the chain."""
    first = ledger.append(statement(), signer)
    late = datetime.fromisoformat(first.payload["recorded"]) - timedelta(seconds=seconds)
    monkeypatch.setattr("lienthong.ledger.timing.now", lambda: _text(late))
    monkeypatch.setattr("lienthong.ledger.log.jws", None)  # the key is not touched
    with pytest.raises(Misconfigured, match="which is before the last entry of the ledger") as caught:
        ledger.append(statement(1, of=2), signer)
    assert "set the clock" in caught.value.hint
    assert ledger.head() == first


def test_clock_within_the_tolerance(
    ledger: Ledger,
    statement: Callable[..., Statement],
    signer: Signer,
    monkeypatch: pytest.MonkeyPatch,
    trust: TrustStore,
) -> None:
    """Clocks of one installation may differ by a few seconds."""
    first = ledger.append(statement(), signer)
    late = datetime.fromisoformat(first.payload["recorded"]) - SKEW
    monkeypatch.setattr("lienthong.ledger.timing.now", lambda: _text(late))
    ledger.append(statement(1, of=2), signer)
    assert ledger.check(trust) == []


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"started": "2026-07-01T00:00:10.000000Z", "ended": "2026-07-01T00:00:00.000000Z"}, "ran back"),
        (
            {"started": "2099-01-01T00:00:00.000000Z", "ended": "2099-01-01T00:00:00.000000Z"},
            "end of the step",
        ),
    ],
)
def test_clock_that_ran_back_during_a_step(
    ledger: Ledger, statement: Callable[..., Statement], signer: Signer, times: dict[str, str], said: str
) -> None:
    """Times that go backwards in a statement itself are refused before it is signed, too."""
    with pytest.raises(Misconfigured, match=said):
        ledger.append(statement(**times), signer)
    assert ledger.head() is None


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


DAMAGE = ("''", "'x'", "'a.b.c'", "'a.e30.c'", "'a.' || 'W10' || '.c'", "substr(token, 1, 40)", "'a.ạ.c'")


@pytest.mark.parametrize("token", DAMAGE)
def test_damaged_token_is_named(
    ledger: Ledger,
    database: Database,
    statement: Callable[..., Statement],
    signer: Signer,
    trust: TrustStore,
    token: str,
) -> None:
    """A token that holds no statement is named by its number, by append, export and check alike."""
    ledger.append(statement(), signer)
    tamper(database, f"UPDATE lt_statement SET token = {token}")  # noqa: S608 - nothing here comes from outside
    for call in (
        lambda: ledger.append(statement(1, of=2), signer),
        lambda: [entry.intact() for entry in ledger.entries()],
    ):
        with pytest.raises(EvidenceTampered) as caught:
            call()
        assert caught.value.where == "ledger entry 1"
    assert {"hash", "signature"} <= {finding.rule for finding in ledger.check(trust)}


@pytest.mark.parametrize(
    ("column", "value"),
    [("exchange", "'x'"), ("run", "'x'"), ("step", "'settle'"), ("part", "7"), ("recorded", "'2020'")],
)
def test_entry_filed_elsewhere_is_named(
    ledger: Ledger,
    database: Database,
    statement: Callable[..., Statement],
    signer: Signer,
    trust: TrustStore,
    column: str,
    value: str,
) -> None:
    """Columns by which entries are found are compared with what was signed: no entry is hidden by them."""
    fill(ledger, statement, signer, 2)
    tamper(database, f"UPDATE lt_statement SET {column} = {value} WHERE sequence = 2")  # noqa: S608 - nothing here comes from outside
    (finding,) = ledger.check(trust)
    assert (finding.sequence, finding.rule) == (2, "columns")
    assert column in finding.en


def test_document_store(ledger: Ledger) -> None:
    """Documents are kept by digest, once, and come back as they were."""
    digest = ledger.keep(b"agreement")
    assert ledger.keep(b"agreement") == digest
    assert ledger.document(digest) == b"agreement"
    assert ledger.document("0" * 64) is None


def test_four_processes_append_to_one_chain(ledger: Ledger, url: str, keys: Any, trust: TrustStore) -> None:
    """Two hundred entries from four processes form one chain without gap, fork or repeat."""
    command = [sys.executable, "-c", WRITER, url, str(Path(keys._home))]
    started = [
        subprocess.Popen([*command, f"run-{number}"], env={**os.environ, "PYTHONPATH": ":".join(sys.path)})  # noqa: S603
        for number in range(4)
    ]
    assert [process.wait(timeout=300) for process in started] == [0, 0, 0, 0]
    entries = list(ledger.entries())
    assert [entry.sequence for entry in entries] == list(range(1, 201))
    assert ledger.check(trust) == []
    for number in range(4):
        of_run = [entry.payload["run_sequence"] for entry in ledger.entries(run=f"run-{number}")]
        assert of_run == list(range(50))
