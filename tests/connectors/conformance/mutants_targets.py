"""Broken targets. Each says, in ``caught_by``, which test of the suite must fail on it."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any, ClassVar

import memory_connector as memory
import memory_suite as suite
import pytest

from lienthong.connector import Answer, Batch, Receipt, TargetCapabilities
from lienthong.errors import OutcomeUnknown, Reason, Unavailable


class TargetMutant(suite.TestTarget):
    __test__ = False
    caught_by: ClassVar[str]
    _Open: ClassVar[type]

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    @pytest.fixture
    def settings(self) -> Any:
        return memory.made_of(memory.MemoryTarget, self._Open)


class TestSwallowsRefusals(TargetMutant):
    caught_by = "test_refuses_exactly_the_bad_ones"

    class _Open(memory.OpenTarget):
        def deliver(self, batch: Batch) -> Answer:
            return replace(super().deliver(batch), refused={})


class TestRefusesTheNeighbour(TargetMutant):
    caught_by = "test_refuses_exactly_the_bad_ones"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            answer = super().take(system, batch)
            return replace(answer, refused={number + 1: reason for number, reason in answer.refused.items()})


class TestOnlyOneLanguage(TargetMutant):
    caught_by = "test_refuses_exactly_the_bad_ones"

    class _Open(memory.OpenTarget):
        def reason(self, record: dict[str, Any]) -> Reason:
            return replace(super().reason(record), vi=" ")


class TestValueInTheReason(TargetMutant):
    caught_by = "test_refuses_exactly_the_bad_ones"

    class _Open(memory.OpenTarget):
        def reason(self, record: dict[str, Any]) -> Reason:
            return replace(super().reason(record), en=f"{record['name']} is not accepted")


class TestForgetsTheRefusedInLookup(TargetMutant):
    caught_by = "test_refuses_exactly_the_bad_ones"

    class _Open(memory.OpenTarget):
        def lookup(self, batch: Batch) -> Answer:
            return replace(super().lookup(batch), refused={})


class TestLosesARecord(TargetMutant):
    caught_by = "test_delivers_and_reads_back"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            super().take(system, replace(batch, records=batch.records[:-1]))
            return Answer(len(batch.records), receipts=(self.receipt(batch),))


class TestCountsTooFew(TargetMutant):
    caught_by = "test_delivers_and_reads_back"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            return replace(super().take(system, batch), total=max(0, len(batch.records) - 1))


class TestDoubleEffectOnRepeat(TargetMutant):
    caught_by = "test_repeat_has_no_second_effect"

    class _Open(memory.OpenTarget):
        def deliver(self, batch: Batch) -> Answer:
            system = memory.system_of(self.connection)
            again = batch.id in system.taken
            answer = super().deliver(batch)
            if again:
                system.rows.update({f"{key}-2": row for key, row in list(system.rows.items())})
            return answer


class TestRepeatIsAnError(TargetMutant):
    caught_by = "test_repeat_has_no_second_effect"

    class _Open(memory.OpenTarget):
        def deliver(self, batch: Batch) -> Answer:
            if batch.id in memory.system_of(self.connection).taken:
                raise OutcomeUnknown("seen before")
            return super().deliver(batch)


class TestLookupSaysYesToAll(TargetMutant):
    caught_by = "test_lookup_knows_before_and_after"

    class _Open(memory.OpenTarget):
        def lookup(self, batch: Batch) -> Answer:
            return Answer(len(batch.records))


class TestLookupSaysNoToAll(TargetMutant):
    caught_by = "test_lookup_knows_before_and_after"

    class _Open(memory.OpenTarget):
        def lookup(self, batch: Batch) -> Answer:
            return Answer(len(batch.records), absent=frozenset(range(len(batch.records))))


class TestCutLooksLikeAnOutage(TargetMutant):
    caught_by = "test_a_cut_is_resolved_to_one_effect[cut-after-taken]"

    class _Open(memory.OpenTarget):
        def deliver(self, batch: Batch) -> Answer:
            try:
                return super().deliver(batch)
            except OutcomeUnknown:
                raise Unavailable("the connection broke") from None


class TestCutLooksLikeSuccess(TargetMutant):
    caught_by = "test_a_cut_is_resolved_to_one_effect[cut-after-taken]"

    class _Open(memory.OpenTarget):
        def deliver(self, batch: Batch) -> Answer:
            try:
                return super().deliver(batch)
            except OutcomeUnknown:
                return Answer(len(batch.records))


class TestNormalisesTexts(TargetMutant):
    caught_by = "test_texts_arrive_unchanged"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            data = [unicodedata.normalize("NFC", data.decode()).encode() for data in batch.records]
            return super().take(system, replace(batch, records=data))


class TestEmptyTextBecomesNull(TargetMutant):
    caught_by = "test_texts_arrive_unchanged"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            answer = super().take(system, batch)
            for row in system.rows.values():
                row["name"] = row["name"] or None
            return answer


class TestFirstOfEqualKeysWins(TargetMutant):
    caught_by = "test_last_of_equal_keys_wins"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            answer = super().take(system, replace(batch, records=batch.records[::-1]))
            last = len(batch.records) - 1
            return replace(answer, refused={last - number: r for number, r in answer.refused.items()})


class TestNeverReplaces(TargetMutant):
    caught_by = "test_a_later_batch_replaces"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            before = dict(system.rows)
            answer = super().take(system, batch)
            system.rows.update(before)
            return answer


class TestCutsOffAtItsLimit(TargetMutant):
    caught_by = "test_more_than_the_most_is_not_lost_silently"

    class _Open(memory.OpenTarget):
        capabilities = TargetCapabilities(repeatable=True, lookup=True, max_batch=10)

        def take(self, system: memory.System, batch: Batch) -> Answer:
            super().take(system, replace(batch, records=batch.records[:10]))
            return Answer(len(batch.records), receipts=(self.receipt(batch),))


class TestEmptyBatchFails(TargetMutant):
    caught_by = "test_empty_batch_has_no_effect"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            return replace(super().take(system, batch), total=max(1, len(batch.records)))


class TestNoReceipt(TargetMutant):
    caught_by = "test_receipts_prove_without_payload"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            return replace(super().take(system, batch), receipts=())


class TestPayloadInTheReceipt(TargetMutant):
    caught_by = "test_receipts_prove_without_payload"

    class _Open(memory.OpenTarget):
        def receipt(self, batch: Batch) -> Receipt:
            return replace(super().receipt(batch), reference=batch.objects()[0]["name"])


class TestReceiptWithoutZone(TargetMutant):
    caught_by = "test_receipts_prove_without_payload"

    class _Open(memory.OpenTarget):
        def receipt(self, batch: Batch) -> Receipt:
            return replace(super().receipt(batch), at="2026-03-01T08:00:00")


class TestOnlyTheFirstBatch(TargetMutant):
    caught_by = "test_batches_follow_each_other"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            if system.taken:
                return Answer(len(batch.records), receipts=(self.receipt(batch),))
            return super().take(system, batch)


class TestAtWorkOnWhatIsTaken(TargetMutant):
    caught_by = "test_delivers_and_reads_back"

    class _Open(memory.OpenTarget):
        def take(self, system: memory.System, batch: Batch) -> Answer:
            return replace(super().take(system, batch), ask_after=1.0)


class TestAtWorkAndNeverToBeAsked(TargetMutant):
    caught_by = "test_delivers_and_reads_back"

    class _Open(memory.OpenTarget):
        capabilities = TargetCapabilities(repeatable=True)

        def take(self, system: memory.System, batch: Batch) -> Answer:
            everything = frozenset(range(len(batch.records)))
            return replace(super().take(system, batch), unknown=everything, refused={}, ask_after=1.0)
