"""When level files are merged, and that compacting never changes what is known of any key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.errors import SegmentTampered
from lienthong.keyindex import (
    KeyHasher,
    Level,
    Merge,
    Sidecar,
    Version,
    build,
    due,
    everything,
    newest_of,
)
from lienthong.staging import LevelStore, SegmentStore, Taken, compact

SCOPE = "5c" * 32
HASHER = KeyHasher(b"secret", "bench.dossier")
OTHER = KeyHasher(b"another secret", "bench.dossier")


def test_merging_is_due_at_eight() -> None:
    """Seven deliveries or files wait; eight are merged; hundreds of deliveries in portions of 64."""
    ones = [Level(str(n), 1, n, n, 1) for n in range(8)]
    assert due(ones[:7], 7) is None
    assert due([], 8) == Merge(1, deliveries=8)
    assert due([], 1000) == Merge(1, deliveries=64)
    assert due(ones, 0) == Merge(2, tuple(ones))
    twos = [replace(level, level=2) for level in ones[:7]]
    assert due([*twos, *ones[:7]], 3) is None


def test_files_of_two_hash_keys_are_not_merged() -> None:
    """Neither in passing nor by a maintenance run: one file for each key is left."""
    old = [Level(f"old {n}", 1, n, n, 1, "aa") for n in range(5)]
    new = [Level(f"new {n}", 1, n, n, 1, "bb") for n in range(5, 10)]
    assert due([*old, *new], 0) is None
    assert everything([*old, *new], 0) == Merge(1, tuple(old))
    assert everything([old[0], *new], 0) == Merge(1, tuple(new))
    assert everything([old[0], new[0]], 0) is None


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 700), st.booleans())
def test_files_stay_few_and_stand_for_every_delivery_once(deliveries: int, at_once: bool) -> None:
    """However deliveries arrive: at most seven files a level, in order, no gap and no overlap."""
    levels: list[Level] = []
    arrivals = [deliveries] if at_once else range(1, deliveries + 1)
    for arrived in arrivals:
        while what := due(levels, arrived - (levels[-1].last_taken if levels else 0)):
            first = what.files[0].first_taken if what.files else (levels[-1].last_taken if levels else 0) + 1
            last = what.files[-1].last_taken if what.files else first + what.deliveries - 1
            levels = [level for level in levels if level not in what.files]
            levels.append(Level(f"{first}-{last}", what.level, first, last, 1))
            levels.sort(key=lambda level: level.first_taken)
    bounds = [at for level in levels for at in (level.first_taken, level.last_taken + 1)]
    assert bounds[::2] == [1, *bounds[1:-1:2]][: len(levels)]
    assert deliveries - (levels[-1].last_taken if levels else 0) < 8
    for number in {level.level for level in levels}:
        assert sum(level.level == number for level in levels) < 8
    while what := everything(levels, 0):
        levels = [Level("all", what.level, levels[0].first_taken, levels[-1].last_taken, 1)]
    assert len(levels) <= 1


@pytest.fixture(params=["local", "remote"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder, and an object store (in memory)."""
    if request.param == "local":
        yield str(tmp_path / "staging")
        return
    yield "memory://staging-of-levels"
    fsspec.filesystem("memory").makedirs("/staging-of-levels", exist_ok=True)
    fsspec.filesystem("memory").rm("/staging-of-levels", recursive=True)


class Scope:
    """A scope as the ledger keeps it: deliveries in order, files, and a dict that says the truth."""

    def __init__(self, url: str, cache: Path) -> None:
        self.store, self.files = SegmentStore.open(url), LevelStore(url, cache)
        self.taken: list[Taken] = []
        self.levels: list[Level] = []
        self.truth: dict[str, int] = {}

    def deliver(self, texts: list[str], number: int, refused: set[int], hasher: KeyHasher = HASHER) -> None:
        """Let the target take a segment, except for some lines."""
        index = build(hasher.many(texts), [bytes([number]) * 32] * len(texts), number, key_id=hasher.key_id)
        self.taken.append(Taken(len(self.taken) + 1, self.store.write_index(index), refused))
        self.truth |= {text: number for line, text in enumerate(texts) if line not in refused}

    def waiting(self) -> list[Taken]:
        """Return what no file stands for."""
        last = self.levels[-1].last_taken if self.levels else 0
        return [taken for taken in self.taken if taken.taken > last]

    def merge(self, what: Merge) -> None:
        """Do what is due, as the ledger would note it."""
        fresh = compact(self.files, what, scope=SCOPE, waiting=self.waiting(), load=self.store.index)
        self.levels = [level for level in self.levels if level not in what.files]
        self.levels.append(fresh)
        self.levels.sort(key=lambda level: level.first_taken)

    def compact(self) -> None:
        """Do all that is due."""
        while what := due(self.levels, len(self.waiting())):
            self.merge(what)

    def known(self, texts: list[str]) -> dict[str, int]:
        """Ask the files for keys under both hash keys."""
        opened = [self.files.open(level.name) for level in reversed(self.levels)]
        hashed = {hasher.key_id: hasher.many(texts) for hasher in (HASHER, OTHER)}
        found: list[Version | None] = newest_of(opened, hashed)
        for file in opened:
            file.close()
        return {text: version.number for text, version in zip(texts, found, strict=True) if version}


