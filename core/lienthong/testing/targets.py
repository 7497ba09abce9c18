"""The conformance suite for targets."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

import pytest

from lienthong.connector import Answer, Batch, Connection, Context, RecordTarget
from lienthong.errors import LienThongError, OutcomeUnknown, Transient
from lienthong.paths import names, put
from lienthong.records import Record, canonical, key_of, sha256
from lienthong.testing.base import must
from lienthong.testing.common import DELIVERY_FAULTS, FAULTS, Conformance, Fault
from lienthong.testing.later import Patient

#: Texts that careless targets change.
TEXTS = (
    "Nguyễn Thị Ước, thôn Kỳ Đà, xã Ea Knốp",
    "Nguye\u0302\u0303n (decomposed)",
    "𠀋 chữ Nôm và 🏛",
    "",
    " đầu và cuối ",
    "dấu nháy \" và ' và \\ và \\N và \\.",
    "xuống\ndòng\tvà\rtab",
    "NULL",
    '{"not": ["json"]}',
    "<tag>&amp;</tag> %s ? :x ${y}",
)


class TargetConformance(Conformance):
    """Inherited tests for a target, which must be empty when a test begins.

    Give fixtures ``settings``, ``connection``, ``records`` (at least a dozen good ones with
    different keys), ``stored`` (a function that returns what is in the system now, in any order)
    and, where you can, ``refusable`` (records, and the indices the system refuses) and ``faults``.
    Set ``key``, and ``text`` to the path of a free-text member.
    """

    ends_in = DELIVERY_FAULTS
    #: The dataset's key fields.
    key: ClassVar[tuple[str, ...]] = ("id",)
    #: Path of a member that takes any text; None skips the tests that write texts.
    text: ClassVar[str | None] = None
    #: How long a text that member takes.
    text_limit: ClassVar[int] = 20_000
    #: True where that member may be null.
    nullable: ClassVar[bool] = True
    #: True where a record replaces the one with the same key.
    upserts: ClassVar[bool] = True
    #: Most seconds between two questions to a target that works later.
    pause: ClassVar[float] = 1.0

    @pytest.fixture
    def records(self) -> list[Record]:
        """Good records with different keys."""
        pytest.fail("give a fixture 'records'")

    @pytest.fixture
    def stored(self) -> Callable[[], list[Record]]:
        """What is in the system now."""
        pytest.fail("give a fixture 'stored', a function that returns what is in the system")

    @pytest.fixture
    def refusable(self) -> tuple[list[Record], set[int]] | None:
        """Records of which the system refuses some, and their indices; None where it cannot be caused."""
        return None

    @pytest.fixture
    def ordinary(self, records: list[Record]) -> list[Any]:
        """See `Conformance`."""
        return list(records)

    def open(self, settings: Any, connection: Connection, context: Context) -> RecordTarget:
        """Open the target; one that works later is waited for."""
        return Patient(settings.open_target(connection, context), self.pause)

    def use(self, opened: RecordTarget, records: list[Any]) -> None:
        """Deliver the records."""
        opened.deliver(self.batch(records))

    def batch(self, records: list[Record], name: str = "") -> Batch:
        """Make a batch; its id depends on the records and the name."""
        data = [canonical(record) for record in records]
        return Batch(sha256(b"\n".join([name.encode(), *data])), data, self.key, "conformance/1")

    def seen(self, record: Record) -> Record:
        """Return how the system is expected to hold a record; override where it holds less."""
        return record

    # --- delivering

    def test_delivers_and_reads_back(
        self,
        settings: Any,
        connection: Connection,
        lent: Context,
        records: list[Record],
        stored: Callable[[], list[Record]],
    ) -> None:
        """What is acknowledged is in the system, unchanged."""
        must(len(records) >= 12, "give at least a dozen records")
        answer = self._deliver(settings, connection, lent, self.batch(records))
        must(answer.total == len(records), f"answer.total is {answer.total} for {len(records)} records")
        must(answer.acknowledged == len(records), f"{answer.acknowledged} of {len(records)} acknowledged")
        self._holds(stored, records)

    def test_batches_follow_each_other(
        self,
        settings: Any,
        connection: Connection,
        lent: Context,
        records: list[Record],
        stored: Callable[[], list[Record]],
    ) -> None:
        """Several batches through one open target all arrive."""
        with self._opened(settings, connection, lent) as target:
            for start in range(0, len(records), 5):
                target.deliver(self.batch(records[start : start + 5]))
        self._holds(stored, records)

    def test_empty_batch_has_no_effect(
        self, settings: Any, connection: Connection, lent: Context, stored: Callable[[], list[Record]]
    ) -> None:
        """Nothing in, nothing out, no error."""
        answer = self._deliver(settings, connection, lent, self.batch([]))
        must(answer.total == 0 and answer.acknowledged == 0, "an empty batch acknowledges something")
        self._holds(stored, [])

    def test_texts_arrive_unchanged(
        self,
        settings: Any,
        connection: Connection,
        lent: Context,
        records: list[Record],
        stored: Callable[[], list[Record]],
    ) -> None:
        """Unicode, normalisation, empty, long and null values, escapes: nothing is altered."""
        if self.text is None:
            pytest.skip("'text' is not set")
        values: list[str | None] = [*TEXTS, "ệ" * self.text_limit]
        values += [None] if self.nullable else []
        must(len(records) >= len(values), f"give at least {len(values)} records")
        sent = [_with(record, self.text, value) for record, value in zip(records, values, strict=False)]
        answer = self._deliver(settings, connection, lent, self.batch(sent))
        must(answer.acknowledged == len(sent), f"{answer.acknowledged} of {len(sent)} texts acknowledged")
        self._holds(stored, sent)

    def test_last_of_equal_keys_wins(
        self,
        settings: Any,
        connection: Connection,
        lent: Context,
        records: list[Record],
        stored: Callable[[], list[Record]],
    ) -> None:
        """Of records with one key in one batch, the last one is what the system holds."""
        if not self.upserts or self.text is None:
            pytest.skip("the target does not replace records, or 'text' is not set")
        first, second, *_ = records
        newer = _with(first, self.text, "mới hơn")
        self._deliver(settings, connection, lent, self.batch([first, second, newer]))
        self._holds(stored, [newer, second])

    def test_a_later_batch_replaces(
        self,
        settings: Any,
        connection: Connection,
        lent: Context,
        records: list[Record],
        stored: Callable[[], list[Record]],
    ) -> None:
        """A record that comes again with another text replaces the earlier one."""
        if not self.upserts or self.text is None:
            pytest.skip("the target does not replace records, or 'text' is not set")
        newer = [_with(record, self.text, "mới hơn") for record in records]
        self._deliver(settings, connection, lent, self.batch(records))
        self._deliver(settings, connection, lent, self.batch(newer))
        self._holds(stored, newer)

    def test_more_than_the_most_is_not_lost_silently(
        self,
        settings: Any,
        connection: Connection,
        lent: Context,
        records: list[Record],
        stored: Callable[[], list[Record]],
    ) -> None:
        """A batch above ``max_batch`` is taken whole or refused whole with an error."""
        with self._opened(settings, connection, lent) as target:
            most = target.capabilities.max_batch
            if not most or most >= len(records):
                pytest.skip("no limit that these records exceed")
            try:
                answer = target.deliver(self.batch(records))
            except LienThongError:
                return
        self._holds(
            stored, records if answer.acknowledged == len(records) else records[: answer.acknowledged]
        )

    # --- once

    def test_repeat_has_no_second_effect(
        self,
        settings: Any,
        connection: Connection,
        lent: Context,
        records: list[Record],
        stored: Callable[[], list[Record]],
    ) -> None:
        """The same batch with the same id, sent again by another worker, changes nothing."""
        batch = self.batch(records)
        with self._opened(settings, connection, lent) as target:
            target.deliver(batch)
            if not target.capabilities.repeatable:
                pytest.skip("the target does not claim to be repeatable")
            again = target.deliver(batch)
        later = self._deliver(settings, connection, lent, batch)
        for answer in (again, later):
            must(answer.acknowledged == len(records), "a repeat is not acknowledged like the first time")
        self._holds(stored, records)

    def test_lookup_knows_before_and_after(
        self, settings: Any, connection: Connection, lent: Context, records: list[Record]
    ) -> None:
        """A batch that never came is absent; one that was taken is acknowledged."""
        batch, other = self.batch(records[:6]), self.batch(records[6:])
        with self._opened(settings, connection, lent) as target:
            if not target.capabilities.lookup:
                pytest.skip("the target does not claim to answer look-ups")
            before = target.lookup(batch)
            if before.unknown == frozenset(range(6)):
                pytest.skip("the target answers only with the receipts that it gave")
            target.deliver(batch)
            after, never = target.lookup(batch), target.lookup(other)
        for answer, wanted in ((before, 6), (never, len(records) - 6)):
            must(answer.absent == frozenset(range(wanted)), "a batch that never came is not reported absent")
        must(after.total == 6 and after.acknowledged == 6, "a batch that was taken is not acknowledged")

    @pytest.mark.parametrize("cut", ["cut-after-taken", "cut-before-taken"])
    def test_a_cut_is_resolved_to_one_effect(
        self,
        cut: str,
        settings: Any,
        connection: Connection,
        lent: Context,
        records: list[Record],
        stored: Callable[[], list[Record]],
        faults: Mapping[str, Fault],
    ) -> None:
        """After a connection cut in mid-delivery, asking or repeating ends in exactly one effect."""
        with self._broken(faults, cut) as broken:
            error = self._raised(settings, broken, lent, records)
        wanted = OutcomeUnknown if cut == "cut-after-taken" else Transient
        must(isinstance(error, wanted), f"{cut}: {wanted.__name__} expected, got {type(error).__name__}")
        with self._opened(settings, connection, lent) as target:
            self._resolve(target, records, unknown=isinstance(error, OutcomeUnknown))
        self._holds(stored, records)

    def _resolve(self, target: RecordTarget, records: list[Record], *, unknown: bool) -> None:
        """Do what the push step does with a delivery of unknown outcome: send only what is absent."""
        batch = self.batch(records)
        if unknown and target.capabilities.lookup:
            answer = target.lookup(batch)
            if answer.unknown and target.capabilities.repeatable:
                answer = target.deliver(batch)
            must(not answer.unknown, "lookup() still does not know what became of the batch")
            if len(answer.absent) == len(records):
                target.deliver(batch)
            elif answer.absent:
                target.deliver(self.batch([records[number] for number in sorted(answer.absent)], "rest"))
        elif unknown and not target.capabilities.repeatable:
            pytest.skip("the target claims neither lookup nor repeatable: a person must decide")
        else:
            target.deliver(batch)

    # --- failing

    @pytest.mark.parametrize("name", FAULTS)
    def test_fault_ends_in_its_error(
        self,
        name: str,
        settings: Any,
        faults: Mapping[str, Fault],
        lent: Context,
        ordinary: list[Any],
        stored: Callable[[], list[Record]],
    ) -> None:
        """Trouble ends in its error, and only `OutcomeUnknown` leaves open whether anything was taken."""
        error = self._failed(name, settings, faults, lent, ordinary)
        if not isinstance(error, OutcomeUnknown):
            must(not stored(), f"{name}: {type(error).__name__} although the system took records")

    # --- refusing

    def test_refuses_exactly_the_bad_ones(
        self,
        settings: Any,
        connection: Connection,
        lent: Context,
        stored: Callable[[], list[Record]],
        refusable: tuple[list[Record], set[int]] | None,
    ) -> None:
        """Bad records are named by index with a reason, the others are taken; a look-up agrees.

        A system that does not remember what it refused calls it absent: that is agreement, too.
        """
        if refusable is None:
            pytest.skip("no 'refusable' records given")
        records, bad = refusable
        batch = self.batch(records, "refusable")
        with self._opened(settings, connection, lent) as target:
            answers = [target.deliver(batch)]
            answers += [target.lookup(batch)] if target.capabilities.lookup else []
        for asked, answer in enumerate(answers):
            named = {*answer.refused, *(answer.absent if asked else ())}
            must(named == bad, f"refused {sorted(named)} instead of {sorted(bad)}")
            must(answer.acknowledged == len(records) - len(bad), "the good ones are not all acknowledged")
            self._check_reasons(answer, records)
        self._holds(stored, [record for number, record in enumerate(records) if number not in bad])

    def _check_reasons(self, answer: Answer, records: list[Record]) -> None:
        for number, reason in answer.refused.items():
            must(reason.rule, "a reason has no rule")
            must(reason.vi.strip() and reason.en.strip(), "a reason lacks one of its two languages")
            text = f"{reason.rule} {reason.vi} {reason.en}"
            for path, value in self._private([records[number]]):
                must(value not in text, f"a reason shows the value of {path!r}")

    # --- receipts

    def test_receipts_prove_without_payload(
        self, settings: Any, connection: Connection, lent: Context, records: list[Record]
    ) -> None:
        """Each delivery has a receipt with status, digest and time, and nothing of the records."""
        answer = self._deliver(settings, connection, lent, self.batch(records))
        must(answer.receipts, "an acknowledged delivery has no receipt")
        for receipt in answer.receipts:
            must(receipt.status, "a receipt has no status")
            must(re.fullmatch(r"[0-9a-f]{64}", receipt.digest), "a receipt's digest is no SHA-256 in hex")
            must(_is_time(receipt.at), f"a receipt's time {receipt.at!r} is not RFC 3339")
            text = f"{receipt.status} {receipt.reference} {receipt.signed_by}"
            self._hold_no_secret(text, connection, "a receipt")
            for path, value in self._private(records):
                must(value not in text, f"a receipt shows the value of {path!r}")

    def _deliver(self, settings: Any, connection: Connection, context: Context, batch: Batch) -> Answer:
        with self._opened(settings, connection, context) as target:
            answer: Answer = target.deliver(batch)
            return answer

    def _holds(self, stored: Callable[[], list[Record]], records: list[Record]) -> None:
        """Compare what the system holds with what it should, without showing values."""
        wanted = sorted((self.seen(record) for record in records), key=canonical)
        got = sorted(stored(), key=canonical)
        if got == wanted:
            return
        must(len(got) == len(wanted), f"the system holds {len(got)} records instead of {len(wanted)}")
        keys = {key_of(record, self.key) for record in wanted} ^ {key_of(record, self.key) for record in got}
        must(not keys, f"{len(keys)} keys differ between what was sent and what the system holds")
        names = sorted(
            {
                name
                for one, other in zip(
                    sorted(got, key=lambda r: key_of(r, self.key)),
                    sorted(wanted, key=lambda r: key_of(r, self.key)),
                    strict=True,
                )
                for name in one.keys() | other.keys()
                if one.get(name) != other.get(name)
            }
        )
        pytest.fail(f"the system holds other values than were sent in: {', '.join(names)}")


def _with(record: Record, path: str, value: Any) -> Record:
    """Return a copy of a record with another value at a path."""
    changed = copy.deepcopy(record)
    put(changed, names(path), value)
    return changed


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
