"""Rules compiled to steps: closures of (item, record, what is being made)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from lienthong.datasets.codelists import Translation, code_of
from lienthong.errors import Refused
from lienthong.mapping import converters
from lienthong.mapping.faults import Fault
from lienthong.mapping.functions import function
from lienthong.mapping.paths import Reader, Writer, pointer, reader, writer
from lienthong.paths import holder as holder_of
from lienthong.paths import last, plain
from lienthong.paths import names as steps_of

Object: TypeAlias = Mapping[str, Any]
Step: TypeAlias = Callable[[Any, Any, dict[str, Any]], None]
Guard: TypeAlias = Callable[[Any, Any], bool]


class Tables(Protocol):
    """What rules read of a catalogue."""

    packages: tuple[str, ...]

    def translation(self, name: str) -> Translation:
        """Return a translation between code lists by name."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A step with its rule's number and target, for reasons."""

    label: str
    step: Step


class Program:
    """The steps of a mapping, or of the items of one ``each``, and the fields they must yield."""

    def __init__(self, steps: Sequence[Labelled], required: Sequence[str]) -> None:
        self._labelled = tuple(steps)
        self._steps = tuple(item.step for item in steps)
        self._top = frozenset(steps_of(name)[0] for name in required if len(steps_of(name)) == 1)
        self._deep = tuple((name, reader(name)) for name in required if len(steps_of(name)) > 1)

    def run(self, item: Any, record: Any) -> dict[str, Any]:
        """Return what the rules make of an item; raise `Fault` at the first rule that fails."""
        made: dict[str, Any] = {}
        for step in self._steps:
            step(item, record, made)
        if not self._top <= made.keys() or self._deep:
            self._check(made)
        return made

    def faults(self, item: Any, record: Any) -> list[tuple[str, Fault | Refused]]:
        """Return every fault with its rule's label (the slow way, after `run` failed)."""
        made: dict[str, Any] = {}
        found: list[tuple[str, Fault | Refused]] = []
        for labelled in self._labelled:
            try:
                labelled.step(item, record, made)
            except (Fault, Refused) as fault:  # only failing records come here
                found.append((labelled.label, fault))
        if not found:
            found += [(name, Fault("required", label=name)) for name in self._missing(made)]
        return found

    def _check(self, made: dict[str, Any]) -> None:
        for name in self._missing(made):
            raise Fault("required", label=name)

    def _missing(self, made: dict[str, Any]) -> list[str]:
        deep = [name for name, read in self._deep if _lacks(made, name, read)]
        return sorted(self._top - made.keys()) + deep


def _lacks(made: dict[str, Any], name: str, read: Reader) -> bool:
    holder = reader(holder_of(name))(made, made)
    return isinstance(holder, dict) and last(name) not in holder and read(made, made) is None


def copies(pairs: Sequence[tuple[str, str]]) -> Step:
    """Return one step for several plain copies of top-level fields."""
    fixed = tuple(pairs)

    def step(item: Any, _record: Any, made: dict[str, Any]) -> None:
        get = item.get
        for source, target in fixed:
            value = get(source)
            if value is not None:
                made[target] = value

    return step


def plain_copy(rule: Object, nullable: bool) -> tuple[str, str] | None:
    """Return (from, to) where a rule copies one top-level field and nothing else."""
    if not set(rule) <= {"from", "to", "note", "declassified"} or nullable:
        return None
    source, target = rule["from"], rule["to"]
    on_top = isinstance(source, str) and isinstance(target, str) and plain(source) and plain(target)
    return (source, target) if on_top else None


def step_of(rule: Object, tables: Tables, where: str, nullable: bool, inner: Program | None = None) -> Step:
    """Return the step of one rule that the static check has passed."""
    if "constant" in rule:
        step = _constant(rule["constant"], writer(rule["to"]))
    else:
        convert = _conversion(rule, tables)
        if inner is None and convert and not nullable and _on_top(rule):
            step = _converting(rule, convert)
        else:
            step = _moving(rule, _value(rule, tables, where), _with_record(convert, inner), nullable)
    return _guarded(step, _guard(rule["when"])) if "when" in rule else step


def _on_top(rule: Object) -> bool:
    """Tell whether a rule leads from one top-level field to another, by far the commonest case."""
    source, target = rule.get("from"), rule["to"]
    return (
        "call" not in rule
        and isinstance(source, str)
        and isinstance(target, str)
        and plain(source)
        and plain(target)
    )


def _constant(value: Any, write: Writer) -> Step:
    return lambda _item, _record, made: write(made, value)


def _converting(rule: Object, convert: converters.Converter) -> Step:
    source, target, default, place = rule["from"], rule["to"], rule.get("default"), _place(rule)

    def step(item: Any, _record: Any, made: dict[str, Any]) -> None:
        value = item.get(source)
        if value is not None:
            try:
                value = convert(value) if value != "" else None
            except Fault as fault:
                fault.pointer = place
                raise
        if value is not None:
            made[target] = value
        elif default is not None:
            made[target] = default

    return step


