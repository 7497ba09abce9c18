"""The counting guard: whether a record is more work for the engine than it was.

    python benchmarks/guard.py           measure, print, fail where it is more
    python benchmarks/guard.py --write   take what is measured as the new baseline

Machines here are too noisy to judge a few per cent by time, so calls are counted: Python functions and C
functions called from Python, the same number on a busy machine as on an idle one. Two sizes of the same
exchange run from pull to settle on SQLite, with and without a mapping; their difference is what one record
costs, free of what a run costs anyway. What is called from ``lienthong.keyindex``, and everything beneath, is
counted apart and comes on top. Peaks are the memory that Python's allocator gave out in a step, beyond what
was there at its beginning. What C does within one call (validation, compression, hashing) is not seen here:
``make bench`` is for that.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, ClassVar, TypeVar

BASELINE = Path(__file__).parent / "results" / "guard.json"
SIZES = (500, 1500)
BATCH = 500
MAPPINGS = {"plain": None, "mapped": "bench-to-portal.dossier/1"}
STEPS = ("pull", "validate", "transform", "push", "settle")
MORE_CALLS, MORE_MEMORY = 1.05, 1.10
SLACK = 0.5  # calls a record by which a cheap step may grow, where the total holds
SLACK_MEMORY = 512  # kilobytes by which a step that takes little may grow
_APART = "lienthong.keyindex"
_T = TypeVar("_T")
Figures = dict[str, Any]


class Counter:
    """Counts calls in all threads while it is on; those beneath the key index apart."""

    def __init__(self) -> None:
        self._threads: list[list[int]] = []

    @property
    def calls(self) -> int:
        """Calls outside of the key index."""
        return sum(counts[0] for counts in self._threads)

    @property
    def apart(self) -> int:
        """Calls of the key index and beneath."""
        return sum(counts[1] for counts in self._threads)

    def _watch(self) -> Callable[[FrameType, str, object], None]:
        """Return what `sys.setprofile` calls in one thread; a generator that goes on counts as called."""
        counts = [0, 0]
        self._threads.append(counts)
        known: dict[CodeType, bool] = {}
        depth = 0

        def event(frame: FrameType, kind: str, _argument: object) -> None:
            nonlocal depth
            if kind == "c_call":
                counts[depth > 0] += 1
            elif kind in ("call", "return"):
                code = frame.f_code
                apart = known.get(code)
                if apart is None:
                    apart = known[code] = _is_apart(frame)
                depth += apart and (1 if kind == "call" else -1)
                if kind == "call":
                    counts[depth > 0] += 1

        return event

    def _begin(self, frame: FrameType, kind: str, argument: object) -> None:
        """Take the first event of a new thread, which is watched from then on."""
        watch = self._watch()
        sys.setprofile(watch)
        watch(frame, kind, argument)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Count what happens in the block."""
        threading.setprofile(self._begin)
        sys.setprofile(self._watch())
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


def _is_apart(frame: FrameType) -> bool:
    return f"{frame.f_globals.get('__name__')}.".startswith(f"{_APART}.")


def _counted(step: str, work: Callable[[], _T], figures: Figures) -> _T:
    counter = Counter()
    with counter.on():
        found = work()
    figures[step] = {"calls": counter.calls, "apart": counter.apart}
    return found


def _traced(step: str, work: Callable[[], _T], figures: Figures) -> _T:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        found = work()
        figures[step] = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return found


def _run(
    home: Path, mapping: str | None, records: list[dict[str, Any]], watch: Callable[..., Any]
) -> Figures:
    """Run the exchange once, each step under ``watch``, in a copy of a home with keys and an empty ledger."""
    from lienthong.pipeline import RunRequest, pull, push, settle, transform, validate

    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder, _uncollected():
        shutil.copytree(home, folder, dirs_exist_ok=True)
        Memory.records = records
        bus, plan = _bus(Path(folder)), _plan(mapping)
        bus.key_hash("opened", f"{bus.signer(plan)} {bus.trust} {bus.ledger.head()} {bus.store}")
        ask = RunRequest("guard")
        parts = watch("pull", lambda: pull(bus, plan, ask), figures)
        for name, step in (("validate", validate), ("transform", transform), ("push", push)):
            parts = [watch(name, lambda step=step, part=part: step(bus, plan, ask, part), figures)
                     for part in parts]  # fmt: skip
        settled = watch("settle", lambda: settle(bus, plan, ask), figures)
        assert settled.counts["acknowledged"] == len(records), settled.counts
        bus.database.close()
    return figures


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector at rest: what it calls comes at any time."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _bus(home: Path) -> Any:
    from lienthong.config import Config
    from lienthong.connector import Connection
    from lienthong.pipeline import Bus

    config = Config(home, f"sqlite:///{home / 'ledger.sqlite'}", str(home / "staging"), home / "hash.key")
    return Bus.open(connections=lambda name: Connection(name, "memory"), config=config)


