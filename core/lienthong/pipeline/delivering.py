"""One segment towards one target: sent once, and never repeated blindly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lienthong.connector import Answer, Batch, Receipt, RecordTarget
from lienthong.errors import LienThongError, OutcomeUnknown, Permanent, Tampered
from lienthong.ledger import DeliveryState, Journal
from lienthong.merkle import leaf_hash
from lienthong.pipeline.bus import Bus
from lienthong.records import sha256
from lienthong.segment import Segment

_DONE = ("acknowledged", "refused")


def delivery_id(exchange: str, target: str, epoch: str, segment: Segment, copy: int = 0) -> str:
    """Return the idempotency key of a segment's delivery (64 hexadecimal digits).

    It depends on content only: the exchange, the target, the records (by their Merkle root, so
    that compression does not matter) and the epoch, which is the last settled run. A run that
    died is followed by one with the same keys; once a run has settled, the same content may be
    delivered again (a value that changed and changed back). ``copy`` tells segments with the very
    same records in one run apart.
    """
    parts = [exchange, target, epoch, segment.root, *([str(copy)] if copy else [])]
    return sha256("\n".join(parts).encode())


@dataclass
class Delivering:
    """The deliveries of one part of a run towards an open target.

    ``known`` holds leaf hashes of records which an earlier, unsettled run has already delivered;
    ``doubts`` the deliveries of which the target cannot tell yet, each with the seconds after which
    it wants to be asked again, None where it is not at work on them.
    """

    bus: Bus
    target: RecordTarget
    key: tuple[str, ...]
    dataset: str
    known: set[bytes] = field(default_factory=set)
    doubts: dict[str, float | None] = field(default_factory=dict)

    @property
    def journal(self) -> Journal:
        """The journal that remembers every delivery."""
        return self.bus.journal

    def deliver(self, state: DeliveryState) -> DeliveryState:
        """Bring a delivery to an end, or note a doubt where the target cannot tell yet.

        Raises `OutcomeUnknown` where an answer was lost, or where the target cannot be asked.
        """
        if state.state in _DONE:
            self.bus.audit("push", f"delivery {state.id}: {state.state} before, not sent again")
            return state
        records = self.bus.store.read(state.segment)
        if state.state in ("sent", "unknown"):
            answer = self._resolve(state, records)
        else:
            answer = self._send_new(state, records)
        return self._record(state, answer)

    def settle_outstanding(self, state: DeliveryState) -> None:
        """Settle an earlier run's delivery and remember which of its records were taken.

        Where that cannot be told yet a doubt is noted: its records must not be sent under new keys.
        """
        records = self.bus.store.read(state.segment)
        if state.state in ("sent", "unknown"):
            state = self._settled_by_anyone(state, records)
        if state.state in ("acknowledged", "unknown"):
            refused = set(state.refused) | set(state.unknown)
            self.known.update(leaf_hash(data) for line, data in enumerate(records) if line not in refused)

    def _settled_by_anyone(self, state: DeliveryState, records: Sequence[bytes]) -> DeliveryState:
        """Settle an earlier run's delivery, or see that another part of this run was faster."""
        try:
            return self._record(state, self._ask_or_repeat(state, records))
        except Permanent:
            found = self.journal.delivery(state.id)
            if found.state not in _DONE:
                raise
            self.doubts.pop(state.id, None)
            return found

    def _send_new(self, state: DeliveryState, records: Sequence[bytes]) -> Answer:
        """Send what no earlier run has delivered."""
        fresh = [
            line for line, data in enumerate(records) if not self.known or leaf_hash(data) not in self.known
        ]
        if len(fresh) < len(records):
            self.bus.audit(
                "push",
                f"delivery {state.id}: {len(records) - len(fresh)} records were delivered by an earlier run",
            )
        return self._send_lines(state, records, fresh, Answer(len(records)))

    def _resolve(self, state: DeliveryState, records: Sequence[bytes]) -> Answer:
        """Find out what became of a request without an answer, and send only what was not taken."""
        found = self._ask_or_repeat(state, records)
        return self._send_lines(state, records, sorted(found.absent), found)

    def _ask_or_repeat(self, state: DeliveryState, records: Sequence[bytes]) -> Answer:
        """Ask the target; where it knows nothing or cannot be asked, repeat if that is declared safe."""
        can = self.target.capabilities
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

    def _ask(self, state: DeliveryState, records: Sequence[bytes]) -> Answer:
        batch = replace(self._batch(state.id, records), receipts=_given(state))
        found = _settled(self.target.lookup(batch), state)
        self.bus.audit(
            "push",
            f"delivery {state.id}: asked the target, {found.acknowledged} taken, "
            f"{len(found.absent)} absent, {len(found.unknown)} still unknown",
        )
        return found

    def _send_lines(
        self, state: DeliveryState, records: Sequence[bytes], lines: Sequence[int], found: Answer
    ) -> Answer:
        """Send some lines of a segment and merge the answer into what is known of the rest."""
        if not lines:
            return found
        rest = [records[line] for line in lines]
        whole = len(rest) == len(records)
        batch = self._batch(state.id, rest)
        if not whole:
            batch = replace(batch, id=_rest_id(state.id, rest), rest_of=state.id)
        answer = self._send(state, batch, lines, found)
        return Answer(
            len(records),
            refused={**found.refused, **{lines[line]: why for line, why in answer.refused.items()}},
            unknown=found.unknown | {lines[line] for line in answer.unknown},
            receipts=(
                *found.receipts,
                *(one if whole else one.within(lines) for one in answer.receipts),
            ),
            ask_after=_sooner(found.ask_after, answer.ask_after),
        )

    def _send(self, state: DeliveryState, batch: Batch, lines: Sequence[int], found: Answer) -> Answer:
        """Send some lines of a delivery, the intent of which is on disk before the request leaves.

        ``found`` is what is known of all other lines, which an answer that is lost does not put in doubt.
        """
        self.journal.sent(state.id)
        try:
            answer = self.target.deliver(batch)
        except (OutcomeUnknown, Tampered):  # a forged answer says nothing about what was taken
            self.bus.audit("push", f"delivery {state.id}: outcome unknown, the target will be asked")
            self._note(state, replace(found, unknown=found.unknown | frozenset(lines)))
            raise
        except LienThongError:
            self.journal.withdrawn(state.id)
            raise
        return answer

    def _record(self, state: DeliveryState, answer: Answer) -> DeliveryState:
        if answer.unknown:
            self.doubts[state.id] = answer.ask_after
        open_lines = self._note(state, answer)
        self.bus.audit(
            "push",
            f"delivery {state.id}: {answer.acknowledged} acknowledged, {len(answer.refused)} refused"
            + (f", {len(open_lines)} unknown" if open_lines else ""),
        )
        return self.journal.delivery(state.id)

    def _note(self, state: DeliveryState, answer: Answer) -> list[int]:
        """Write an answer into the journal and return the lines whose fate is open."""
        open_lines = sorted((answer.unknown | answer.absent) - answer.refused.keys())
        refused_all = answer.total > 0 and len(answer.refused) == answer.total
        self.journal.answered(
            state.id,
            "unknown" if open_lines else "refused" if refused_all else "acknowledged",
            total=answer.total,
            refused=dict(answer.refused),
            unknown=open_lines,
            receipts=[receipt.as_dict() for receipt in answer.receipts],
        )
        return open_lines

    def _batch(self, batch_id: str, records: Sequence[bytes]) -> Batch:
        return Batch(batch_id, records, self.key, self.dataset)


def _rest_id(whole: str, rest: Sequence[bytes]) -> str:
    leaves = b"".join(leaf_hash(data) for data in rest)
    return sha256(whole.encode() + leaves)


def _doubtful(state: DeliveryState) -> frozenset[int]:
    """Return the lines whose fate is open: all of them where nothing has been answered."""
    return frozenset(state.unknown or range(state.segment.count))


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
