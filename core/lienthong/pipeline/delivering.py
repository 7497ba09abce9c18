"""One segment towards one target: sent once, and never repeated blindly."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from lienthong.connector import Answer, Batch, RecordTarget
from lienthong.errors import LienThongError, OutcomeUnknown, Tampered
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

    ``known`` holds leaf hashes of records which an earlier, unsettled run has already delivered.
    """

    bus: Bus
    target: RecordTarget
    key: tuple[str, ...]
    dataset: str
    known: set[bytes] = field(default_factory=set)

    @property
    def journal(self) -> Journal:
        """The journal that remembers every delivery."""
        return self.bus.journal

    def deliver(self, state: DeliveryState) -> DeliveryState:
        """Bring a delivery to an end, or raise `OutcomeUnknown` where the target cannot tell yet."""
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
        """Settle an earlier run's delivery and remember which of its records were taken."""
        records = self.bus.store.read(state.segment)
        if state.state in ("sent", "unknown"):
            state = self._record(state, self._ask(state, records))
        if state.state in ("acknowledged", "unknown"):
            refused = set(state.refused) | set(state.unknown)
            self.known.update(leaf_hash(data) for line, data in enumerate(records) if line not in refused)

    def _send_new(self, state: DeliveryState, records: Sequence[bytes]) -> Answer:
        """Send what no earlier run has delivered."""
        if not self.known:
            return self._send(state, self._batch(state.id, records))
        fresh = [line for line, data in enumerate(records) if leaf_hash(data) not in self.known]
        if len(fresh) == len(records):
            return self._send(state, self._batch(state.id, records))
        self.bus.audit(
            "push",
            f"delivery {state.id}: {len(records) - len(fresh)} records were delivered by an earlier run",
        )
        return self._send_lines(state, records, fresh, Answer(len(records)))

    def _resolve(self, state: DeliveryState, records: Sequence[bytes]) -> Answer:
        """Find out what became of a request without an answer, and send only what was not taken."""
        if self.target.capabilities.lookup:
            found = self._ask(state, records)
            return self._send_lines(state, records, sorted(found.absent), found)
        if self.target.capabilities.repeatable:
            self.bus.audit("push", f"delivery {state.id}: outcome unknown, repeated under the same key")
            return self._send(state, self._batch(state.id, records))
        raise OutcomeUnknown(
            "the target can neither be asked nor be sent the same again",
            where=f"delivery {state.id}",
            hint="ask the agency, then tell us with `lienthong delivery resolve`",
        )

    def _ask(self, state: DeliveryState, records: Sequence[bytes]) -> Answer:
        if not self.target.capabilities.lookup:
            everything = frozenset(range(len(records)))
            return Answer(len(records), unknown=everything)
        found = self.target.lookup(self._batch(state.id, records))
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
        answer = self._send(state, self._batch(state.id if whole else _rest_id(state.id, rest), rest))
        return Answer(
            len(records),
            refused={**found.refused, **{lines[line]: why for line, why in answer.refused.items()}},
            unknown=found.unknown | {lines[line] for line in answer.unknown},
            receipts=(*found.receipts, *answer.receipts),
        )

    def _send(self, state: DeliveryState, batch: Batch) -> Answer:
        """Send a batch: the intent is on disk before the request leaves."""
        self.journal.sent(state.id)
        try:
            answer = self.target.deliver(batch)
        except (OutcomeUnknown, Tampered):  # a forged answer says nothing about what was taken
            self._unknown(state, range(state.segment.count))
            raise
        except LienThongError:
            self.journal.withdrawn(state.id)
            raise
        return answer

    def _unknown(self, state: DeliveryState, lines: Collection[int]) -> None:
        self.bus.audit("push", f"delivery {state.id}: outcome unknown, the target will be asked")
        self.journal.answered(
            state.id, "unknown", total=state.segment.count, refused={}, unknown=list(lines), receipts=[]
        )

    def _record(self, state: DeliveryState, answer: Answer) -> DeliveryState:
        open_lines = answer.unknown | answer.absent
        refused_all = answer.total > 0 and len(answer.refused) == answer.total
        outcome = "unknown" if open_lines else "refused" if refused_all else "acknowledged"
        self.journal.answered(
            state.id,
            outcome,
            total=answer.total,
            refused=dict(answer.refused),
            unknown=sorted(open_lines),
            receipts=[receipt.as_dict() for receipt in answer.receipts],
        )
        self.bus.audit(
            "push",
            f"delivery {state.id}: {answer.acknowledged} acknowledged, {len(answer.refused)} refused"
            + (f", {len(open_lines)} unknown" if open_lines else ""),
        )
        return self.journal.delivery(state.id)

    def _batch(self, batch_id: str, records: Sequence[bytes]) -> Batch:
        return Batch(batch_id, records, self.key, self.dataset)


def _rest_id(whole: str, rest: Sequence[bytes]) -> str:
    leaves = b"".join(leaf_hash(data) for data in rest)
    return sha256(whole.encode() + leaves)
