"""Bundles: made the same every time, complete, redactable, and honest about what they cannot show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from lienthong import ledger
from lienthong.errors import EvidenceTampered, Permanent, SegmentTampered, UnknownName
from lienthong.ledger import Check, Database, verify_bundle
from lienthong.ledger.container import Reader
from lienthong.ledger.fields import FORMAT_1
from lienthong.ledger.tables import DELIVERIES
from lienthong.ledger.tally import tally
from lienthong.records import sha256
from lienthong.segment import pack
from lienthong.signing import Signer, TrustStore


def test_bundle_of_a_real_run_holds(bundle: Path, trust: TrustStore) -> None:
    """An untouched bundle verifies, with the run's name and counts and every check named."""
    report = verify_bundle(bundle, trust=trust)
    assert report.ok, report.failures
    assert report.counts == {
        "pulled": 13, "acknowledged": 9, "quarantined": 3, "refused": 1, "pending": 0,
        "superseded": 0, "unchanged": 0,
    }  # fmt: skip
    assert (report.exchange, report.agency) == ("dossiers_to_mic", "H29.10")
    assert [check.name for check in report.checks] == [
        "container", "signatures", "chain", "steps", "flow", "counts", "timestamps", "documents",
        "agreement", "deliveries", "quarantine", "records",
    ]  # fmt: skip
    assert all(check.detail_en and check.detail_vi for check in report.checks)
    assert report.as_dict()["checks"][0]["name"] == "container"


def test_same_bytes_every_time(small_run: Any, tmp_path: Path) -> None:
    """Exporting again, also after a repair in quarantine, gives the very same file."""
    bundle = small_run.export(tmp_path / "run.zip").path
    item = small_run.quarantine.list(run=small_run.run)[0]
    small_run.quarantine.repaired(item.id, "d" * 64, 0)
    again = small_run.export(tmp_path / "again.zip")
    assert again.path.read_bytes() == bundle.read_bytes()
    assert again.digest == sha256(bundle.read_bytes())
    assert (again.size, again.statements, again.records) == (bundle.stat().st_size, 8, True)


def test_without_records(small_run: Any, trust: TrustStore, tmp_path: Path) -> None:
    """A bundle without records holds none of their bytes, still verifies, and says what was not seen."""
    info = small_run.export(tmp_path / "leaves.zip", records=False)
    with Reader(info.path) as reader:
        assert not reader.names("segments")
        assert len(reader.names("leaves")) == info.segments
    assert b'"code"' not in info.path.read_bytes()
    report = verify_bundle(info.path, trust=trust)
    assert report.ok
    assert (
        f"{info.segments} of {info.segments} segments"
        in {n.name: n for n in report.not_checked}["records"].detail_en
    )


def test_single_segment_may_be_left_out(forger: Any, trust: TrustStore) -> None:
    """Records of one segment can be taken out later (erasure); the rest verifies and the gap is told."""
    path = forger.rewrite(lambda c: c.pop(next(name for name in c if name.startswith("segments/"))))
    report = verify_bundle(path, trust=trust)
    assert report.ok
    assert "1 of " in {item.name: item for item in report.not_checked}["records"].detail_en


def test_limits_are_told(bundle: Path, trust: TrustStore) -> None:
    """The report always says what a bundle cannot show."""
    names = {item.name for item in verify_bundle(bundle, trust=trust).not_checked}
    assert names == {"revocation", "trusted-time", "ledger-completeness", "source", "computation", "receipts"}


def test_documents_kept_by_the_ledger_outlive_the_source_tree(
    small_run: Any, trust: TrustStore, tmp_path: Path
) -> None:
    """A bundle can be made after the agreement changed, from what the ledger kept."""
    with pytest.raises(EvidenceTampered, match=r"agreement\.json is not to be had as it was signed"):
        small_run.export(tmp_path / "out.zip", documents={})
    for data in small_run.documents.values():
        small_run.ledger.keep(data)
    changed = {**small_run.documents, "agreement.json": b"{}"}
    assert verify_bundle(small_run.export(tmp_path / "out.zip", documents=changed).path, trust=trust).ok