def _plan(mapping: str | None) -> Any:
    from lienthong import Delivery, Exchange, Source, Target, Text
    from lienthong.pipeline import compile_plan

    exchange = Exchange(
        id="guard",
        title=Text("Đếm", "Guard"),
        provider="H21",
        consumer="G22",
        legal_basis="Nghị định 278/2025/NĐ-CP",
        purpose=Text("Đếm", "Guard"),
        source=Source("memory", Memory(), cursor="received_at"),
        target=Target("memory", Memory()),
        dataset="bench.dossier/1",
        mapping=mapping,
        delivery=Delivery(batch=BATCH, parallel=1),
    )
    return compile_plan(exchange)


def _home(folder: Path) -> Path:
    """Return a home with keys and an empty ledger, which every run gets a copy of."""
    from lienthong.signing.keys import create_development_keys

    create_development_keys(folder, "H21")
    with _bus(folder).database:
        return folder


def measure() -> Figures:
    """Count both exchanges at both sizes in this process and return the figures of the baseline."""
    from records import record

    records = [record(number) for number in range(SIZES[1])]
    found: Figures = {"python": "{}.{}".format(*sys.version_info), "sizes": list(SIZES), "batch": BATCH}
    with tempfile.TemporaryDirectory() as folder:
        home = _home(Path(folder))
        for name, mapping in MAPPINGS.items():
            found[name] = _measured(home, mapping, records)
    return found


def _measured(home: Path, mapping: str | None, records: list[dict[str, Any]]) -> Figures:
    _run(home, mapping, records[: BATCH + 1], _counted)  # what is imported or cached at its first use
    small, large = (_run(home, mapping, records[:size], _counted) for size in SIZES)
    more = SIZES[1] - SIZES[0]
    each = {
        kind: {step: round((large[step][kind] - small[step][kind]) / more, 3) for step in STEPS}
        for kind in ("calls", "apart")
    }
    peaks = _run(home, mapping, records[: 2 * BATCH], _traced)
    return {
        "calls_per_record": each["calls"] | {"total": round(sum(each["calls"].values()), 3)},
        "key_index_calls_per_record": each["apart"],
        "calls_per_run": {
            step: round(small[step]["calls"] - each["calls"][step] * SIZES[0]) for step in STEPS
        },
        "peak_kilobytes": {step: round(peaks[step] / 1024) for step in STEPS},
    }


class Memory:
    """A source and a target that do next to nothing, so that the engine's work is what is counted."""

    kind: ClassVar[str] = "memory"
    records: ClassVar[list[dict[str, Any]]] = []

    def as_dict(self) -> dict[str, Any]:
        """Nothing can be set."""
        return {}

    def open_source(self, *_lent: object) -> Memory:
        """Open the source."""
        return self

    open_target = open_source

    @property
    def capabilities(self) -> Any:
        """What both sides can do."""
        from lienthong.connector import TargetCapabilities

        return TargetCapabilities(repeatable=True, lookup=False)

    def read(self, request: Any) -> Iterator[Any]:
        """Yield pages of the records."""
        from lienthong.connector import End, Page

        for start in range(request.position or 0, len(self.records), BATCH):
            end = End("order") if start + BATCH >= len(self.records) else None
            yield Page(self.records[start : start + BATCH], position=start + BATCH, end=end)

    def deliver(self, batch: Any) -> Any:
        """Take everything."""
        from lienthong.connector import Answer, Receipt

        receipt = Receipt("200", "0" * 64, "2026-01-01T00:00:00Z")
        return Answer(len(batch.records), receipts=(receipt,))

    def check(self) -> list[Any]:
        """Find nothing."""
        return []

    def close(self) -> None:
        """Release nothing."""


def excesses(baseline: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return in what the figures are worse than the baseline, a sentence each."""
    said = []
    for name in MAPPINGS:
        for step, before in baseline[name]["calls_per_record"].items():
            now = found[name]["calls_per_record"][step]
            allowed = before * MORE_CALLS + (0 if step == "total" else SLACK)
            if now > allowed:
                said.append(f"{name}, {step}: {now} calls a record, {before} before")
        for step, before in baseline[name]["peak_kilobytes"].items():
            now = found[name]["peak_kilobytes"][step]
            if now > max(before * MORE_MEMORY, before + SLACK_MEMORY):
                said.append(f"{name}, {step}: {now} kB at the peak, {before} before")
    return said


def in_a_fresh_process() -> Figures:
    """Measure in a process of its own, in which sets and dictionaries have the same order every time."""
    root = Path(__file__).parents[1]
    sources = [str(root / name) for name in ("core", "connectors", "schemas")]
    path = os.pathsep.join([*sources, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, __file__, "--here"],
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures: Figures = json.loads(done.stdout)
    return figures


def main() -> int:
    """Measure; print, write or judge."""
    parser = argparse.ArgumentParser(description="count what a record costs the engine")
    parser.add_argument("--write", action="store_true", help="take what is measured as the new baseline")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure()))
        return 0
    found = in_a_fresh_process()
    print(json.dumps(found, indent=2))
    if options.write:
        BASELINE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        return 0
    said = excesses(json.loads(BASELINE.read_text(encoding="utf-8")), found)
    print("\n".join(said) or "not more than the baseline", file=sys.stderr)
    return bool(said)


if __name__ == "__main__":
    sys.exit(main())
