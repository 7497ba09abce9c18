"""One segment towards one target: sent once, never repeated blindly, never old over new.

What `Delivering.deliver` does with a delivery by its state:

==============  ==================================================================================
intended        compare its keys with what the target has; send what is new, pass the rest over
sent, unknown   take it over and ask the target (or repeat where that is safe); send what is absent
acknowledged,   nothing
refused
==============  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lienthong.connector import Answer, Batch, Receipt, RecordTarget
from lienthong.datasets import Dataset
from lienthong.datasets.discretion import Discretion
from lienthong.errors import (
    Held,
    LeaseLost,
    LienThongError,
    OutcomeUnknown,
    Permanent,
    ProtocolViolation,
    SegmentTampered,
    Tampered,
)
from lienthong.ledger import DeliveryState, Journal
from lienthong.ledger.delivery_rows import NOT_SENT
from lienthong.ledger.fencing import Moved
from lienthong.ledger.leases import Lease
from lienthong.ledger.ranges import Ranges, joined, lines_of, ranges_of
from lienthong.merkle import leaf_hash
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.repeats import Repeats
from lienthong.pipeline.versions import Versions
from lienthong.records import sha256
from lienthong.segment import Segment

_DONE = ("acknowledged", "refused")
#: How long to wait for another part of the run that is at an earlier run's delivery.
_SIBLING_SECONDS = 0.5


def delivery_id(
    exchange: str, target: str, epoch: str, segment: Segment, copy: int = 0, again: int = 0
) -> str:
    """Return the idempotency key of a segment's delivery (64 hexadecimal digits).

    It depends on content only: the exchange, the target, the records (by their Merkle root, so
    that compression does not matter) and the epoch, which is the last settled run. A run that
    died is followed by one with the same keys; once a run has settled, the same content may be
    delivered again (a value that changed and changed back). ``copy`` tells segments with the very
    same records in one run apart, ``again`` counts earlier deliveries of them in this epoch.
    """
    parts = [exchange, target, epoch, segment.root, *([str(copy)] if copy else [])]
    return sha256("\n".join([*parts, *([f"again {again}"] if again else [])]).encode())


@dataclass
class Delivering:
    """The deliveries of one part of a run towards an open target.

    ``versions``: what the target has of each key; ``repeats``: keys that the run has more than once,
    ``discretion``: what of a target's words may be kept.
    ``known`` holds leaf hashes of records which an earlier, unsettled run delivered before there were key
    indexes, or under another name of the target;
    ``doubts`` the deliveries of which the target cannot tell yet, each with the seconds after which
    it wants to be asked again, None where it is not at work on them.
    """

    bus: Bus
    target: RecordTarget
    key: tuple[str, ...]
    dataset: str
    versions: Versions
    repeats: Repeats
    discretion: Discretion
    known: set[bytes] = field(default_factory=set)
    doubts: dict[str, float | None] = field(default_factory=dict)

    @property
    def journal(self) -> Journal:
        """The journal that remembers every delivery."""
        return self.bus.journal

    @property
    def lease(self) -> Lease:
        """The lease under which the part is pushed."""
        assert self.bus.hold is not None  # noqa: S101 - push takes it
        return self.bus.hold.lease

    def deliver(self, state: DeliveryState) -> DeliveryState:
        """Bring a delivery to an end, or note a doubt where the target cannot tell yet.

        Raises `OutcomeUnknown` where an answer was lost, or where the target cannot be asked.
        """
        if state.state in _DONE:
            self.bus.audit("push", f"delivery {state.id}: {state.state} before, not sent again")
            return state
        records = self.bus.store.read(state.segment)
        if state.state in ("sent", "unknown"):
            return self._resolve(state, records)
        return self._send_new(state, records)

    def settle_outstanding(self, state: DeliveryState) -> None:
        """Settle an earlier run's delivery.

        Where that cannot be told yet a doubt is noted: its records must not be sent under new keys.
        """
        if state.state in ("sent", "unknown"):
            state = self._settled_by_anyone(state, self._records_in_doubt(state))
        indexed = state.segment.index and state.scope in self.versions.place.scopes
        if not indexed and state.state in ("unknown", "acknowledged"):
            records = self.bus.store.read(state.segment)
            left = state.unsent.union(state.refused, state.unknown)
            self.known.update(leaf_hash(data) for line, data in enumerate(records) if line not in left)

    def _records_in_doubt(self, state: DeliveryState) -> list[bytes]:
        try:
            return self.bus.store.read(state.segment)
        except SegmentTampered as error:
            raise SegmentTampered(
                f"a delivery is in doubt, and its records cannot be read any more: {error.message}",
                where=f"delivery {state.id} of run {state.run!r}",
                hint="ask the agency, then tell us with `lienthong delivery resolve`",
            ) from None

    def _settled_by_anyone(self, state: DeliveryState, records: Sequence[bytes]) -> DeliveryState:
        """Settle an earlier run's delivery, or see that another part of this run was faster."""
        try:
            answer = self._ask_or_repeat(state, records)
            if not answer.unknown:
                self.versions.denied.add(state.id)
            if answer.absent == frozenset(range(len(records))):
                self.bus.audit("push", f"delivery {state.id}: the target has none of it")
                return self.journal.not_taken(state.id, lease=self.lease)
            return self._record(state, answer)
        except Held:
            self.doubts[state.id] = _SIBLING_SECONDS
            return state
        except (Permanent, LeaseLost):
            found = self.journal.delivery(state.id)
            if found.state not in _DONE:
                raise
            self.doubts.pop(state.id, None)
            return found

    def _send_new(self, state: DeliveryState, records: Sequence[bytes]) -> DeliveryState:
        """Send what the target does not have and what is not older than what it has."""
        while True:
            not_sent = self._fates(state, records)
            left_out = joined(*not_sent.values())
            try:
                if len(left_out) == len(records):
                    passed = self.journal.passed(
                        state.id, not_sent, lease=self.lease, seen=self.versions.seen
                    )
                    self._tell(state, not_sent)
                    return passed
                lines = [line for line in range(len(records)) if line not in left_out]
                kinds: dict[str, Any] = dict(not_sent)
                leaving = replace(state, **kinds)
                found = Answer(len(records))
                return self._record(leaving, self._send_lines(leaving, records, lines, found, not_sent))
            except Moved:
                self.versions.look()

    def _fates(self, state: DeliveryState, records: Sequence[bytes]) -> dict[str, Ranges]:
        """Return the lines that are not sent, by kind."""
        superseded, repeated = self.repeats.of(state.order)
        found = self.versions.fates(state.segment, superseded, repeated)
        if self.known:
            left_out = joined(*found.values())
            before = [
                line
                for line, data in enumerate(records)
                if line not in left_out and leaf_hash(data) in self.known
            ]
            found["inherited"] = ranges_of([*lines_of(found["inherited"]), *before])
        return found

    def _tell(self, state: DeliveryState, not_sent: Mapping[str, Ranges]) -> None:
        counts = {name: len(joined(ranges)) for name, ranges in not_sent.items()}
        said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        if said:
            self.bus.audit("push", f"delivery {state.id}: not sent: {said}")

    def _resolve(self, state: DeliveryState, records: Sequence[bytes]) -> DeliveryState:
        """Find out what became of a request; send what was not taken and is not older than what is there."""
        found = self._ask_or_repeat(state, records)
        self.versions.denied.add(state.id)  # an earlier run may have sent it: it is not in its own way
        while found.absent:
            fates, not_sent = self._fates(state, records), {}
            for name in NOT_SENT:
                fresh = (found.absent - state.unsent).intersection(lines_of(fates[name]))
                not_sent[name] = ranges_of([*lines_of(getattr(state, name)), *fresh])
            lines = sorted(found.absent - joined(*not_sent.values()))
            kinds: dict[str, Any] = dict(not_sent)
            leaving, rest = replace(state, **kinds), replace(found, absent=frozenset(lines))
            try:
                if not lines:
                    self.journal.left_out(state.id, not_sent, lease=self.lease, seen=self.versions.seen)
                return self._record(leaving, self._send_lines(leaving, records, lines, rest, not_sent))
            except Moved:
                self.versions.look()
        return self._record(state, self._send_lines(state, records, [], found))

    def _ask_or_repeat(self, state: DeliveryState, records: Sequence[bytes]) -> Answer:
        """Ask the target; where it knows nothing or cannot be asked, repeat if that is declared safe."""
        can = self.target.capabilities
        self.journal.adopt(state.id, self.lease)
        self._await_request(state)
        if can.lookup:
            found = self._ask(state, records)
            lost = found.unknown == _doubtful(state) and found.ask_after is None
            if not (lost and can.repeatable):
                return found
        if can.repeatable:
            self.bus.audit("push", f"delivery {state.id}: outcome unknown, repeated under the same key")
            settled = _settled(Answer(len(records)), state)
            return self._send_lines(state, records, sorted(_doubtful(state)), settled)
        raise OutcomeUnknown(
            "the target can neither be asked nor be sent the same again",
            where=f"delivery {state.id}",
            hint="ask the agency, then tell us with `lienthong delivery resolve`",
        )

    def _await_request(self, state: DeliveryState) -> None:
        """Wait (in a next try) where a lost process may have a request under way that has not arrived yet.

        A target that knows batches by their id can be asked at once: what arrives late has no effect there.
        """
        left = 0.0 if self.target.capabilities.keyed else self.journal.still_under_way(state.id)
        if left:
            raise OutcomeUnknown(
                "a process was lost while its request was under way: the target is asked once it has arrived",
                where=f"delivery {state.id}",
                hint="the next try asks the target",
                retry_after=left,
            )

    def _ask(self, state: DeliveryState, records: Sequence[bytes]) -> Answer:
        batch = replace(self._batch(state.id, records), receipts=_given(state))
        answer = self.target.lookup(batch)
        _check_answer(answer, len(records), state.id)
        found = _settled(self._discreet(answer, records), state)
        self.bus.audit(
            "push",
            f"delivery {state.id}: asked the target, {found.acknowledged} taken, "
            f"{len(found.absent)} absent, {len(found.unknown)} still unknown",
        )
        return found

    def _send_lines(
        self,
        state: DeliveryState,
        records: Sequence[bytes],
        lines: Sequence[int],
        found: Answer,
        not_sent: Mapping[str, Ranges] | None = None,
    ) -> Answer:
        """Send some lines of a segment and merge the answer into what is known of the rest."""
        if not lines:
            return found
        rest = [records[line] for line in lines]
        whole = len(rest) == len(records)
        batch = self._batch(state.id, rest)
        if not whole:
            batch = replace(batch, id=_rest_id(state.id, rest), rest_of=state.id)
        answer = self._send(state, batch, lines, found, not_sent)
        return Answer(
            len(records),
            refused={**found.refused, **{lines[line]: why for line, why in answer.refused.items()}},
            unknown=found.unknown | {lines[line] for line in answer.unknown | answer.absent},
            receipts=(
                *found.receipts,
                *(one if whole else one.within(lines) for one in answer.receipts),
            ),
            ask_after=_sooner(found.ask_after, answer.ask_after),
        )

    def _send(
        self,
        state: DeliveryState,
        batch: Batch,
        lines: Sequence[int],
        found: Answer,
        not_sent: Mapping[str, Ranges] | None,
    ) -> Answer:
        """Send some lines of a delivery, the intent of which is on disk before the request leaves.

        ``found`` is what is known of all other lines, which an answer that is lost does not put in doubt.
        """
        fresh: dict[str, Any] = {} if not_sent is None else {"not_sent": not_sent, "seen": self.versions.seen}
        deadline = self.target.capabilities.deadline
        self.journal.sent(state.id, lease=self.lease, deadline=deadline, **fresh)
        if not_sent is not None:
            self._tell(state, not_sent)
        try:
            assert self.bus.hold is not None  # noqa: S101 - push takes it
            self.bus.hold.check()
            answer = self.target.deliver(batch)
            _check_answer(answer, len(batch.records), state.id)
            answer = self._discreet(answer, batch.records)
        except (OutcomeUnknown, Tampered, ProtocolViolation):
            # an answer that is forged, cannot be read or does not add up says nothing about what was taken
            self.bus.audit("push", f"delivery {state.id}: outcome unknown, the target will be asked")
            self._note(state, replace(found, unknown=found.unknown | frozenset(lines)))
            raise
        except LienThongError:
            self.journal.withdrawn(state.id, lease=self.lease)
            raise
        return answer

    def _discreet(self, answer: Answer, records: Sequence[bytes]) -> Answer:
        """Return an answer whose reasons hold nothing that the ledger may not."""
        refused = {line: self.discretion.reason(why, records[line]) for line, why in answer.refused.items()}
        return replace(answer, refused=refused) if refused else answer

    def _record(self, state: DeliveryState, answer: Answer) -> DeliveryState:
        if answer.unknown:
            self.doubts[state.id] = answer.ask_after
        now, open_lines = self._note(state, answer)
        self.bus.audit(
            "push",
            f"delivery {state.id}: {now.acknowledged} acknowledged, {len(answer.refused)} refused"
            + (f", {len(open_lines)} unknown" if open_lines else ""),
        )
        return now

    def _note(self, state: DeliveryState, answer: Answer) -> tuple[DeliveryState, list[int]]:
        """Write an answer into the journal; return the delivery and the lines whose fate is open."""
        open_lines = sorted((answer.unknown | answer.absent) - answer.refused.keys())
        sent = answer.total - len(state.unsent)
        refused_all = sent > 0 and len(answer.refused) == sent
        noted = self.journal.answered(
            state.id,
            "unknown" if open_lines else "refused" if refused_all else "acknowledged",
            total=answer.total,
            refused=dict(answer.refused),
            unknown=open_lines,
            receipts=[receipt.as_dict() for receipt in answer.receipts],
            lease=self.lease,
        )
        return noted, open_lines

    def _batch(self, batch_id: str, records: Sequence[bytes]) -> Batch:
        return Batch(batch_id, records, self.key, self.dataset)