def test_superseded_statements(local: Database, make_run: Any, trust: TrustStore, tmp_path: Path) -> None:
    """A step that was repeated leaves both statements; the bundle holds and the later one counts."""
    run = make_run(local)
    original = run.attest
    repeated: list[str] = []

    def twice(step: str, part: int = 0, of: int = 1, **more: Any) -> Any:
        if step == "transform":
            original(step, part, of, **more)
            repeated.append(step)
        return original(step, part, of, **more)

    run.attest = twice
    run.build()
    assert len(repeated) == 2
    report = verify_bundle(run.export(tmp_path / "run.zip").path, trust=trust)
    assert report.ok, report.failures


def test_step_repeated_with_fewer_parts(
    local: Database, make_run: Any, trust: TrustStore, tmp_path: Path
) -> None:
    """A step that was first done in three parts and then in two counts with the two."""
    run = make_run(local)
    original = run.attest

    def regrouped(step: str, part: int = 0, of: int = 1, **more: Any) -> Any:
        if (step, part) == ("validate", 0):
            for number in range(3):
                original(step, number, 3)
        return original(step, part, of, **more)

    run.attest = regrouped
    run.build()
    report = verify_bundle(run.export(tmp_path / "run.zip").path, trust=trust)
    assert report.ok, report.failures


def test_dry_run(local: Database, make_run: Any, trust: TrustStore, tmp_path: Path) -> None:
    """A dry run's bundle holds: nothing was delivered, everything is pending."""
    run = make_run(local)
    run.journal.open_run("dossiers_to_mic", run.run, digest=run.exchange.digest(), dry_run=True)
    only = [run.seal({"code": 1}, {"code": 2})]
    run.attest("pull", outputs=only)
    for step in ("validate", "transform"):
        run.attest(step, inputs=only, outputs=only)
    run.attest("push", inputs=only, outputs=only, counts=tally([], 2))
    run.settle({"pulled": 2, "pending": 2})
    report = verify_bundle(run.export(tmp_path / "run.zip").path, trust=trust)
    assert report.ok, report.failures
    assert report.counts["pending"] == 2


def test_taken_over_deliveries_are_told(
    local: Database, make_run: Any, trust: TrustStore, tmp_path: Path
) -> None:
    """Deliveries that an earlier, unsettled run made are accepted, and named as not shown here."""
    run = make_run(local)
    run.journal.open_run("dossiers_to_mic", "earlier", digest=run.exchange.digest())
    original, intended = run.journal.intend, []

    def after_another(exchange: str, name: str, target: str, intents: Any) -> Any:
        intended.append(original(exchange, "earlier", target, intents))
        return original(exchange, name, target, intents)

    run.journal.intend = after_another
    run.build()
    report = verify_bundle(run.export(tmp_path / "run.zip").path, trust=trust)
    assert report.ok, report.failures
    told = {item.name: item.detail_en for item in report.not_checked}
    assert told["taken-over"] == "3 deliveries were made by an earlier run that never settled."


def test_taken_over_deliveries_of_format_1(
    local: Database, make_run: Any, trust: TrustStore, tmp_path: Path
) -> None:
    """In format 1 they are those that were acknowledged without a request."""
    run = make_run(local, format=FORMAT_1)
    original = run.journal.answered

    def unsent(*args: Any, **more: Any) -> Any:
        state = original(*args, **more)
        with local.write() as connection:
            connection.execute(update(DELIVERIES).values(attempts=0, sent_at=None))
        return state

    run.journal.answered = unsent
    run.build()
    report = verify_bundle(run.export(tmp_path / "run.zip").path, trust=trust)
    assert "taken-over" in {item.name for item in report.not_checked}


def test_run_with_nothing_new(local: Database, make_run: Any, trust: TrustStore, tmp_path: Path) -> None:
    """A run that pulled nothing has two statements and a bundle that holds."""
    run = make_run(local)
    run.journal.open_run("dossiers_to_mic", run.run, digest=run.exchange.digest())
    run.attest("pull", counts={"pulled": 0, "quarantined": 0})
    run.settle({})
    report = verify_bundle(run.export(tmp_path / "run.zip").path, trust=trust)
    assert report.ok, report.failures


