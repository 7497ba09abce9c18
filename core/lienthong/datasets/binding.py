"""Binding checks to the fields of a dataset: from annotations to tests over records.

Over a segment a check runs as one tight loop through all records (column by column); only records
that fail are looked at again, one by one, for their reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from lienthong.datasets.checks import CHECKS, WARNINGS, Factory, Object, Surroundings, Test
from lienthong.datasets.codelists import code_of
from lienthong.datasets.fields import Field
from lienthong.errors import Misconfigured
from lienthong.paths import Each, Step, steps, token

Place: TypeAlias = tuple[str, Any, Object]
_ANNOTATIONS = {"class", "check", "checks", "codelist", "title", "note", "geometry", "order"}


@dataclass(frozen=True, slots=True)
class Spec:
    """One check as declared: its ``name``, ``options`` and the condition ``when`` it applies."""

    name: str
    options: Mapping[str, Any]
    when: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A test bound to a field's path."""

    parts: tuple[Step, ...]
    test: Test

    def find(self, records: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the indices of the records that break the rule."""
        test = self.test
        if len(self.parts) == 1:
            name: Any = self.parts[0]
            return [
                index
                for index, record in enumerate(records)
                if (value := record.get(name)) is not None and value != "" and test(value, record, record)
            ]
        if Each.ITEM in self.parts:
            return [index for index, record in enumerate(records) if any(self.broken(record))]
        *parents, name = self.parts
        found: list[int] = []
        for index, record in enumerate(records):
            holder: Any = record
            for part in parents:
                holder = holder.get(part) or {}
            value = holder.get(name)
            if value is not None and value != "" and test(value, holder, record):
                found.append(index)
        return found

    def broken(self, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (JSON Pointer, rule) of every place in a record that breaks the rule."""
        for pointer, value, parent in places(record, self.parts):
            rule = self.test(value, parent, record) if value is not None and value != "" else None
            if rule:
                yield pointer, rule


def specs(field: Field, where: str) -> Iterator[Spec]:
    """Yield the checks a field's annotation declares; `Misconfigured` names an unknown word."""
    note = dict(field.note)
    found = note.pop("checks", [])
    if "codelist" in note:
        yield Spec("codelist", {"list": note.pop("codelist")})
    if "check" in note:
        options = {key: value for key, value in note.items() if key not in _ANNOTATIONS}
        found = [*found, {"check": note["check"], **options}]
    elif extra := set(note) - _ANNOTATIONS:
        raise Misconfigured(
            f"field {field.path!r}: unknown words {sorted(extra)} in x-lienthong", where=where
        )
    for item in found:
        options = {key: value for key, value in item.items() if key not in ("check", "when")}
        spec = Spec(item.get("check", ""), options, item.get("when"))
        known = CHECKS.get(spec.name)
        if known is None or not set(options) <= known[1]:
            raise Misconfigured(
                f"field {field.path!r}: no check {spec.name!r} with options {sorted(options)}",
                where=where,
                hint=f"checks: {', '.join(sorted(CHECKS))}",
            )
        yield spec


def bind(
    fields: Sequence[Field], around: Surroundings, where: str
) -> tuple[tuple[Bound, ...], tuple[Bound, ...]]:
    """Return the refusing and the merely warning tests of all fields."""
    refusing: list[Bound] = []
    warning: list[Bound] = []
    for field in fields:
        for spec in specs(field, where):
            refusing.append(_bound(field, spec, CHECKS[spec.name][0], around, where))
            if spec.name in WARNINGS:
                warning.append(_bound(field, spec, WARNINGS[spec.name], around, where))
    return tuple(refusing), tuple(warning)


def _bound(field: Field, spec: Spec, factory: Factory, around: Surroundings, where: str) -> Bound:
    try:
        test = factory(spec.options, around)
    except (KeyError, ValueError) as error:
        raise Misconfigured(f"field {field.path!r}: check {spec.name!r}: {error}", where=where) from None
    parts = steps(field.path)
    return Bound(parts, _conditional(test, spec.when) if spec.when else test)


def _conditional(test: Test, when: Mapping[str, Any]) -> Test:
    name, wanted = when["field"], frozenset(map(code_of, when["in"]))

    def conditional(value: Any, parent: Object, record: Object) -> str | None:
        return test(value, parent, record) if code_of(parent.get(name)) in wanted else None

    return conditional


def places(record: Mapping[str, Any], parts: Sequence[Step]) -> list[Place]:
    """Return (JSON Pointer, value, holding object) of every place a path leads to in a record."""
    found: list[Place] = [("", record, record)]
    for part in parts:
        found = [
            inner
            for place in found
            for inner in (_items(place) if isinstance(part, Each) else _member(place, part))
        ]
    return found


def _member(place: Place, name: str) -> Iterator[Place]:
    pointer, value, _ = place
    if isinstance(value, Mapping) and name in value:
        yield f"{pointer}/{token(name)}", value[name], value


def _items(place: Place) -> Iterator[Place]:
    pointer, value, parent = place
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield f"{pointer}/{index}", item, parent
