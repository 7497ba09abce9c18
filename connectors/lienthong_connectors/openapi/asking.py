"""How an operation is asked: its path, parameters and body with values; where one is missing stands TODO."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from lienthong.errors import UnknownName
from lienthong_connectors.openapi.finding import Pages, parameters_of
from lienthong_connectors.openapi.operations import Operation
from lienthong_connectors.openapi.resolving import Resolver, Schema

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_TODO: Final = "TODO"
_OF_CONNECTION: Final = frozenset({"authorization", "accept", "content-type", "cookie"})


@dataclass(frozen=True, slots=True)
class Question:
    """What a request holds beside its records. ``in_body``: paging is asked for in the body.

    ``most`` is the largest page that the document allows, else its usual one, 0 where it says neither.
    """

    path: str
    path_remark: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    in_body: bool = False
    remarks: tuple[str, ...] = ()
    most: int = 0


def question_of(
    resolver: Resolver,
    operation: Operation,
    pages: Pages | None,
    values: Mapping[str, str],
    keep: AbstractSet[str] = frozenset(),
) -> Question:
    """Return how an operation is asked with ``values`` by parameter; ``keep``: places of the path that stay.

    Raises `UnknownName` for a value whose parameter there is not.
    """
    searched = pages is not None and operation.method != "get"
    _check(operation, values, parameters_of(resolver, operation) if searched else {})
    open_ones: list[str] = []

    def value(name: str, schema: Mapping[str, Any]) -> Any:
        if name in values:
            return values[name]
        found = _sample(schema)
        if found is None:
            open_ones.append(name)
        return _TODO if found is None else found

    paged = {pages.page, pages.offset, pages.cursor, pages.size} if pages and pages.kind != "none" else set()
    by_place: dict[str, dict[str, Any]] = {"query": {}, "header": {}, "path": {}}
    for one in operation.parameters:
        wanted = one.name in values or (one.required and one.name not in paged)
        if (
            wanted
            and one.place in by_place
            and one.name.lower() not in _OF_CONNECTION
            and one.name not in keep
        ):
            by_place[one.place][one.name] = value(one.name, one.schema)
    body = _body(resolver, operation, values, paged, value) if searched else None
    path = _PLACE.sub(lambda found: _filled(found[1], by_place["path"], keep), operation.path)
    guessed = [name for name in by_place["path"] if name not in values]
    return Question(
        path=path.partition("?")[0].lstrip("/"),
        path_remark=f"TODO: {', '.join(guessed)}" if guessed else "",
        params={name: _plain(said) for name, said in by_place["query"].items()},
        headers={name: _plain(said) for name, said in by_place["header"].items()},
        body=body,
        in_body=body is not None and bool(paged - {""}) and not paged & operation.query.keys(),
        remarks=(f"TODO: what to ask for in {', '.join(open_ones)}",) if open_ones else (),
        most=(pages.most or pages.usual) if pages else 0,
    )


def _body(
    resolver: Resolver, operation: Operation, values: Mapping[str, str], paged: AbstractSet[str], value: Any
) -> dict[str, Any]:
    schema = resolver.schema(operation.asked)
    needed = schema.get("required") or ()
    parts: Any = schema.get("properties") or {}
    return {
        name: value(name, resolver.schema(part))
        for name, part in parts.items()
        if name in values or (name in needed and name not in paged)
    }


def _filled(name: str, values: Mapping[str, Any], keep: AbstractSet[str]) -> str:
    return f"{{{name}}}" if name in keep else quote(_plain(values.get(name, _TODO)), safe="")


def _sample(schema: Mapping[str, Any]) -> Any:
    """Return a value that the document itself gives, None where it gives none."""
    for word in ("default", "example", "const"):
        if isinstance(schema.get(word), (str, int, float)):
            return schema[word]
    values = schema.get("enum")
    return values[0] if isinstance(values, list) and values else None


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check(
    operation: Operation, values: Mapping[str, str], further: Mapping[str, Schema | Mapping[str, Any]]
) -> None:
    there = [one.name for one in operation.parameters] + [
        name for name in further if name not in operation.query
    ]
    for name in values:
        if name not in there:
            raise UnknownName(
                f"the operation has no parameter {name!r}",
                where="--set",
                hint=f"there is: {', '.join(there) or 'none'}",
            )