def test_other_runs_between(local: Database, make_run: Any, trust: TrustStore, tmp_path: Path) -> None:
    """Entries of other runs in between do not matter: each run has a chain of its own as well."""
    other = make_run(local, run="other")
    run = make_run(local)
    original = run.attest

    def interleaved(*args: Any, **more: Any) -> Any:
        other.attest("pull", counts={"pulled": 0}, notes={"try": len(list(other.ledger.entries()))})
        return original(*args, **more)

    run.attest = interleaved
    run.build()
    report = verify_bundle(run.export(tmp_path / "run.zip").path, trust=trust)
    assert report.ok, report.failures


def test_what_cannot_be_exported(small_run: Any, local: Database, make_run: Any, tmp_path: Path) -> None:
    """No bundle is made of an unknown run, an unsettled run, or a segment that is not what was signed."""
    with pytest.raises(UnknownName, match="no statement of this run"):
        make_run(local, run="nowhere").export(tmp_path / "x.zip")
    unsettled = make_run(local, run="unsettled")
    unsettled.attest("pull", counts={"pulled": 0})
    with pytest.raises(Permanent, match="has not settled"):
        unsettled.export(tmp_path / "x.zip")
    with pytest.raises(SegmentTampered):
        small_run.export(tmp_path / "x.zip", read_segment=lambda _: pack([b"{}"])[1])
    assert not list(tmp_path.glob("*x.zip*"))


def test_damaged_entry_is_not_exported(small_run: Any, local: Database, tmp_path: Path) -> None:
    """A token that was damaged stops the export with the entry's number, and leaves no file."""
    with local.write() as connection:
        connection.execute(text("DROP TRIGGER lt_statement_no_update"))
        connection.execute(text("UPDATE lt_statement SET token = 'a.e30.c' WHERE sequence = 3"))
    with pytest.raises(EvidenceTampered) as caught:
        small_run.export(tmp_path / "x.zip")
    assert caught.value.where == "ledger entry 3"
    assert not list(tmp_path.glob("*x.zip*"))


def test_progress(small_run: Any, trust: TrustStore, tmp_path: Path) -> None:
    """Export and verification tell how far they are, up to the number of entries."""
    told: list[tuple[int, int]] = []
    info = small_run.export(tmp_path / "run.zip", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (info.entries, info.entries)
    told.clear()
    verify_bundle(info.path, trust=trust, progress=lambda done, total: told.append((done, total)))
    assert told
    assert all(done <= total == info.entries for done, total in told)


def test_verifier_needs_neither_database_nor_airflow() -> None:
    """Importing the verifier loads neither SQLAlchemy, Alembic nor Airflow."""
    script = (
        "import sys, lienthong.ledger.verify\n"
        "from lienthong.ledger import verify_bundle, Report, deliveries_document, export\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "sys.exit(', '.join(loaded & {'sqlalchemy', 'alembic', 'airflow'}) or 0)\n"
    )
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path)},
        check=False,
        capture_output=True,
    )
    assert ended.returncode == 0, ended.stderr


def test_every_public_name_is_there() -> None:
    """What the package promises by name can be imported from it, and other names cannot."""
    assert all(getattr(ledger, name) for name in ledger.__all__)
    assert sorted(ledger._HOME_OF) == sorted(ledger.__all__)
    with pytest.raises(AttributeError):
        _ = ledger.nothing


def test_check_is_plain_data() -> None:
    """A check can be shown without knowing anything else."""
    check = Check("counts", False, "count 'refused'", "en", "vi")
    assert (check.name, check.ok, check.subject) == ("counts", False, "count 'refused'")


def test_far_offsets_use_zip64() -> None:
    """Entries beyond four gigabytes get the ZIP64 fields, as APPNOTE 4.5.3 says."""
    from lienthong.ledger.container import Member, _directory

    name = f"segments/{'0' * 64}.ndjson.zst"
    pieces = list(_directory([Member(name, 1, 2, 5_000_000_000)], 5_000_000_200))
    assert pieces[0].endswith(b"\x01\x00\x08\x00" + (5_000_000_000).to_bytes(8, "little"))
    assert [piece[:4] for piece in pieces] == [b"PK\x01\x02", b"PK\x06\x06", b"PK\x06\x07", b"PK\x05\x06"]


def test_signer_is_the_agreements(small_run: Any, signer: Signer) -> None:
    """The helper of these tests signs as the agreement says, which the verifier checks too."""
    assert small_run.exchange.signer == signer.agency
