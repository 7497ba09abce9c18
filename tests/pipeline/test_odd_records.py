"""One record never stops the others: too deep, too large or odd, it is set aside alone, in bounded memory."""

from __future__ import annotations

import base64
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from memory_bus import Bench, unit

from lienthong import Delivery
from lienthong.datasets import Catalogue
from lienthong.errors import Permanent
from lienthong.pipeline import RunRequest, cutting, odd, run_exchange
from lienthong.pipeline.pull import load_progress
from lienthong.pipeline.replay import record_of
from lienthong.records import MOST_LEVELS, canonical
from lienthong.segment import MAX_UNPACKED, pack, unpack

PULL = sys.modules[load_progress.__module__]
LAX = Delivery(batch=500, parallel=1, attempts=1, quarantine_above=1.0)


def nested(levels: int, inner: Any = None) -> Any:
    value: Any = inner
    for _ in range(levels):
        value = [value]
    return value


def endless() -> dict[str, Any]:
    value: dict[str, Any] = {"MaDonVi": "00002"}
    value["self"] = value
    return value


ODD: list[tuple[str, Any, str]] = [
    ("5,000 levels", unit(2, TenDonVi=nested(5000)), "record.too-deep"),
    ("100,000 levels of objects", unit(2, TenDonVi={"a": nested(100_000)}), "record.too-deep"),
    ("300 levels", unit(2, TenDonVi=nested(300)), "record.too-deep"),
    ("300 levels and a float", unit(2, TenDonVi=nested(300, 0.5), Ty=0.5), "record.too-deep"),
    ("itself inside", endless(), "record.too-deep"),
    ("an integer of 5,000 digits", unit(2, TenDonVi=10**5000), "record.not-json"),
    ("half a surrogate pair", unit(2, TenDonVi="\ud800"), "record.not-json"),
    ("NaN", unit(2, TenDonVi=float("nan")), "record.not-json"),
    ("a key that is no text", unit(2, TenDonVi={1: 2}), "record.not-json"),
    ("a time", unit(2, TenDonVi=datetime.now(UTC)), "record.not-json"),
    ("a set", unit(2, TenDonVi={1, 2}), "record.not-json"),
]


@pytest.mark.parametrize(("record", "rule"), [pytest.param(r, rule, id=name) for name, r, rule in ODD])
def test_an_odd_record_is_set_aside_alone_with_its_reason(bench: Bench, record: Any, rule: str) -> None:
    """The others arrive; the reason stands in both languages; what is kept is bounded and can be read."""
    bench.source.offers = [unit(1), record, unit(3)]
    record.setdefault("NgayCapNhat", unit(2)["NgayCapNhat"])
    settled = run_exchange(bench.bus, bench.plan(delivery=LAX), RunRequest("r1"))
    assert (settled.counts["acknowledged"], settled.counts["quarantined"]) == (2, 1)
    (item,) = bench.bus.quarantine.list(exchange="units")
    (reason,) = item.reasons
    assert reason.rule == rule and reason.vi and reason.en
    kept = base64.b64decode(orjson.loads(record_of(bench.bus, item.id))["$malformed"])
    assert b'"MaDonVi":"00002"' in kept and len(kept) <= odd.KEPT


def test_a_record_just_deep_enough_arrives() -> None:
    """What may travel is read by every reader of our bytes; one level more may not."""
    deep = {"a": nested(MOST_LEVELS - 1)}
    assert orjson.loads(canonical(deep)) == deep and orjson.dumps(deep)
    assert canonical({"a": nested(MOST_LEVELS - 1, 0.5)})
    catalogue = Catalogue.load()
    validator = catalogue.dataset("catalogue.administrative-unit/1").validator(catalogue)
    sound = canonical(unit(1))
    assert [line for line, _ in validator.validate([sound, canonical(deep), sound])] == [1]


def test_a_record_that_is_too_large_is_set_aside_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its beginning, its size and its digest are kept."""
    monkeypatch.setattr(PULL, "RECORD_BYTES", 10_000)
    monkeypatch.setattr(odd, "KEPT", 1000)
    bench.source.offers = [unit(1), unit(2, TenDonVi="x" * 20_000), unit(3)]
    settled = run_exchange(bench.bus, bench.plan(delivery=LAX), RunRequest("r1"))
    assert (settled.counts["acknowledged"], settled.counts["quarantined"]) == (2, 1)
    (item,) = bench.bus.quarantine.list(exchange="units")
    kept = orjson.loads(record_of(bench.bus, item.id))
    assert item.reasons[0].rule == "record.too-large" and kept["$size"] > 20_000
    assert len(base64.b64decode(kept["$malformed"])) == 1000 and len(kept["$sha256"]) == 64


def test_segments_are_cut_by_bytes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records a batch may hold: a segment is read back in bounded memory."""
    monkeypatch.setattr(cutting, "SEGMENT_BYTES", 10_000)
    monkeypatch.setattr(PULL, "SEGMENT_BYTES", 10_000)
    bench.source.offers = [unit(n, TenDonVi="Xã " + "y" * 3000) for n in range(1, 13)]
    plan = bench.plan(delivery=LAX)
    settled = run_exchange(bench.bus, plan, RunRequest("r1"))
    sizes = [item.size for item in load_progress(bench.bus, plan, RunRequest("r1")).segments]
    assert len(sizes) >= 4 and max(sizes) <= 10_100
    assert settled.counts["pulled"] == 12
    assert settled.counts["quarantined"] == 12, "maxLength of the name"


def test_twelve_records_of_fifty_megabytes_are_never_one_segment() -> None:
    """They would be 600 MB, more than a segment may be read back as."""
    big = b"x" * (50 << 20)
    pieces = list(cutting.cut([big] * 12, 500))
    assert len(pieces) == 12
    assert cutting.SEGMENT_BYTES + odd.RECORD_BYTES < MAX_UNPACKED
    assert [p.stop - p.start for p in cutting.cut([b"x" * 1000] * 20_000, 500)][:3] == [500] * 3


def test_a_segment_that_could_not_be_read_back_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lienthong.segment.MAX_UNPACKED", 1000)
    with pytest.raises(Permanent, match="could not be read back"):
        pack([b"x" * 400] * 3)
    segment, data = pack([b"x" * 400] * 2)
    assert len(unpack(data, segment.digest)) == 2


def test_a_sketch_is_json_as_far_as_it_goes_and_never_longer_than_said() -> None:
    value = {"a": [1, 'hai"\\', None, True, {"b": []}], "c": {}}
    assert orjson.loads(odd.sketch(value)) == value
    assert len(odd.sketch({"a": "x" * 10_000, "b": [0] * 10_000}, 500)) == 500
    assert odd.sketch(endless(), 300).startswith(b'{"MaDonVi":"00002","self":{"MaDonVi"')
