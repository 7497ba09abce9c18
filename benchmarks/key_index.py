"""What the key index costs a run, and how long one key among a hundred million takes.

Cost: what the bus does for it in the very runs that are measured (keys hashed, entries sorted, root, file
written; read again at push, versions compared), as a share of their processor time (`sides/meter.py`); and
each stage by itself, in segments of 5,000. Look-up: 1,000 keys that are there and 1,000 that are not, asked
one by one of a level file of 100 million keys (4 GB, simulated), in a process of its own: cold (the file was
dropped from the page cache) and warm.

    python benchmarks/key_index.py [KEYS]
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from records import record

from lienthong.keyindex import KeyHasher, LevelFile, LevelWriter, Sidecar, build, repeated
from lienthong.merkle import leaf_hash
from lienthong.records import canonical
from lienthong.staging import SegmentStore

KEYS = 100_000_000
NEEDED_GB = 10
_RECORDS, _SEGMENT, _ASKED, _PART = 100_000, 5_000, 1_000, 65_536
_KEY_ID = b"benchkey"


def measure(shares: Sequence[float], keys: int = KEYS, rounds: int = 5) -> dict[str, Any]:
    """Return cost and look-up figures; ``shares`` are those of whole runs, in per cent."""
    found = {"share_percent": round(statistics.median(shares), 2), "shares": list(shares)} if shares else {}
    return {**cost(rounds), **found, "lookup": lookup(keys)}


def cost(rounds: int) -> dict[str, Any]:
    """Return the microseconds a record of each stage (medians over segments and rounds), and their sum."""
    texts = [f"H21.129-26{number:010}" for number in range(_RECORDS)]
    leaves = [leaf_hash(canonical(record(number))) for number in range(_SEGMENT)]
    seen: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            _once(SegmentStore.open(folder), texts, leaves, seen)
    stages = {f"{name}_us": round(statistics.median(taken) * 1e6, 3) for name, taken in seen.items()}
    fastest = sum(min(taken) for taken in seen.values()) * 1e6
    return {**stages, "us_a_record": round(sum(stages.values()), 2), "us_at_best": round(fastest, 2)}


def _once(
    store: SegmentStore, texts: Sequence[str], leaves: Sequence[bytes], seen: dict[str, list[float]]
) -> None:
    """Do the work of one run and note the seconds a record."""
    hasher = KeyHasher(b"5" * 64, "bench.dossier")
    roots: list[str] = []
    for start in range(0, _RECORDS, _SEGMENT):
        with _timed(seen, "hash", _SEGMENT):
            keys = hasher.many(texts[start : start + _SEGMENT])
        with _timed(seen, "sort", _SEGMENT):
            index: Sidecar = build(keys, leaves, 1, key_id=hasher.key_id)
        with _timed(seen, "root", _SEGMENT):
            assert index.root
        with _timed(seen, "write", _SEGMENT):
            roots.append(store.write_index(index))
    with _timed(seen, "versions", _RECORDS):
        assert not repeated(map(store.index, roots))
    for root in roots:
        with _timed(seen, "read", _SEGMENT):
            store.index(root).by_line()


@contextmanager
def _timed(seen: dict[str, list[float]], name: str, records: int) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seen.setdefault(name, []).append((time.perf_counter() - begun) / records)


def lookup(keys: int) -> dict[str, Any]:
    """Return times to find one key and the peak memory; what was skipped says why."""
    free = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    if free < NEEDED_GB * keys / KEYS:
        return {"keys": keys, "skipped": f"{free:.0f} GB free in {tempfile.gettempdir()}, {NEEDED_GB} needed"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "level")
        begun = time.perf_counter()
        there = simulate(path, keys)
        written = time.perf_counter() - begun
        done = subprocess.run(  # noqa: S603 - our own interpreter and file
            [sys.executable, __file__, "ask", str(path)],
            input=b"".join(there), capture_output=True, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return {"keys": keys, "written_in_s": round(written, 1), **found}


def simulate(path: Path, keys: int) -> list[bytes]:
    """Write a level file with so many keys and return a thousand of them, padded to 32 bytes.

    Keys are random and made in order, part by part: a part's number is the first bits of its keys, the
    other bits are the same sorted ones in every part.
    """
    rng = random.Random(7)
    bits = max(0, (keys // _PART - 1).bit_length())
    size = -(-keys // (1 << bits))
    lows = sorted((rng.getrandbits(128) >> bits).to_bytes(16) for _ in range(size))
    part = bytearray(b"".join(low + bytes(7) + b"\x01" + low for low in lows))
    columns = bytes(part[0::40]), bytes(part[1::40])
    asked: list[bytes] = []
    with path.open("wb") as file:
        writer = LevelWriter(file, key_id=_KEY_ID)
        for number in range(1 << bits):
            for place, value in enumerate((number << (16 - bits)).to_bytes(2)):
                part[place::40] = columns[place].translate(bytes(byte | value for byte in range(256)))
            kept = min(size, keys - writer.entries)
            writer.add(bytes(part[: kept * 40]))
            some = (rng.randrange(kept) * 40 for _ in range(-(-_ASKED >> bits)))
            asked.extend(bytes(part[start : start + 16]) + bytes(16) for start in some)
        info = writer.end()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert info.entries == keys
    return rng.sample(asked, _ASKED)


def _ask(path: Path) -> None:
    """Look keys from standard input up, then random ones, and print times and peak memory as JSON."""
    data = sys.stdin.buffer.read()
    rng = random.Random(8)
    there = [data[start : start + 32] for start in range(0, len(data), 32)]
    absent = [rng.randbytes(32) for _ in there]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    found: dict[str, Any] = {}
    with LevelFile.open(path) as file:
        found["open_ms"] = round((time.perf_counter() - begun) * 1000, 3)
        for name in ("cold", "warm"):
            for kind, keys in (("present", there), ("absent", absent)):
                times = [_one(file, key, kind == "present") for key in keys]
                found[f"{name}_{kind}_ms"] = {
                    "median": round(statistics.median(times), 4),
                    "p99": round(statistics.quantiles(times, n=100)[98], 4),
                    "max": round(max(times), 4),
                }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**found, "peak_mb": round(peak, 1), "grown_mb": round(peak - before, 1)}))


def _one(file: LevelFile, key: bytes, expected: bool) -> float:
    begun = time.perf_counter()
    found = file.newest([key], key_id=_KEY_ID)
    taken = (time.perf_counter() - begun) * 1000
    assert (key in found) is expected
    return taken


def show(found: dict[str, Any]) -> list[str]:
    """Return the figures as lines."""
    share = f", {found['share_percent']:.1f} % of the bus's time" if "share_percent" in found else ""
    lines = [f"key index: {found['us_a_record']:.1f} µs a record{share}"]
    asked = found["lookup"]
    if "skipped" in asked:
        return [*lines, f"one key among {asked['keys']:,}: skipped, {asked['skipped']}"]
    parts = [f"one key among {asked['keys']:,}:"]
    for name in ("cold", "warm"):
        one = asked[f"{name}_present_ms"]
        parts.append(f"{name} {one['median']:.3f} ms (99 % within {one['p99']:.2f}, worst {one['max']:.2f}),")
    return [*lines, " ".join([*parts, f"peak {asked['peak_mb']:.0f} MB"])]


if __name__ == "__main__":
    if sys.argv[1:2] == ["ask"]:
        _ask(Path(sys.argv[2]))
    else:
        result = measure((), int(sys.argv[1]) if len(sys.argv) > 1 else KEYS)
        print(json.dumps(result, indent=2))
        print("\n".join(show(result)))
