"""Joins over the indexes of whole runs: what is repeated, what is gone, and in how much memory."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import Misconfigured
from lienthong.keyindex import KeyHasher, Sidecar, build, difference, repeated
from lienthong.keyindex import join as join_module

HASHER = KeyHasher(b"secret", "bench.dossier")
LEAF = b"l" * 32

#: Segments of (key, version number): few keys, so that they repeat within and across segments.
RUNS = st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 2)), max_size=12), max_size=6)


def made(segment: list[tuple[int, int]], hasher: KeyHasher = HASHER) -> Sidecar:
    """Build a segment's index of (key, number)."""
    keys = hasher.many(str(key) for key, _ in segment)
    return build(keys, [LEAF] * len(keys), [number for _, number in segment], key_id=hasher.key_id)


def naive(run: list[list[tuple[int, int]]]) -> dict[int, set[int]]:
    """Say with a plain dict which (segment, line) a newer version supersedes."""
    newest: dict[int, tuple[int, int, int]] = {}
    for place, segment in enumerate(run):
        for line, (key, number) in enumerate(segment):
            newest[key] = max(newest.get(key, (0, 0, 0)), (number, place, line))
    found = {
        place: {line for line, (key, _) in enumerate(segment) if newest[key][1:] != (place, line)}
        for place, segment in enumerate(run)
    }
    return {place: lines for place, lines in found.items() if lines}


@given(RUNS, st.integers(1, 40))
def test_every_version_but_the_newest_is_superseded(run: list[list[tuple[int, int]]], at_once: int) -> None:
    """By number, then segment, then line; in however many ranges of keys the work is done."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join_module, "_AT_ONCE", at_once)
        assert repeated(made(segment) for segment in run) == naive(run)


@given(RUNS, st.sets(st.integers(0, 6)))
def test_a_part_is_told_about_its_own_lines_only(run: list[list[tuple[int, int]]], own: set[int]) -> None:
    """All segments count as newer ones, the answer names the part's own."""
    expected = {place: lines for place, lines in naive(run).items() if place in own}
    assert repeated((made(segment) for segment in run), own) == expected


@given(RUNS, RUNS)
def test_keys_that_are_gone_are_those_of_a_set_difference(
    older: list[list[tuple[int, int]]], newer: list[list[tuple[int, int]]]
) -> None:
    """Sorted, each once, whatever their versions."""
    there = {key for segment in newer for key, _ in segment}
    gone = {key for segment in older for key, _ in segment} - there
    found = list(difference((made(segment) for segment in older), (made(segment) for segment in newer)))
    assert found == sorted(HASHER.of(str(key)) for key in gone)


def test_keys_under_different_secrets_are_not_compared() -> None:
    """They would never be equal: one version of each key twice, everything gone. It is said instead."""
    one, other = made([(1, 1)]), made([(1, 1)], KeyHasher(b"another secret", "bench.dossier"))
    with pytest.raises(Misconfigured, match="different hash keys"):
        repeated([one, other])
    with pytest.raises(Misconfigured, match="operations"):
        list(difference([one], [other]))
    empty = made([], KeyHasher(b"another secret", "bench.dossier"))
    assert repeated([one, empty]) == {}


def test_a_run_of_many_segments_is_joined_in_little_memory() -> None:
    """300,000 entries (23 MB as files) need no more than a few ranges of keys at once."""

    def segments() -> list[Sidecar]:
        return [made([(start + number, 1) for number in range(5000)]) for start in range(0, 300_000, 5000)]

    roots = [sidecar.data for sidecar in segments()]
    roots.append(made([(7, 2)]).data)
    tracemalloc.start()
    try:
        found = repeated(Sidecar.from_bytes(data, checked=True) for data in roots)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == {0: {7}}
    assert peak < 32 * 1024 * 1024
