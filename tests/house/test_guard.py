"""What "not slower" means here: calls and memory of one record, counted (benchmarks/guard.py)."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

KEY_INDEX = """
def add(n):
    return [len(str(i)) for i in range(n)]

def each(n):
    for i in range(n):
        yield abs(i)
"""
FILE = Path(__file__).parents[2] / "benchmarks" / "guard.py"


@pytest.fixture(scope="module")
def guard() -> ModuleType:
    spec = importlib.util.spec_from_file_location("guard", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def baseline(guard: ModuleType) -> Any:
    return json.loads(guard.BASELINE.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_record_is_not_more_work_than_it_was(guard: ModuleType, baseline: Any) -> None:
    """Counted in a fresh process; CONTRIBUTING.md says what to do when it is more."""
    here = "{}.{}".format(*sys.version_info)
    if here != baseline["python"]:
        pytest.skip(f"calls are counted on Python {baseline['python']}; {here} makes others of the same code")
    assert guard.excesses(baseline, guard.in_a_fresh_process()) == []


@pytest.mark.parametrize(
    ("kind", "step", "factor", "said"),
    [
        ("calls_per_record", "total", 1.04, 0),
        ("calls_per_record", "total", 1.06, 1),
        ("calls_per_record", "transform", 1.06, 1),
        ("calls_per_record", "total", 0.5, 0),
        ("peak_kilobytes", "pull", 1.09, 0),
        ("peak_kilobytes", "pull", 1.11, 1),
        ("key_index_calls_per_record", "push", 10, 0),
    ],
)
def test_what_is_more_is_said(
    guard: ModuleType, baseline: Any, kind: str, step: str, factor: float, said: int
) -> None:
    """Five per cent of calls, ten of memory; less is welcome, and the key index comes on top."""
    found = deepcopy(baseline)
    found["mapped"][kind][step] = (found["mapped"][kind][step] or 1) * factor
    assert len(guard.excesses(baseline, found)) == said


@pytest.fixture
def key_index() -> dict[str, Any]:
    """A module that passes for the key index."""
    names: dict[str, Any] = {"__name__": "lienthong.keyindex.entries"}
    exec(KEY_INDEX, names)  # noqa: S102 - a few lines of ours
    return names


def test_calls_are_counted_in_all_threads_and_the_key_index_apart(
    guard: ModuleType, key_index: dict[str, Any]
) -> None:
    """What the key index calls counts as its own, also between two values of a generator, and no more."""
    counter = guard.Counter()

    def work() -> None:
        key_index["add"](100)
        for number in key_index["each"](100):
            abs(number)

    with counter.on():
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 600 <= counter.apart < 1000
    assert 300 <= counter.calls < 600
