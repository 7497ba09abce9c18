"""Look-ups inside the transform step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from lienthong.pipeline import transform
from lienthong.records import canonical


def test_an_answer_without_exact_json_sets_its_record_aside() -> None:
    """One huge number from the agency asked does not end the run of all the others."""
    import importlib

    module: Any = importlib.import_module(transform.__module__)
    answers = iter([{"n": 1}, {"n": 10**30}, {"n": 3}])
    written: list[bytes] = []

    def write(lines: list[bytes]) -> Any:
        written.extend(lines)
        return SimpleNamespace(as_dict=lambda: {"count": len(lines)})

    bus: Any = SimpleNamespace(store=SimpleNamespace(write=write), audit=lambda *_: None)
    lookup = SimpleNamespace(into="found", officer="o", procedure="p", purpose="why")
    exchange = SimpleNamespace(lookup=lookup, id="x")
    plan: Any = SimpleNamespace(exchange=exchange, dataset=SimpleNamespace(key=("id",)), answering=None)
    service: Any = SimpleNamespace(ask=lambda _: next(answers))
    records = [canonical({"id": str(n)}) for n in range(3)]
    saved = module._ask_all(bus, plan, SimpleNamespace(run="r"), service, records)
    assert written == [b'{"found":{"n":1},"id":"0"}', b'{"found":{"n":3},"id":"2"}']
    assert [reasons[0]["rule"] for reasons in saved["refused"].values()] == ["lookup.not-json"]
    assert list(saved["refused"]) == ["1"]