def _with_record(
    convert: converters.Converter | None, inner: Program | None
) -> Callable[[Any, Any], Any] | None:
    if inner is not None:
        return _each(inner)
    if convert is None:
        return None
    return lambda value, _record: convert(value)


def _moving(rule: Object, read: Reader, convert: Callable[[Any, Any], Any] | None, nullable: bool) -> Step:
    default, place, write = rule.get("default"), _place(rule), _target(rule)

    def step(item: Any, record: Any, made: dict[str, Any]) -> None:
        value = read(item, record)
        if convert is not None and value is not None:
            try:
                value = convert(value, record) if value != "" else None
            except Fault as fault:
                fault.pointer = place + fault.pointer
                raise
        if value is None:
            value = default
        if value is not None or nullable:
            write(made, value)

    return step


def _place(rule: Object) -> str:
    source = rule.get("from", rule.get("join"))
    return pointer(source) if isinstance(source, str) else ""


def _value(rule: Object, tables: Tables, where: str) -> Reader:
    """Return what reads the value a rule begins with."""
    if "call" in rule:
        return _call(rule, function(rule["call"], tables.packages, where))
    if "join" in rule:
        return _join([reader(path) for path in rule["join"]], rule.get("with", " "))
    return reader(rule["from"]) if "from" in rule else lambda _item, _record: None


def _call(rule: Object, called: Callable[[Any], Any]) -> Reader:
    source = rule.get("from")
    reads = [reader(path) for path in ([source] if isinstance(source, str) else source or ())]
    place = _place(rule)

    def read(item: Any, record: Any) -> Any:
        values = [one(item, record) for one in reads]
        argument = item if source is None else values[0] if isinstance(source, str) else values
        try:
            return called(argument)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Fault("call", place) from None

    return read


def _join(reads: Sequence[Reader], separator: str) -> Reader:
    def read(item: Any, record: Any) -> str | None:
        parts = []
        for one in reads:
            value = one(item, record)
            if type(value) is not str:
                value = "" if value is None else code_of(value)
            if value:
                parts.append(value)
        return separator.join(parts) if parts else None

    return read


def _conversion(rule: Object, tables: Tables) -> converters.Converter | None:
    """Return the conversions of a rule in their fixed order: text, split, codes, date, as."""
    chain: list[converters.Converter] = []
    if "text" in rule:
        chain.append(converters.text(rule["text"]))
    if "split" in rule:
        chain.append(converters.name_parts if rule["split"] == "name" else converters.part(rule["split"]))
    if "codes" in rule:
        otherwise = (rule["otherwise"],) if "otherwise" in rule else ()
        chain.append(converters.codes(tables.translation(rule["codes"]).codes, *otherwise))
    if "date" in rule:
        chain.append(converters.date(rule["date"]))
    if "as" in rule:
        chain.append(converters.AS[rule["as"]][0])
    if len(chain) < 2:
        return chain[0] if chain else None

    def convert(value: Any) -> Any:
        for one in chain:
            value = one(value)
            if value is None:
                return None
        return value

    return convert


def _each(inner: Program) -> Callable[[Any, Any], Any]:
    def convert(value: Any, record: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list):
            raise Fault("each")
        made = []
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise Fault("each", f"/{index}")
            try:
                made.append(inner.run(item, record))
            except Fault as fault:
                fault.pointer = f"/{index}{fault.pointer}"
                raise
        return made

    return convert


def _target(rule: Object) -> Writer:
    target = rule["to"]
    if isinstance(target, str):
        return writer(target)
    writers = [(name, writer(path)) for name, path in target.items()]

    def write(made: dict[str, Any], parts: Any) -> None:
        for name, one in writers:
            if parts is not None and parts[name]:
                one(made, parts[name])

    return write


def _guarded(step: Step, holds: Guard) -> Step:
    def guarded(item: Any, record: Any, made: dict[str, Any]) -> None:
        if holds(item, record):
            step(item, record, made)

    return guarded


def _guard(condition: Object | Sequence[Object]) -> Guard:
    """Return the test of one condition, or of several that must all hold."""
    if not isinstance(condition, Mapping):
        guards = [_guard(one) for one in condition]
        return lambda item, record: all(guard(item, record) for guard in guards)
    read = reader(condition["field"])
    if "present" in condition:
        wanted = bool(condition["present"])
        return lambda item, record: (read(item, record) not in (None, "")) == wanted
    if "not" in condition:
        refused = _codes(condition["not"])
        return lambda item, record: code_of(read(item, record)) not in refused
    allowed = _codes(condition["is"] if "is" in condition else condition["in"])
    return lambda item, record: code_of(read(item, record)) in allowed


def _codes(value: Any) -> frozenset[str]:
    return frozenset(map(code_of, value if isinstance(value, list) else [value]))
