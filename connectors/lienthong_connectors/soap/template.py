"""Requests as data: a nested mapping whose texts may refer to what is known at the moment.

``"$name"`` or ``"$name.path.into.it"`` is replaced by a value, ``"$$..."`` is a text that begins with
a dollar sign. Filters follow behind ``|`` and take an argument behind ``:``

========== ==========================================================================
upper      upper case                           trim       without outer and doubled blanks
digits     digits only (an ISO date: yyyyMMdd)  only:N     the text if it has N characters, else nothing
year       the first four characters            not:N      the text if it has not N characters
date:FMT   a date or time (ISO 8601 or dd/MM/yyyy) in strftime's words, Vietnam's time
zone:UTC   before date: its time is UTC's
epoch-ms   a time as milliseconds since 1970    json       the value as JSON text
xml:a/b    a mapping as XML text, its members as elements inside <a><b>
cut:N      at most N characters                 default:T  T where there is nothing
========== ==========================================================================

What comes to nothing (null, or an empty text) is left out of the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from lienthong.connector import ReadRequest
from lienthong.errors import Misconfigured
from lienthong.paths import below
from lienthong_connectors.rest.moments import Zone, floor, in_zone, step_of
from lienthong_connectors.rest.since import moment_at
from lienthong_connectors.soap.arrange import Items
from lienthong_connectors.soap.described import Element
from lienthong_connectors.soap.writer import Writer

Scope = Mapping[str, Any]
_Part = Callable[[Scope], Any]
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


class Template:
    """A compiled request. ``names`` are the references it uses, without their paths.

    Raises `Misconfigured`, naming the member, for an unknown reference or filter.
    """

    def __init__(self, request: Mapping[str, Any], known: frozenset[str], where: str) -> None:
        self.names: set[str] = set()
        self.members = frozenset(leaves(request))
        self._known, self._where = known, where
        self._fill = self._mapping(request, "request")

    def fill(self, scope: Scope) -> dict[str, Any]:
        """Return the request for these values; members that came to nothing are absent."""
        filled = self._fill(scope)
        return filled if isinstance(filled, dict) else {}

    def _mapping(self, mapping: Mapping[str, Any], path: str) -> _Part:
        if set(mapping) == {"$each"}:
            return self._each(mapping["$each"], path)
        parts = {str(name): self._part(value, f"{path}.{name}") for name, value in mapping.items()}

        def fill(scope: Scope) -> Any:
            filled = {name: part(scope) for name, part in parts.items()}
            return {name: value for name, value in filled.items() if value not in (None, "", {})} or None

        return fill

    def _each(self, inner: Mapping[str, Any], path: str) -> _Part:
        """Return the list of one filled item per record, which is made when it is written."""
        self.names.add("records")
        item = self._part(inner, path)
        return lambda scope: Items(item, scope["records"])

    def _part(self, value: Any, path: str) -> _Part:
        if isinstance(value, Mapping):
            return self._mapping(value, path)
        if isinstance(value, (list, tuple)):
            items = [self._part(item, path) for item in value]
            return lambda scope: [item(scope) for item in items]
        if not isinstance(value, str) or not value.startswith("$"):
            return lambda _: value
        if value.startswith("$$"):
            return lambda _: value[1:]
        return self._reference(value[1:], path)

    def _reference(self, text: str, path: str) -> _Part:
        source, *filters = text.split("|")
        source = source.strip()
        name = next((n for n in self._known if source == n or source.startswith(f"{n}.")), None)
        if name is None:
            raise Misconfigured(
                f"{path} refers to ${source}, which is not known here",
                where=self._where,
                hint=f"one of {', '.join('$' + known for known in sorted(self._known))}",
            )
        self.names.add(name)
        steps = tuple(step for step in source[len(name) :].split(".") if step)
        applied = [self._filter(filter_.strip(), path) for filter_ in filters]

        def fill(scope: Scope) -> Any:
            value = reach(scope.get(name), steps)
            for one in applied:
                value = one(value)
            if isinstance(value, datetime):
                return value.isoformat()
            return str(value) if isinstance(value, Beginning) else value

        return fill

    def _filter(self, text: str, path: str) -> Callable[[Any], Any]:
        name, _, argument = text.partition(":")
        try:
            return _FILTERS[name](argument)
        except (KeyError, ValueError):
            raise Misconfigured(
                f"{path} has the filter {text!r}, which there is not",
                where=self._where,
                hint=f"one of {', '.join(sorted(_FILTERS))}",
            ) from None


def reach(value: Any, steps: Sequence[str]) -> Any:
    """Follow member names (and list positions) into a value; None where a part is missing."""
    for step in steps:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def leaves(request: Mapping[str, Any], outer: str = "") -> list[str]:
    """Return the dotted paths of all members of a request that have a value of their own."""
    found: list[str] = []
    for name, value in request.items():
        if name == "$each":
            return leaves(value, outer) if isinstance(value, Mapping) else [outer]
        path = below(outer, name)
        if isinstance(value, Mapping):
            found += leaves(value, path) or [path]
        else:
            found.append(path)
    return found


class Beginning(str):
    """Where a read begins: the source's own text, which knows its moment whatever its form."""

    __slots__ = ("moment", "zone")

    moment: datetime | None
    zone: Zone

    @classmethod
    def of(cls, request: ReadRequest, default: str) -> Beginning:
        """Return where a request begins, the default where it says nothing."""
        beginning = cls(request.since or default)
        beginning.moment, beginning.zone = moment_at(request), "Asia/Ho_Chi_Minh"
        return beginning

    def of_zone(self, zone: Zone) -> Beginning:
        """Return the same beginning, to be written in a zone's time."""
        other = Beginning(self)
        other.moment, other.zone = self.moment, zone
        return other

    def written(self, moment: datetime, form: str) -> str:
        """Return its moment in a form; one that the form cannot say is said a step earlier."""
        step = step_of(form)
        said = moment if floor(moment, step, self.zone) == moment else moment - step
        return in_zone(said, self.zone).strftime(form)


