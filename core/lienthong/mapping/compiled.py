"""Mappings: declarative rules from one dataset to another, compiled once, applied to segments."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from lienthong.datasets.catalogue import Catalogue
from lienthong.datasets.fields import Field
from lienthong.errors import InvalidExchange, ProtocolViolation, Reason, Refused
from lienthong.exchange import Text
from lienthong.mapping.faults import Fault
from lienthong.mapping.rules import Labelled, Program, copies, plain_copy, step_of
from lienthong.mapping.static import Scope, check_rules, required
from lienthong.paths import below, joined
from lienthong.paths import steps as steps_of
from lienthong.records import Record, canonical, digest

_WORDS = {"from", "to", "title", "rules", "lookup"}
_BROKEN = Reason(
    "", "mapping.json", "Bản ghi không phải là một đối tượng JSON", "the record is not a JSON object"
)


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping that has passed its static check and can be applied.

    ``source`` and ``target`` are dataset refs. ``lookup_into`` is the name under which answers of a
    lookup stand in the record, "" where the mapping reads none, and ``lookup_dataset`` their shape.
    """

    ref: str
    source: str
    target: str
    title: Text
    lookup_into: str
    lookup_dataset: str
    digest: str
    data: Dictionary[str, Any]
    _program: Program

    def apply(self, record: Record) -> Record:
        """Return what the rules make of a decoded record; raise `Refused` with every reason."""
        try:
            return self._program.run(record, record)
        except (Fault, Refused):
            raise Refused(where=f"mapping {self.ref!r}", reasons=self._reasons(record)) from None

    def apply_many(
        self, records: Sequence[bytes]
    ) -> tuple[list[bytes], list[tuple[int, tuple[Reason, ...]]]]:
        """Return the canonical bytes made of a segment's records, and (index, reasons) of the refused."""
        made, _, refused = self.apply_all(records)
        return made, refused

    def apply_all(
        self, records: Sequence[bytes]
    ) -> tuple[list[bytes], list[Record], list[tuple[int, tuple[Reason, ...]]]]:
        """Return what `apply_many` does and, between, what was made as decoded records."""
        made: list[bytes] = []
        decoded: list[Record] = []
        refused: list[tuple[int, tuple[Reason, ...]]] = []
        run, loads = self._program.run, orjson.loads
        for index, data in enumerate(records):
            try:
                record = loads(data)
                mapped = run(record, record)
                made.append(canonical(mapped))
                decoded.append(mapped)
            except (Fault, Refused, ProtocolViolation, orjson.JSONDecodeError, AttributeError) as error:
                refused.append((index, self._why(data, error)))
        return made, decoded, refused

    def as_dict(self) -> dict[str, Any]:
        """Return the mapping as its file says it; `Mapping.compile` takes it back."""
        return dict(self.data)

    def _why(self, data: bytes, error: Exception) -> tuple[Reason, ...]:
        try:
            record = orjson.loads(data)
        except orjson.JSONDecodeError:
            return (_BROKEN,)
        if not isinstance(record, dict):
            return (_BROKEN,)
        if isinstance(error, ProtocolViolation):
            return (Fault("value").reason(self.ref),)
        if isinstance(error, AttributeError):
            raise error
        return self._reasons(record)

    def _reasons(self, record: Record) -> tuple[Reason, ...]:
        reasons: list[Reason] = []
        for label, fault in self._program.faults(record, record):
            reasons += fault.reasons if isinstance(fault, Refused) else [fault.reason(label)]
        return tuple(reasons)


class Mapping:
    """Compiles mapping files."""

    @staticmethod
    def compile(data: Dictionary[str, Any], catalogue: Catalogue, ref: str = "") -> CompiledMapping:
        """Check a mapping against both its datasets and return it ready to be applied.

        Raises `InvalidExchange` naming mapping, rule and field, `UnknownName` for a dataset that is
        not there.
        """
        where = f"mapping {ref or data.get('to', '')!r}"
        _check_head(data, where)
        source, target = catalogue.dataset(data["from"]), catalogue.dataset(data["to"])
        lookup = data.get("lookup") or {}
        fields = {**source.fields(), **_answers(lookup, source.fields(), catalogue, where)}
        scope = Scope(fields, target.fields(), fields, where, catalogue)
        check_rules(data["rules"], scope)
        return CompiledMapping(
            ref=ref,
            source=data["from"],
            target=data["to"],
            title=Text(data["title"]["vi"], data["title"]["en"]),
            lookup_into=lookup.get("into", ""),
            lookup_dataset=lookup.get("dataset", ""),
            digest=digest(data),
            data=data,
            _program=_program(data["rules"], scope, ""),
        )


def _check_head(data: Dictionary[str, Any], where: str) -> None:
    title = data.get("title")
    complete = isinstance(title, Dictionary) and title.get("vi") and title.get("en")
    if not complete or set(data) - _WORDS or not isinstance(data.get("rules"), list):
        raise InvalidExchange(
            "a mapping has from, to, title (vi, en), rules and perhaps lookup, nothing else", where=where
        )
    for word in ("from", "to"):
        if not isinstance(data.get(word), str):
            raise InvalidExchange(f"{word!r} names no dataset", where=where, hint="write name/version")


def _answers(
    lookup: Dictionary[str, Any], taken: Dictionary[str, Field], catalogue: Catalogue, where: str
) -> dict[str, Field]:
    """Return the fields of a lookup's answers, under the name they stand under in the record."""
    if not lookup:
        return {}
    into, dataset = lookup.get("into"), lookup.get("dataset")
    if not isinstance(into, str) or not isinstance(dataset, str) or set(lookup) != {"into", "dataset"}:
        raise InvalidExchange("lookup needs into and dataset", where=where)
    if below("", into) in taken:
        raise InvalidExchange(f"lookup.into: the source has a field {into!r} already", where=where)
    fields = catalogue.dataset(dataset).fields()
    return {joined((into, *steps_of(path))): field for path, field in fields.items()}


def _program(rules: Sequence[Dictionary[str, Any]], scope: Scope, prefix: str) -> Program:
    steps: list[Labelled] = []
    pending: list[tuple[str, str]] = []
    labels: list[str] = []

    def flush() -> None:
        if pending:
            steps.append(Labelled(f"{prefix}{'+'.join(labels)}", copies(pending)))
            pending.clear()
            labels.clear()

    for number, rule in enumerate(rules, 1):
        if "drop" in rule:
            continue
        nullable = _null_wanted(rule, scope)
        pair = plain_copy(rule, nullable) if "from" in rule else None
        if pair is not None:
            pending.append(pair)
            labels.append(str(number))
            continue
        flush()
        inner = _inner(rule, scope, f"{prefix}{number}.") if "each" in rule else None
        step = step_of(rule, scope.catalogue, scope.where, nullable, inner)
        steps.append(Labelled(f"{prefix}{number} ({_named(rule['to'])})", step))
    flush()
    return Program(steps, required(scope.target))


def _inner(rule: Dictionary[str, Any], scope: Scope, prefix: str) -> Program:
    return _program(rule["each"], scope.inside(rule), prefix)


def _null_wanted(rule: Dictionary[str, Any], scope: Scope) -> bool:
    """Tell whether nothing becomes null: the target requires the field and lets it be null."""
    field = scope.target.get(rule["to"]) if isinstance(rule["to"], str) else None
    return field is not None and field.required and field.nullable


def _named(target: Any) -> str:
    return target if isinstance(target, str) else ", ".join(target.values())
