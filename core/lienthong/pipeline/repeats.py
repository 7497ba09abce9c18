"""Keys that one run holds more than once: their older versions are superseded, or go in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from lienthong.errors import Misconfigured
from lienthong.keyindex import Sidecar
from lienthong.keyindex.join import repeated
from lienthong.ledger.ranges import lines_of, ranges_of
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.keys import Numbers, index_of
from lienthong.pipeline.parts import Part, RunRequest
from lienthong.pipeline.plan import Plan
from lienthong.segment import Segment

_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Repeats:
    """What of a part is superseded within the run, and what is a version among several, by segment.

    Both by the segment's order in its part, as lines.
    """

    superseded: Mapping[int, frozenset[int]]
    several: Mapping[int, frozenset[int]]

    def of(self, order: int) -> tuple[frozenset[int], frozenset[int]]:
        """Return the superseded lines of a segment, and those that go in the order of their versions."""
        return self.superseded.get(order, _NONE), self.several.get(order, _NONE)


def repeats_in(bus: Bus, plan: Plan, request: RunRequest, part: Part) -> Repeats:
    """Compare the keys of all segments of a run, as the target will know them.

    What has been found is kept for the other parts. Raises `Misconfigured` where every version is to be
    delivered in order and the run's parts do not allow for that.
    """
    run = _run_segments(bus, plan, request, part)
    with bus.comparing:
        saved = bus.journal.step(plan.exchange.id, request.run, "push.repeats", 0)
        if saved is None:
            saved = _compared(bus, plan, request, run)
            bus.checkpoint(plan, request, "push.repeats", 0, saved)
    start = [0, *accumulate(len(segments) for segments in run)][part.index]
    older, several = (_own(saved.get(name, {}), start, len(part.segments)) for name in ("older", "several"))
    return Repeats({}, several) if plan.exchange.delivery.versions == "all" else Repeats(older, {})


def _compared(bus: Bus, plan: Plan, request: RunRequest, run: Sequence[Sequence[Segment]]) -> dict[str, Any]:
    """Return what is superseded in a run, and which lines go in order where all versions do."""
    numbers = Numbers(bus, plan.exchange.id, request.run)
    everything = [segment for segments in run for segment in segments]
    found = repeated(_indexes(bus, plan, everything, numbers))
    saved = {"older": {str(at): [list(one) for one in ranges_of(lines)] for at, lines in found.items()}}
    if found and plan.exchange.delivery.versions == "all":
        saved["several"] = _several(bus, plan, run, found, numbers)
    return saved


def _run_segments(bus: Bus, plan: Plan, request: RunRequest, part: Part) -> list[Sequence[Segment]]:
    """Return the segments of all parts as transform left them; a part alone needs no look at others."""
    if part.of == 1:
        return [part.segments]
    saved = (bus.journal.step(plan.exchange.id, request.run, "transform", index) for index in range(part.of))
    return [Part.from_dict(item).segments if item else () for item in saved]


def _indexes(bus: Bus, plan: Plan, segments: Sequence[Segment], numbers: Numbers) -> Iterator[Sidecar]:
    return (index_of(bus, segment, plan.produces, numbers) for segment in segments)


def _own(saved: Mapping[str, Sequence[Sequence[int]]], start: int, count: int) -> dict[int, frozenset[int]]:
    """Return what was found of a part's own segments, by their order in it."""
    found = {int(at) - start: frozenset(lines_of(ranges)) for at, ranges in saved.items()}
    return {order: lines for order, lines in found.items() if 0 <= order < count}


def _several(
    bus: Bus,
    plan: Plan,
    run: Sequence[Sequence[Segment]],
    older: Mapping[int, set[int]],
    numbers: Numbers,
) -> dict[str, list[list[int]]]:
    """Return every line whose key is there more than once; each in a segment of its own, all in one part."""
    everything = [segment for segments in run for segment in segments]
    part_of = [index for index, segments in enumerate(run) for _ in segments]
    keys: set[bytes] = set()
    for at, lines in older.items():
        rows = index_of(bus, everything[at], plan.produces, numbers).by_line()
        keys.update(rows[line][:32] for line in lines)
    homes: dict[bytes, int] = {}
    found: dict[str, list[list[int]]] = {}
    for at, sidecar in enumerate(_indexes(bus, plan, everything, numbers)):
        here_too = [line for line, row in enumerate(sidecar.by_line()) if row[:32] in keys]
        here = [row for row in sidecar.keys_in() if row in keys]
        strays = any(homes.setdefault(key, part_of[at]) != part_of[at] for key in here)
        if strays or len(set(here)) < len(here):
            raise Misconfigured(
                "the mapping gives records of different keys the same key, so their order cannot be kept",
                where=f"exchange {plan.exchange.id!r}",
                hint="set delivery.versions to 'last', or delivery.batch and delivery.parallel to 1",
            )
        if here_too:
            found[str(at)] = [list(one) for one in ranges_of(here_too)]
    return found
