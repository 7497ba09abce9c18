"""Level files: of every key the version that was taken last, found again and in bounded memory."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lienthong.errors import Misconfigured, SegmentTampered
from lienthong.keyindex import KeyHasher, LevelFile, LevelInfo, Sidecar, Source, build, merge, newest_of
from lienthong.keyindex import levels as levels_module
from lienthong.keyindex import merging as merging_module

HASHER = KeyHasher(b"secret", "bench.dossier")
OTHER = KeyHasher(b"another secret", "bench.dossier")
SCOPE = "5c" * 32

#: Deliveries of (key, number, leaf) with the lines that were not taken.
DELIVERIES = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 15), st.integers(0, 5), st.integers(0, 255)), max_size=12),
        st.sets(st.integers(0, 12)),
    ),
    max_size=6,
)
Delivery = tuple[list[tuple[int, int, int]], set[int]]


def made(rows: list[tuple[int, int, int]], hasher: KeyHasher = HASHER) -> Sidecar:
    """Build an index of (key, number, leaf)."""
    keys = hasher.many(str(key) for key, _, _ in rows)
    leaves = [bytes([leaf]) * 32 for _, _, leaf in rows]
    return build(keys, leaves, [number for _, number, _ in rows], key_id=hasher.key_id)


def naive(deliveries: list[Delivery]) -> dict[int, tuple[int, bytes]]:
    """Say with a plain dict what the target has: the last taken line of the last delivery."""
    return {
        key: (number, bytes([leaf]) * 16)
        for rows, excluded in deliveries
        for line, (key, number, leaf) in enumerate(rows)
        if line not in excluded
    }


def level(path: Path, sources: list[Source]) -> LevelFile:
    """Merge sources into a file and open it."""
    info = merge(sources, path, scope=SCOPE, taken=(3, 9))
    assert info.name == hashlib.sha256(path.read_bytes()).hexdigest()
    return LevelFile.open(path)


def known(file: LevelFile) -> dict[int, tuple[int, bytes]]:
    """Ask a file for all keys, one by one and together: both ways must answer alike."""
    keys = {HASHER.of(str(key)): key for key in range(20)}
    single = {key: found for one in keys for key, found in file.newest([one], key_id=HASHER.key_id).items()}
    assert file.newest(list(keys), key_id=HASHER.key_id) == single
    assert dict(file._joined(list(keys))).keys() == dict(file._searched(list(keys))).keys() == single.keys()
    return {keys[key]: tuple(found) for key, found in single.items()}


@pytest.fixture(autouse=True, params=["one", "many"])
def small_ranges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do everything in one go and in many small ranges of keys."""
    if request.param == "many":
        monkeypatch.setattr(merging_module, "_AT_ONCE", 3)
        monkeypatch.setattr(levels_module, "_AT_ONCE", 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(deliveries=DELIVERIES, cut=st.integers(0, 6))
def test_the_last_delivery_of_a_key_counts(tmp_path: Path, deliveries: list[Delivery], cut: int) -> None:
    """Merged at once or in two stages, with lines that were not taken: what a dict would say."""
    sources: list[Source] = [(made(rows), excluded) for rows, excluded in deliveries]
    whole = level(tmp_path / "whole", sources)
    assert known(whole) == naive(deliveries)
    older, newer = level(tmp_path / "older", sources[:cut]), level(tmp_path / "newer", sources[cut:])
    both = level(tmp_path / "both", [older, newer])
    assert both.path.read_bytes() == whole.path.read_bytes()
    mixed = level(tmp_path / "mixed", [older, *sources[cut:]])
    assert mixed.path.read_bytes() == whole.path.read_bytes()
    for file in (whole, older, newer, both, mixed):
        file.close()


def test_an_older_version_delivered_later_is_what_the_target_has(tmp_path: Path) -> None:
    """A person let the old one go over the newer one: delivery order decides, not the number."""
    with level(tmp_path / "a", [(made([(1, 5, 55)]), ()), (made([(1, 2, 22)]), ())]) as file:
        assert known(file) == {1: (2, b"\x16" * 16)}


def test_the_last_line_of_a_key_counts_within_a_delivery(tmp_path: Path) -> None:
    """Lines are taken in their order, whatever their numbers."""
    with level(tmp_path / "a", [(made([(1, 5, 55), (1, 2, 22), (1, 9, 99)]), {2})]) as file:
        assert known(file) == {1: (2, b"\x16" * 16)}


def test_a_file_says_what_it_is_about(tmp_path: Path) -> None:
    """Scope, deliveries, hash key and entries stand in it and in what `merge` returns."""
    info = merge([(made([(1, 1, 1), (2, 1, 1)]), ())], tmp_path / "a", scope=SCOPE, taken=(3, 9))
    assert (info.entries, info.key_id, info.scope, info.first_taken, info.last_taken) == (
        2, HASHER.key_id, SCOPE, 3, 9
    )  # fmt: skip
    with LevelFile.open(tmp_path / "a") as file:
        said = (file.entries, file.key_id, file.scope, file.first_taken, file.last_taken)
    assert said == (2, HASHER.key_id, SCOPE, 3, 9)


def test_the_same_entries_for_another_scope_are_another_file() -> None:
    """Names never clash between places or deliveries, so that one may go while the other stays."""
    source: Source = (made([(1, 1, 1)]), ())
    infos: list[LevelInfo] = [
        merge([source], BytesIO(), scope=scope, taken=taken)
        for scope, taken in ((SCOPE, (1, 1)), (SCOPE, (1, 2)), ("5d" * 32, (1, 1)))
    ]
    assert len({info.name for info in infos}) == 3


def test_nothing_delivered_makes_an_empty_file(tmp_path: Path) -> None:
    """No sources, or none that was taken."""
    for sources in ([], [(made([(1, 1, 1)]), {0})]):
        with level(tmp_path / "a", sources) as file:
            assert (file.entries, known(file)) == (0, {})


@pytest.mark.parametrize("entries", [255, 256, 257, 1000])
def test_every_key_is_found_across_fences(tmp_path: Path, entries: int) -> None:
    """Around the borders of blocks, before the first key and behind the last, coarse and fine."""
    rows = [(key, key, key % 251) for key in range(entries)]
    with level(tmp_path / "a", [(made(rows), ())]) as file:
        keys = HASHER.many(map(str, range(entries)))
        absent = [*HASHER.many(f"no {n}" for n in range(entries)), b"\0" * 32, b"\xff" * 32]
        for _ in range(2):
            for one, (number, _, leaf) in zip(keys, rows, strict=True):
                found = dict(file._searched([one]))[one]
                assert found == number.to_bytes(8) + bytes([leaf]) * 16
            assert all(not list(file._searched([one])) for one in absent)
            file._refine()
        assert [file.place(key) for key in sorted(keys)] == list(range(entries))


def test_keys_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    """A thousand keys with the same first 8 bytes (never met with a keyed hash) fill several blocks."""
    keys = [b"same 8 b" + number.to_bytes(8) + bytes(16) for number in range(0, 2000, 2)]
    missing = [b"same 8 b" + number.to_bytes(8) + bytes(16) for number in range(1, 2000, 2)]
    index = build(keys, [b"l" * 32] * 1000, 1)
    with level(tmp_path / "a", [(index, ())]) as file:
        for _ in range(2):
            assert [key for key, _ in file._searched(keys)] == keys
            assert not list(file._searched(missing))
            file._refine()
        assert file.newest([*keys, *missing], key_id=index.key_id).keys() == set(keys)


def test_damage_is_noticed(tmp_path: Path) -> None:
    """Header, trailer and length at the opening, everything else by the digest."""
    info = merge([(made([(key, 1, 1) for key in range(300)]), ())], tmp_path / "a")
    good = (tmp_path / "a").read_bytes()
    bad = tmp_path / "bad"
    for data in (b"", good[:40], good[:-1], good + b"\0", b"X" + good[1:], good[:-40], good[:-1] + b"x"):
        bad.write_bytes(data)
        with pytest.raises(SegmentTampered, match="level file"):
            LevelFile.open(bad)
    bad.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    with LevelFile.open(bad) as file, pytest.raises(SegmentTampered, match="do not match"):
        file.verify(info.name)
    with LevelFile.open(tmp_path / "a") as file:
        file.verify(info.name)


def test_files_and_keys_under_different_secrets_are_not_mixed(tmp_path: Path) -> None:
    """Merging and asking say so, instead of finding nothing and delivering everything again."""
    one, other = level(tmp_path / "a", [(made([(1, 1, 1)]), ())]), made([(1, 2, 2)], OTHER)
    with pytest.raises(Misconfigured, match=r"different hash keys.*operations"):
        merge([one, (other, ())], BytesIO())
    with pytest.raises(Misconfigured, match="different hash keys"):
        one.newest(OTHER.many(["1"]), key_id=OTHER.key_id)
    with pytest.raises(Misconfigured, match="different hash keys"):
        newest_of([one], {OTHER.key_id: OTHER.many(["1"])})
    one.close()


def test_after_a_rotation_files_of_both_secrets_answer(tmp_path: Path) -> None:
    """The keys hashed under the current and the former secret find old deliveries and new ones."""
    old = level(tmp_path / "old", [(made([(1, 1, 1), (2, 1, 1)], OTHER), ())])
    new = level(tmp_path / "new", [(made([(2, 2, 2), (3, 2, 2)]), ())])
    texts = ["1", "2", "3", "4"]
    hashed = {hasher.key_id: hasher.many(texts) for hasher in (HASHER, OTHER)}
    found = newest_of([new, old], hashed)
    assert [version and version.number for version in found] == [1, 2, 2, None]
    assert found[0] is not None and found[0].is_leaf(b"\x01" * 32) and not found[0].is_leaf(b"\x02" * 32)
    old.close()
    new.close()


def test_a_lost_secret_is_passed_over_only_if_somebody_says_so(tmp_path: Path) -> None:
    """Else the run stops and names the two; if it is said, what old files know counts as unknown."""
    old = level(tmp_path / "old", [(made([(1, 1, 1), (2, 1, 1)], OTHER), ())])
    new = level(tmp_path / "new", [(made([(2, 2, 2)]), ())])
    hashed = {HASHER.key_id: HASHER.many(["1", "2"])}
    with pytest.raises(Misconfigured, match=OTHER.key_id.hex()):
        newest_of([new, old], hashed)
    found = newest_of([new, old], hashed, {OTHER.key_id})
    assert [version and version.number for version in found] == [None, 2]
    old.close()
    new.close()