def test_compacting_changes_nothing_that_is_known(url: str, tmp_path: Path) -> None:
    """A hundred deliveries with lines not taken, compacted as they come: always what a dict says."""
    scope, texts = Scope(url, tmp_path / "cache"), [str(n) for n in range(60)]
    for number in range(1, 101):
        mine = [text for place, text in enumerate(texts) if place * 7 % (number % 9 + 2) == 0]
        scope.deliver(mine, number, {number % 5, 3})
        scope.compact()
        if not scope.waiting():
            assert scope.known(texts) == scope.truth
    assert len(scope.levels) < 15
    while what := everything(scope.levels, len(scope.waiting())):
        scope.merge(what)
    assert (len(scope.levels), scope.known(texts)) == (1, scope.truth)
    with scope.files.open(scope.levels[0].name) as file:
        assert (file.scope, file.first_taken, file.last_taken) == (SCOPE, 1, 100)


def test_after_a_change_of_the_hash_key_both_sides_are_known(url: str, tmp_path: Path) -> None:
    """Files end where the key changed; keys hashed under both secrets find everything."""
    scope, texts = Scope(url, tmp_path / "cache"), [str(n) for n in range(10)]
    for number in range(1, 6):
        scope.deliver(texts[:6], number, set(), OTHER)
    for number in range(6, 12):
        scope.deliver(texts[4:], number, set())
    while what := everything(scope.levels, len(scope.waiting())):
        scope.merge(what)
    assert [(level.first_taken, level.last_taken) for level in scope.levels] == [(1, 5), (6, 11)]
    assert [level.key_id for level in scope.levels] == [OTHER.key_id.hex(), HASHER.key_id.hex()]
    assert scope.known(texts) == scope.truth


def test_a_store_takes_gives_and_removes_files(url: str, tmp_path: Path) -> None:
    """By content: the same file twice is one; another process with an empty cache reads it; gone is said."""
    scope = Scope(url, tmp_path / "cache")
    scope.deliver(["1", "2"], 1, set())
    scope.merge(Merge(1, deliveries=1))
    name = scope.levels[0].name
    path = scope.files.spool()
    with scope.files.open(name) as file:
        path.write_bytes(file.path.read_bytes())
    assert scope.files.add(path) == name and not path.exists()
    other = LevelStore(url, tmp_path / "another cache")
    assert list(other.names()) == [name]
    with other.open(name) as file:
        assert file.entries == 2
    other.remove(name)
    with pytest.raises(SegmentTampered, match="not in the staging store"):
        other.open(name)
    other.remove(name)
    assert list(LevelStore(url, tmp_path / "third cache").names()) == []


def test_what_an_object_store_changed_never_reaches_the_cache(tmp_path: Path) -> None:
    """A copy is checked against its name before it gets it."""
    url = "memory://levels-that-change"
    scope = Scope(url, tmp_path / "cache")
    scope.deliver(["1", "2"], 1, set())
    scope.merge(Merge(1, deliveries=1))
    name = scope.levels[0].name
    system = fsspec.filesystem("memory")
    path = f"/levels-that-change/levels/{name}.kxl"
    good = system.cat_file(path)
    system.pipe_file(path, good[:70] + b"x" + good[71:])
    other = LevelStore(url, tmp_path / "another cache")
    with pytest.raises(SegmentTampered, match="do not match"):
        other.open(name)
    assert list((tmp_path / "another cache").iterdir()) == []
    system.rm("/levels-that-change", recursive=True)


def test_an_index_that_is_gone_stops_a_merge_and_leaves_nothing(tmp_path: Path) -> None:
    """No half file stays behind."""
    scope = Scope(str(tmp_path / "staging"), tmp_path / "cache")
    scope.taken.append(Taken(1, "ab" * 32))

    def load(root: str) -> Sidecar:
        return scope.store.index(root)

    with pytest.raises(SegmentTampered):
        compact(scope.files, Merge(1, deliveries=1), scope=SCOPE, waiting=scope.taken, load=load)
    assert not list((tmp_path / "staging").rglob("*.k*")) and not list(tmp_path.rglob(".merging*"))
