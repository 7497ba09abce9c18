"""A settled run's records once more, under the mapping as it is now, without a pull."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lienthong.connector import Finding, Page, ReadRequest, SourceCapabilities
from lienthong.datasets import Dataset
from lienthong.errors import Misconfigured
from lienthong.ledger import RunState
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.keys import Numbers, index_of
from lienthong.pipeline.parts import RunRequest, Settled
from lienthong.pipeline.plan import Plan
from lienthong.pipeline.pull import load_progress
from lienthong.pipeline.replay import NumberedPage, open_name
from lienthong.pipeline.runner import run_exchange
from lienthong.records import parse
from lienthong.segment import Segment


class StagedSource:
    """The records that an earlier run pulled, segment by segment, as it sealed them."""

    capabilities = SourceCapabilities(incremental=False, resumable=True)

    def __init__(self, bus: Bus, dataset: Dataset, segments: list[Segment], run: RunState) -> None:
        self._bus, self._dataset, self._segments, self._run = bus, dataset, segments, run

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield one page a segment, from the position on."""
        for at in range(int(request.position or 0), len(self._segments)):
            segment = self._segments[at]
            records = [parse(data) for data in self._bus.store.read(segment)]
            yield NumberedPage(records, position=at + 1, numbers=self._numbers(segment))

    def _numbers(self, segment: Segment) -> Sequence[int]:
        """Return the version numbers: of a replay's or a staging run's records those that they came with."""
        if not segment.index:
            return [self._run.number] * segment.count
        numbers = Numbers(self._bus, self._run.exchange, self._run.run)
        return index_of(self._bus, segment, self._dataset, numbers).numbers()

    def check(self) -> list[Finding]:
        """Return nothing: there is no other side."""
        return []

    def close(self) -> None:
        """Release nothing."""


def run_from_staging(bus: Bus, plan: Plan, former: str) -> Settled:
    """Validate, map and deliver a settled run's records again; return the new run, settled.

    For a mapping that was wrong. Records of which the target has a newer version by now are not sent. The
    run's name follows from the former one's and the mapping, so that one which was killed goes on; one that
    settled, or that a person closed, is followed by another. Raises
    `Misconfigured` where the former run never settled, pulled nothing or another dataset, or has lost its
    segments.
    """
    where = f"exchange {plan.exchange.id!r}, run {former!r}"
    state = bus.journal.run(plan.exchange.id, former)
    if not state.settled:
        raise Misconfigured("this run never settled", where=where, hint="run the exchange instead")
    if state.idle:
        raise Misconfigured("this run pulled nothing", where=where, hint="see: lienthong evidence runs")
    progress = load_progress(bus, plan, RunRequest(former))
    if not progress.complete:
        raise Misconfigured(
            "what this run pulled is no longer known",
            where=where,
            hint="read it again from the source: lienthong run --since",
        )
    source = StagedSource(bus, plan.dataset, progress.segments, state)
    name = f"staging__{former}__{plan.digest[:8]}{_contents(plan)[:8]}"
    name = open_name(bus, plan.exchange.id, name, settled=False)
    return run_exchange(bus, plan, RunRequest(name, staging=former), source=source)


def _contents(plan: Plan) -> str:
    """Return a digest (hex) of the mapping in force."""
    return plan.mapping.digest if plan.mapping is not None else plan.dataset.digest
