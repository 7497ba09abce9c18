"""What is known of each record of a batch while it is being delivered or asked about."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from lienthong.connector import Answer, Batch, Receipt
from lienthong.credentials import hide
from lienthong.errors import ProtocolViolation, Reason
from lienthong.exchange import Text
from lienthong.records import key_of
from lienthong_connectors.codes import error_kind, stops, told
from lienthong_connectors.http.privacy import spoken
from lienthong_connectors.rest.outcome import Results
from lienthong_connectors.rest.paths import as_text, at, text_at

_NOT_IN_RULES = re.compile(r"[^A-Za-z0-9._-]+")
_NO_TEXT = Text("Hệ thống nhận từ chối và không nêu lý do", "The target refused and gave no reason")


@dataclass(slots=True)
class Tally:
    """Outcomes by index from 0; what is in none of the sets was taken.

    ``not_taken`` are unknown ones of which the target said that it did not take them, or which
    were never sent.
    """

    total: int
    refused: dict[int, Reason] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    not_taken: set[int] = field(default_factory=set)
    absent: set[int] = field(default_factory=set)
    receipts: list[Receipt] = field(default_factory=list)
    ask_after: float | None = None

    def refuse(self, index: int, code: str, text: Text, record: bytes) -> None:
        """Refuse a record in the target's own words, personal values left out."""
        self.codes[index] = code
        self.refused[index] = target_reason(code, text, orjson.loads(record))

    def postpone(self, index: int) -> None:
        """Count a record as unknown although it was surely not taken."""
        self.unknown.add(index)
        self.not_taken.add(index)

    def at_work(self, seconds: float) -> None:
        """Note that the target works on unknown ones, and when it wants to be asked."""
        self.ask_after = seconds if self.ask_after is None else min(seconds, self.ask_after)

    def adopt(self, other: Tally, lines: Iterable[int]) -> None:
        """Take over what another tally of the same batch says about some records."""
        for line in lines:
            if line in other.refused:
                self.refused[line], self.codes[line] = other.refused[line], other.codes[line]
            for ours, theirs in (
                (self.unknown, other.unknown),
                (self.not_taken, other.not_taken),
                (self.absent, other.absent),
            ):
                if line in theirs:
                    ours.add(line)

    def answer(self) -> Answer:
        """Return the answer to a delivery."""
        return Answer(
            self.total,
            dict(self.refused),
            frozenset(self.absent),
            frozenset(self.unknown),
            tuple(self.receipts),
            self.ask_after,
        )

    def answer_to_lookup(self) -> Answer:
        """Return the answer to a question: what was surely not taken is absent, so sending it is safe."""
        absent = self.absent | self.not_taken
        unknown = frozenset(self.unknown - absent)
        receipts, ask_after = tuple(self.receipts), self.ask_after
        return Answer(self.total, dict(self.refused), frozenset(absent), unknown, receipts, ask_after)


def target_reason(code: str, text: Text, record: Any) -> Reason:
    """Return the reason for a record that a system refused with a code and a text."""
    name = _NOT_IN_RULES.sub("-", hide(code)).strip("-")[:40] or "refused"
    vi, en = spoken(text.vi, record), spoken(text.en, record)
    return Reason("", f"target.{name}", vi or _NO_TEXT.vi, en or _NO_TEXT.en)


def apply_results(
    tally: Tally, value: Any, results: Results, batch: Batch, indices: Sequence[int], *, where: str
) -> None:
    """Read per-record results of an answer into a tally; ``indices`` are the records that were sent.

    Records that the answer does not mention, or on which it contradicts itself, become unknown; so does
    every record that a list of refused ones alone does not name, where it names others than were sent.
    Raises `ProtocolViolation` where there is no list of results, and `Misconfigured` or one of its
    kinds where every record has a code that is about us.
    """
    elements = at(value, results.path)
    if results.only_refused and elements is None:
        elements = []  # said, and not left out
    if not isinstance(elements, list):
        raise ProtocolViolation(
            f"the answer has no list of results at {results.path or 'its top'!r}",
            where=where,
            hint="check the results of the settings",
        )
    codes: dict[int, str] = {}
    matched = list(_matched(elements, results, batch, indices))
    for index, element in matched:
        code = text_at(element, results.code_path)
        if codes.setdefault(index, code) != code:
            tally.refused.pop(index, None)
            tally.unknown.add(index)
        else:
            _apply(tally, index, code, text_at(element, results.message_path), results, batch.records[index])
    if not results.only_refused or len(matched) < len(elements):
        tally.unknown.update(set(indices) - codes.keys())
    _stop_where_all_say_so(codes, results, len(indices), where)


def _apply(tally: Tally, index: int, code: str, said: str, results: Results, record: bytes) -> None:
    """Note what the code of one record means; one that is about us is no fault of the record."""
    meaning = results.meaning(code)
    if meaning == "transient" or stops(meaning):
        tally.postpone(index)
    elif meaning in {"unknown", "pending"}:
        tally.unknown.add(index)
    elif not code and meaning != "ok" and not results.only_refused:
        tally.unknown.add(index)  # the answer names the record and says nothing of it
    elif meaning != "ok":
        tally.refuse(index, code, told(results.entry(code), said), record)


def _stop_where_all_say_so(codes: dict[int, str], results: Results, sent: int, where: str) -> None:
    """Raise where every record has a code that is about us: then nothing was taken, and repeating is vain."""
    meanings = {results.meaning(code) for code in codes.values()}
    if len(codes) == sent and len(meanings) == 1 and stops(meaning := meanings.pop()):
        code = hide(next(iter(codes.values())))
        raise error_kind(meaning, delivery=True)(
            f"the agency answered code {code!r} for every record: {told(results.entry(code), '').en}",
            where=where,
            hint="see: lienthong codes",
            agency_code=code,
        )


def _matched(
    elements: list[Any], results: Results, batch: Batch, indices: Sequence[int]
) -> Iterator[tuple[int, Any]]:
    """Yield (index, element) for every element that speaks of a record that was sent."""
    if results.match == "order":
        if len(elements) == len(indices):
            yield from zip(indices, elements, strict=True)
        return
    if results.match == "index":
        numbers = [_number(text_at(element, results.field)) for element in elements]
        if results.first_index + len(indices) in numbers:
            return  # the one behind the last: it counts from another number, so none of them is sure
        for number, element in zip(numbers, elements, strict=True):
            if number is not None and 0 <= number - results.first_index < len(indices):
                yield indices[number - results.first_index], element
        return
    waiting = _by_key(results, batch, indices)
    for element in elements:
        found = waiting.get(as_text(at(element, results.field)))
        if found:
            # records with equal keys take their results in turn, the last one all that remain
            yield found.popleft() if len(found) > 1 else found[0], element


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 20 else None


def _by_key(results: Results, batch: Batch, indices: Sequence[int]) -> dict[str, deque[int]]:
    waiting: dict[str, deque[int]] = defaultdict(deque)
    for index in indices:
        record = orjson.loads(batch.records[index])
        key = text_at(record, results.record_key) if results.record_key else key_of(record, batch.key)
        waiting[key].append(index)
    return waiting
