"""Targets that accept now and work later, waited for as push does, so that one suite fits all targets."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from lienthong.connector import Answer, Batch, Receipt, RecordTarget
from lienthong.errors import LienThongError, OutcomeUnknown
from lienthong.testing.base import must

_LONGEST = 60.0


class Patient:
    """A target whose deliveries and look-ups wait until it is no longer at work.

    Waits are cut to ``pause`` seconds each, and to a minute in all. What fails while waiting leaves the
    outcome unknown, as it does in the journal.
    """

    def __init__(self, target: RecordTarget, pause: float) -> None:
        self._target, self._pause = target, pause
        self._given: dict[str, tuple[Receipt, ...]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def __repr__(self) -> str:
        return repr(self._target)

    def deliver(self, batch: Batch) -> Answer:
        """Deliver, then ask until there is an outcome."""
        return self._waited(batch, self._target.deliver(batch))

    def lookup(self, batch: Batch) -> Answer:
        """Ask with the receipts that this target gave, until there is an outcome."""
        return self._waited(batch, self._ask(batch))

    def _ask(self, batch: Batch) -> Answer:
        given = (*batch.receipts, *self._given.get(batch.id, ()))
        return self._target.lookup(replace(batch, receipts=given))

    def _asked_while_waiting(self, batch: Batch) -> Answer:
        try:
            return self._ask(batch)
        except LienThongError as error:
            raise OutcomeUnknown(f"the question failed: {error.message}", where=error.where) from error

    def _waited(self, batch: Batch, answer: Answer) -> Answer:
        ends, receipts = time.monotonic() + _LONGEST, answer.receipts
        while answer.ask_after is not None:
            must(answer.unknown, "an answer with ask_after leaves no record unknown")
            must(self._target.capabilities.lookup, "an answer with ask_after, but no lookup to ask with")
            must(time.monotonic() < ends, f"the target is still at work after {_LONGEST:.0f} s")
            self._given[batch.id] = receipts
            time.sleep(min(answer.ask_after, self._pause))
            answer = self._asked_while_waiting(batch)
            receipts = (*receipts, *answer.receipts)
        return replace(answer, receipts=receipts)
