"""Repair and replay of refused records."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import memory_bus
import pytest
from memory_bus import unit

from lienthong import Delivery
from lienthong.errors import Reason
from lienthong.ledger import export
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.pipeline.replay import record_of, repair, replay

if TYPE_CHECKING:
    from memory_bus import Bench


def test_a_repaired_record_is_validated_and_delivered(bench: Bench) -> None:
    """The repair is a new version linked to the old; replay takes it through all steps, cursor untouched."""
    bench.source.offers = [unit(n) for n in range(1, 10)] + [unit(10, MaDonVi="1x")]
    plan = bench.plan()
    run_exchange(bench.bus, plan, RunRequest("r1"))
    cursor = bench.bus.journal.cursor("units")
    (item,) = bench.bus.quarantine.list(exchange="units")
    assert json.loads(record_of(bench.bus, item.id))["MaDonVi"] == "1x"
    new, reasons = repair(bench.bus, item.id, unit(10))
    assert (new.version, new.previous, reasons) == (2, item.id, ())
    (settled,) = replay(bench.bus, plan)
    assert {name: count for name, count in settled.counts.items() if count} == {
        "pulled": 1,
        "acknowledged": 1,
    }
    assert len(bench.target.effects) == 10
    assert bench.bus.quarantine.get(new.id).state == "replayed"
    assert bench.bus.journal.cursor("units") == cursor
    assert replay(bench.bus, plan) == []


def test_a_repair_that_is_still_wrong_comes_back_to_quarantine(bench: Bench) -> None:
    """The steward is told at once, and validation refuses it again."""
    bench.source.offers = [unit(n) for n in range(1, 10)] + [unit(10, MaDonVi="1x")]
    plan = bench.plan(delivery=bench.plan().exchange.delivery.__class__(batch=10, quarantine_above=1.0))
    run_exchange(bench.bus, plan, RunRequest("r1"))
    (item,) = bench.bus.quarantine.list(exchange="units")
    new, reasons = repair(bench.bus, item.id, unit(10, MaDonVi="2x"))
    assert [reason.rule for reason in reasons] == ["schema.pattern"]
    (settled,) = replay(bench.bus, plan)
    assert settled.counts["quarantined"] == 1
    waiting = bench.bus.quarantine.list(exchange="units", state="quarantined")
    assert [other.run for other in waiting] == [settled.run]
    assert bench.bus.quarantine.get(new.id).state == "replayed"


def test_a_record_that_the_target_refused_is_replayed_without_mapping_again(bench: Bench) -> None:
    """Its bytes are those that were delivered, so it goes on from there."""
    bench.source.offers = [unit(n) for n in range(1, 4)]
    bench.target.refuse = lambda record: record["TenDonVi"] == "Xã số 2"
    plan = bench.plan()
    run_exchange(bench.bus, plan, RunRequest("r1"))
    (item,) = bench.bus.quarantine.list(exchange="units")
    assert (item.step, item.dataset) == ("push", plan.produces.ref)
    repair(bench.bus, item.id, unit(2, TenDonVi="Xã hai"))
    (settled,) = replay(bench.bus, plan)
    assert settled.counts["acknowledged"] == 1


def test_no_personal_value_reaches_the_database(bench: Bench) -> None:
    """The index holds a keyed hash and rules; the record's values are only in staging."""
    bench.source.offers = [unit(n) for n in range(1, 10)] + [unit(10, MaDonVi="1x", TenDonVi="Bí mật")]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    data = (bench.bus.config.home / "ledger.sqlite").read_bytes()
    wal = bench.bus.config.home / "ledger.sqlite-wal"
    data += wal.read_bytes() if wal.exists() else b""
    assert "Bí mật".encode() not in data
    assert "Bí mật" not in repr(bench.bus.quarantine.list(exchange="units"))


def test_what_a_counterpart_says_of_a_person_is_not_for_ever_in_the_ledger(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a member's name that is a person's number, nor a target's text: not in file or evidence."""
    person = "079123456789"
    bench.source.offers = [unit(n) for n in range(1, 10)] + [unit(10, **{person: {"x": "Lê Thị Ổi"}})]
    said = Reason(f"/{person}/x", f"target.{person}", f"{person} không hợp lệ", f"{person}, a@example.vn")
    monkeypatch.setattr(memory_bus, "Reason", lambda *_: said)
    bench.target.refuse = lambda record: record["MaDonVi"] == "00003"
    plan = bench.plan(delivery=Delivery(batch=10, quarantine_above=1.0))
    run_exchange(bench.bus, plan, RunRequest("r1"))
    kept = bench.bus.quarantine.list(exchange="units")
    assert {item.step for item in kept} >= {"push"}
    assert "Refused" not in repr(kept) and "…" in repr(kept)
    home = bench.bus.config.home
    data = b"".join(path.read_bytes() for path in sorted(home.glob("ledger.sqlite*")))
    assert person.encode() not in data and b"example.vn" not in data
    documents = export(
        bench.bus.ledger,
        bench.bus.journal,
        bench.bus.quarantine,
        exchange="units",
        run="r1",
        read_segment=bench.bus.store.data,
        documents={},
        out=home / "run.zip",
        records=False,
    )
    with zipfile.ZipFile(documents.path) as bundle:
        assert all(person.encode() not in bundle.read(name) for name in bundle.namelist())
