"""Format 2: every term of the law is proved, and format 1 stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich_run import EXCHANGE, Rich
from sqlalchemy import insert
from verdicts import failing, found, told

from lienthong.errors import SegmentTampered
from lienthong.ledger import Database, verify_bundle
from lienthong.ledger.clock import now
from lienthong.ledger.container import Reader
from lienthong.ledger.documents import deliveries_document
from lienthong.ledger.fields import FORMAT, FORMAT_1
from lienthong.ledger.readme import README_TEXT, README_TEXT_2
from lienthong.ledger.tables import SIGHTINGS
from lienthong.records import parse
from lienthong.segment import Segment
from lienthong.signing import Signer, TrustStore, jws


def test_every_term_is_there_and_proved(rich_bundle: Path, trust: TrustStore) -> None:
    """A run with every fate, indexes and acts verifies, and says which terms rest on other evidence."""
    report = verify_bundle(rich_bundle, trust=trust)
    assert report.ok, failing(report)
    assert report.counts == {
        "pulled": 12, "acknowledged": 6, "quarantined": 0, "refused": 1, "pending": 1,
        "superseded": 2, "unchanged": 2,
    }  # fmt: skip
    checks = {check.name: check for check in report.checks}
    assert checks["counts"].detail_en.endswith("+ pending + superseded + unchanged")
    assert checks["signatures"].detail_en.startswith("6 statements are signed")
    assert "2 acts" in checks["signatures"].detail_en
    assert checks["indexes"].ok
    limits = {item.name: item.detail_en for item in report.not_checked}
    assert limits["unchanged"].startswith("2 records were not sent")
    assert limits["superseded"].startswith("Of 2 superseded records a newer version of 1 is in this run")
    with Reader(rich_bundle) as reader:
        assert reader.read("README.txt") == README_TEXT_2
        assert len(reader.names("indexes")) == 2


def test_indexes_may_be_left_out(forge: Any, trust: TrustStore) -> None:
    """Without key indexes the rest verifies, and what they would show is told."""
    path = forge.rewrite(lambda c: [c.pop(name) for name in list(c) if name.startswith("indexes/")])
    limits = told(path, trust)
    assert limits["key-indexes"] == "2 of 2 key indexes are not there."
    assert limits["superseded"].startswith("Of 2 superseded records a newer version of 0 is in this run")


def test_pending_delivery_resolved_later(
    local: Database, make_run: Any, operator: Signer, trust: TrustStore, tmp_path: Path
) -> None:
    """What was open when the run settled is exported as it was, where the ledger kept the document."""
    rich = Rich(make_run(local), operator)
    run, settle = rich.run, rich.run.settle

    def keeping(counts: dict[str, int]) -> None:
        run.ledger.keep(deliveries_document(run.journal.deliveries(run=run.run, exchange=EXCHANGE)))
        settle(counts)

    run.settle = keeping
    rich.build()
    before = rich.export(tmp_path / "before.zip").read_bytes()
    (open_,) = (item for item in run.journal.deliveries(run=run.run) if item.state == "unknown")
    run.journal.answered(open_.id, "acknowledged", total=open_.segment.count)
    assert rich.export(tmp_path / "after.zip").read_bytes() == before


def test_index_that_is_not_what_was_signed_is_not_exported(
    local: Database, make_run: Any, operator: Signer, tmp_path: Path
) -> None:
    """Export refuses a key index of another root."""
    rich = Rich(make_run(local), operator).build()
    for root, rows in rich.indexes.items():
        rich.indexes[root] = rows[:-1]
    with pytest.raises(SegmentTampered, match="key index does not have the root"):
        rich.export(tmp_path / "x.zip")


def test_readme_of_the_other_format(forge: Any, former_forger: Any, trust: TrustStore) -> None:
    """Each format has its own text, and no other is accepted."""
    for forger, text in ((forge, README_TEXT), (former_forger, README_TEXT_2)):
        path = forger.rewrite(lambda c, text=text: c.update({"README.txt": text}))
        assert "it is not the text of this format" in found(path, trust)


def test_bundle_of_format_1_says_what_it_said(former: Path, trust: TrustStore) -> None:
    """A bundle of a former release verifies with the very words of then."""
    report = verify_bundle(former, trust=trust)
    assert report.ok, failing(report)
    assert report.counts == {"pulled": 13, "acknowledged": 9, "quarantined": 3, "refused": 1, "pending": 0}
    assert [check.name for check in report.checks] == [
        "container", "signatures", "chain", "steps", "flow", "counts", "timestamps", "documents",
        "agreement", "deliveries", "quarantine", "records",
    ]  # fmt: skip
    checks = {check.name: check.detail_en for check in report.checks}
    assert checks["counts"] == "pulled = acknowledged + quarantined + refused + pending"
    assert checks["signatures"] == "8 statements are signed by a trusted key of their agency"
    assert {item.name for item in report.not_checked} == {
        "revocation", "trusted-time", "ledger-completeness", "source", "computation", "receipts",
    }  # fmt: skip
    with Reader(former) as reader:
        assert reader.read("README.txt") == README_TEXT
        assert b"sent_count" not in reader.read("documents/deliveries.json")
        assert b'"format"' not in reader.read("documents/quarantine.json")
        payloads = [
            parse(jws._decode(reader.read(name).decode().split(".")[1]))
            for name in reader.names("statements")
        ]
    assert {payload["format"] for payload in payloads} == {FORMAT_1}
    assert not {"kind", "act", "operator"} & set(payloads[0])


@pytest.mark.parametrize("field", ["kind", "act", "operator"])
def test_format_1_has_no_field_of_format_2(former_forger: Any, trust: TrustStore, field: str) -> None:
    """A statement that says format 1 is judged by the rules of format 1 alone."""
    text = found(former_forger.resign(lambda p: p[2].update({field: {} if field == "act" else ""})), trust)
    assert "signature does not hold" in text


@pytest.mark.parametrize("since", ["validate", "transform", "push", "settle"])
def test_upgrade_in_mid_run(
    local: Database, make_run: Any, trust: TrustStore, tmp_path: Path, since: str
) -> None:
    """A run begun by a former release and ended by this one verifies, wherever the upgrade fell."""
    run = make_run(local, format=FORMAT_1)
    original, settle = run.attest, run.settle

    def upgraded(step: str, *args: Any, **more: Any) -> Any:
        run.format = FORMAT if step == since else run.format
        return original(step, *args, **more)

    def settled(counts: dict[str, int]) -> None:
        run.format = FORMAT
        settle(counts)

    run.attest, run.settle = upgraded, settled
    push = run.push

    def pushed(*args: Any, **more: Any) -> None:
        run.format = FORMAT if since == "push" else run.format
        push(*args, **more)

    run.push = pushed
    run.build()
    path = run.export(tmp_path / "run.zip").path
    report = verify_bundle(path, trust=trust)
    assert report.ok, failing(report)
    assert report.counts["unchanged"] == 0
    with Reader(path) as reader:
        assert reader.read("README.txt") == README_TEXT_2
        assert b"lienthong-deliveries/2" in reader.read("documents/deliveries.json")


def test_act_on_a_run_of_a_former_release(
    local: Database, make_run: Any, operator: Signer, trust: TrustStore, tmp_path: Path
) -> None:
    """A settled run of format 1 keeps its documents; an act of today stands in its chain."""
    run = make_run(local, format=FORMAT_1).build()
    Rich(run, operator).act("quarantine.release")
    path = run.export(tmp_path / "run.zip").path
    report = verify_bundle(path, trust=trust)
    assert report.ok, failing(report)
    assert {check.name: check for check in report.checks}["counts"].detail_en.endswith("refused + pending")
    with Reader(path) as reader:
        assert reader.read("README.txt") == README_TEXT_2
        assert b"sent_count" not in reader.read("documents/deliveries.json")


def test_record_that_an_earlier_run_quarantined(
    local: Database, make_run: Any, trust: TrustStore, tmp_path: Path
) -> None:
    """A record met again is listed at its place in this run, under the id of where it was first met."""
    first = make_run(local, run="earlier").build()
    known = {(item.step, item.segment, item.line): item for item in first.quarantine.list(run="earlier")}
    again = make_run(local, run="later")

    def met(step: str, segment: Segment, lines: tuple[int, ...] = (0,)) -> None:
        item = next(item for place, item in known.items() if place[0] == step)
        with local.write() as connection:
            for line in lines:
                connection.execute(
                    insert(SIGHTINGS).values(
                        exchange=EXCHANGE, run="later", step=step, segment=segment.digest, line=line,
                        item=item.id, seen_at=now(),
                    )
                )  # fmt: skip

    again.refuse = met
    again.build()
    assert {item.run for item in again.quarantine.list(run="later")} == {"earlier"}
    path = again.export(tmp_path / "run.zip").path
    assert told(path, trust)
    with Reader(path) as reader:
        items = parse(reader.read("documents/quarantine.json"))["quarantined"]
    assert {item["first"]["run"] for item in items} == {"earlier"}
    assert {item["id"] for item in items} == {item.id for item in known.values()}