def _moment(value: Any) -> datetime | None:
    """Read a date or time: ISO 8601, or dd/MM/yyyy with or without HH:mm:ss; Vietnam's time if unsaid."""
    if isinstance(value, Beginning) and value.moment is not None:
        return value.moment
    text = str(value).strip()
    for read in (datetime.fromisoformat, _slashed):
        try:
            moment = read(text)
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=_VIETNAM)
    return None


def _slashed(text: str) -> datetime:
    form = "%d/%m/%Y %H:%M:%S" if ":" in text else "%d/%m/%Y"
    return datetime.strptime(text, form).replace(tzinfo=_VIETNAM)


def _date(form: str) -> Callable[[Any], Any]:
    def fill(value: Any) -> Any:
        moment = value if isinstance(value, datetime) else _moment(value) if value not in (None, "") else None
        if moment is None:
            return value
        if isinstance(value, Beginning):
            return value.written(moment, form)
        return (moment if isinstance(value, datetime) else moment.astimezone(_VIETNAM)).strftime(form)

    return fill


def _zone(argument: str) -> Callable[[Any], Any]:
    zone: Zone = "UTC" if argument == "UTC" else "Asia/Ho_Chi_Minh"
    if argument != zone:
        raise ValueError(argument)

    def fill(value: Any) -> Any:
        if isinstance(value, Beginning):
            return value.of_zone(zone)
        moment = _moment(value) if value not in (None, "") else None
        return value if moment is None else in_zone(moment, zone)

    return fill


def _epoch_ms(_: str) -> Callable[[Any], Any]:
    def fill(value: Any) -> Any:
        if isinstance(value, int) or value in (None, ""):
            return value
        moment = _moment(value)
        return str(value) if moment is None else round(moment.astimezone(UTC).timestamp() * 1000)

    return fill


def _on_text(change: Callable[[str], str | None]) -> Callable[[str], Callable[[Any], Any]]:
    return lambda _: lambda value: None if value is None else change(str(value))


def _sized(keep: bool) -> Callable[[str], Callable[[Any], Any]]:
    def make(argument: str) -> Callable[[Any], Any]:
        size = int(argument)
        return lambda value: value if value is not None and (len(str(value)) == size) is keep else None

    return make


def _cut(argument: str) -> Callable[[Any], Any]:
    size = int(argument)
    return lambda value: None if value is None else str(value)[:size]


def _json(_: str) -> Callable[[Any], Any]:
    return lambda value: None if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _xml(argument: str) -> Callable[[Any], Any]:
    tags = [tag for tag in argument.split("/") if tag]
    if not tags:
        raise ValueError(argument)

    def fill(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return None
        for tag in reversed(tags[1:]):
            value = {tag: value}
        return Writer().text(Element(tags[0], tags[0]), value)

    return fill


_FILTERS: dict[str, Callable[[str], Callable[[Any], Any]]] = {
    "upper": _on_text(str.upper),
    "trim": _on_text(lambda text: " ".join(text.split())),
    "digits": _on_text(lambda text: "".join(c for c in text if c.isascii() and c.isdigit())),
    "year": _on_text(lambda text: text[:4]),
    "only": _sized(True),
    "not": _sized(False),
    "cut": _cut,
    "date": _date,
    "zone": _zone,
    "epoch-ms": _epoch_ms,
    "json": _json,
    "xml": _xml,
    "default": lambda argument: lambda value: argument if value in (None, "") else value,
}