def denied(bus: Bus, target: RecordTarget, dataset: Dataset, state: DeliveryState) -> int:
    """Ask about a delivery that has been answered; return how many of its records the target denies."""
    records = bus.store.read(state.segment)
    answer = target.lookup(Batch(state.id, records, dataset.key, dataset.ref, _given(state)))
    _check_answer(answer, len(records), state.id)
    return len(answer.absent - state.unsent - state.refused.keys())


def _check_answer(answer: Answer, sent: int, delivery: str) -> None:
    """Raise unless an answer speaks of exactly the records that it was asked about."""
    lines = [*answer.refused, *answer.absent, *answer.unknown]
    if answer.total == sent and len(set(lines)) == len(lines) and all(0 <= line < sent for line in lines):
        return
    raise ProtocolViolation(
        f"the connector answered for {answer.total} records with {len(lines)} verdicts, {sent} were sent",
        where=f"delivery {delivery}",
        hint="the connector is defective: every record needs exactly one verdict; the target will be asked",
    )


def _rest_id(whole: str, rest: Sequence[bytes]) -> str:
    leaves = b"".join(leaf_hash(data) for data in rest)
    return sha256(whole.encode() + leaves)


def _doubtful(state: DeliveryState) -> frozenset[int]:
    """Return the lines whose fate is open: all that were sent where nothing has been answered."""
    return frozenset(state.unknown or range(state.segment.count)) - state.unsent


def _settled(answer: Answer, state: DeliveryState) -> Answer:
    """Return an answer about a delivery in which the lines that were settled before stay as they were."""
    open_ = _doubtful(state)
    refused = {line: why for line, why in state.refused.items() if line not in open_}
    refused |= {line: why for line, why in answer.refused.items() if line in open_}
    return replace(answer, refused=refused, absent=answer.absent & open_, unknown=answer.unknown & open_)


def _given(state: DeliveryState) -> tuple[Receipt, ...]:
    """Return the target's own receipts so far; those without a digest are a person's word."""
    return tuple(Receipt.from_dict(item) for item in state.receipts if item.get("digest"))


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((wait for wait in (one, other) if wait is not None), default=None)
