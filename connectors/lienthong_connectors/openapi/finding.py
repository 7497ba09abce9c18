"""Guesses of what an operation is about: where its records are, what names one, how it pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lienthong_connectors.openapi import words
from lienthong_connectors.openapi.operations import Description, Operation
from lienthong_connectors.openapi.resolving import Resolver, Schema

_DEEPEST = 4
_ALTERNATIVES = ("oneOf", "anyOf")


@dataclass(frozen=True, slots=True)
class Pages:
    """How a list seems to be cut into pages.

    ``kind`` is that of the REST connector's paging (``none``, ``page``, ``offset``, ``cursor``,
    ``keyset``, ``next-link``, ``link-header``). The others are names of parameters and dotted paths in the
    answer, "" for none; ``most`` is the page size that the document allows, ``usual`` the one without a word,
    0 where it says nothing, ``first`` the first page's number.
    """

    kind: str = "none"
    page: str = ""
    size: str = ""
    offset: str = ""
    cursor: str = ""
    next_path: str = ""
    total_path: str = ""
    first: int = 1
    most: int = 0
    usual: int = 0
    why: str = field(default="", compare=False)


def record_list(resolver: Resolver, answered: Any) -> tuple[str, Schema] | None:
    """Return dotted path ("": the answer itself) and schema of the list of records, None without one."""
    found = list(_lists(resolver, answered, ""))
    return min(found, key=lambda one: _list_rank(resolver, *one)) if found else None


def listing(said: Description, operation: Operation) -> tuple[str, Schema] | None:
    """Return what `record_list` does, None for an operation that answers with one record of a collection."""
    found = record_list(said.resolver, operation.answered) if operation.answered is not None else None
    if found is None or not found[0]:
        return found
    item = said.resolver.schema(found[1].get("items"))
    if (
        not {"properties", "oneOf", "anyOf", "additionalProperties"} & item.keys()
        and item.get("type") != "object"
    ):
        return None  # values of one record
    return None if collection_of(said, operation) else found


def collection_of(said: Description, operation: Operation) -> str:
    """Return the path of the collection whose record an operation's path names (``/things/{id}``), or ""."""
    parent, _, last = operation.path.rpartition("/")
    known = any(other.path == parent for other in said.operations)
    return parent if known and last.startswith("{") else ""


def record_key(resolver: Resolver, record: Any, by_path: str = "") -> str:
    """Return the member that seems to name a record, "" where none could.

    ``by_path`` is the parameter by which one record is asked for (``/things/{thingId}``), the surest hint.
    """
    schema = resolver.schema(record)
    properties = schema.get("properties")
    scalars = [
        str(name)
        for name, part in (properties if isinstance(properties, Mapping) else {}).items()
        if _scalar(resolver.schema(part)) and not {".", "["} & set(str(name))
    ]
    asked = words.plain(by_path)
    needed = schema.get("required") or ()
    ranked = [
        (not (asked and words.plain(name) == asked), words.key_rank(name), name not in needed, place, name)
        for place, name in enumerate(scalars)
    ]
    return min(ranked)[-1] if ranked else ""


def sibling_parameter(said: Description, path: str) -> str:
    """Return the parameter by which one record of a collection's path is asked for, "" where none is."""
    for one in said.operations:
        parent, _, last = one.path.rpartition("/")
        if parent == path and last.startswith("{") and last.endswith("}"):
            return last[1:-1]
    return ""


def asks(resolver: Resolver, operation: Operation) -> bool:
    """Tell whether an operation only asks: a GET, or a POST that pages or is called a search."""
    if operation.method == "get":
        return True
    if operation.method not in ("post", "query") or record_list(resolver, operation.answered) is None:
        return False
    named = words.SEARCHES.search(f"{operation.name} {operation.path}") is not None
    return named or pages_of(resolver, operation).kind != "none"


def parameters_of(resolver: Resolver, operation: Operation) -> dict[str, Mapping[str, Any]]:
    """Return the schemas of what an operation is asked with: query parameters, members of a search's body."""
    found = operation.query
    if operation.method != "get":
        for name, part in _properties(resolver, resolver.schema(operation.asked)):
            found.setdefault(name, resolver.schema(part))
    return found


def pages_of(resolver: Resolver, operation: Operation) -> Pages:
    """Return how an operation's list seems to be paged, by the words of `words`."""
    query = parameters_of(resolver, operation)
    size, page, offset, cursor = (
        _named(query, table) for table in (words.SIZE, words.PAGE, words.OFFSET, words.CURSOR)
    )
    members = list(_members(resolver, operation.answered, ""))
    total = _path(members, words.TOTAL, ("integer", "number"))
    bounds = query.get(size, {})
    seen = Pages(
        page=page,
        size=size,
        offset=offset,
        cursor=cursor,
        total_path=total,
        most=_whole(bounds.get("maximum")),
        usual=_whole(bounds.get("default")),
    )
    link = _link(members, cursor)
    token = _path(members, words.NEXT_CURSOR, ("string", "integer"), but=link) if cursor else ""
    both = f"and {size}" if size else "without a size"
    if cursor and token:
        why = f"{cursor} takes what the answer gives at {token}"
        return replace(seen, kind="cursor", next_path=token, why=why)
    if link:
        return replace(seen, kind="next-link", next_path=link, why=f"the answer leads on at {link}")
    if any(name.lower() == "link" for name in operation.headers):
        return replace(seen, kind="link-header", why="the answer has a Link header")
    if offset:
        return replace(seen, kind="offset", why=f"parameters {offset} {both}")
    if page:
        return replace(seen, kind="page", first=_first(query[page]), why=f"parameters {page} {both}")
    if words.plain(cursor) in words.AFTER_KEY:
        return replace(
            seen, kind="keyset", why=f"{cursor} with no cursor in the answer: the last record's key"
        )
    return replace(seen, why="no parameter and no member that looks like paging")


def _lists(resolver: Resolver, schema: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Schema]]:
    found = resolver.schema(schema)
    if found.get("type") == "array" or ("items" in found and "properties" not in found):
        yield path, found
        return
    if depth > _DEEPEST:
        return
    for name, part in _properties(resolver, found):
        if "." not in name:
            yield from _lists(resolver, part, f"{path}.{name}" if path else name, depth + 1)


def _list_rank(resolver: Resolver, path: str, schema: Schema) -> tuple[int, int, int, int]:
    """Return how little a list looks like the records: by what it holds, its name, its depth."""
    item = resolver.schema(schema.get("items"))
    objects = bool(item.get("properties") or item.get("oneOf") or item.get("anyOf"))
    names = [words.plain(part) for part in path.split(".")] if path else []
    unlike = int(any(name in words.NOT_RECORDS for name in names))
    last = names[-1] if names else ""
    return (
        unlike,
        int(not objects),
        len(names),
        words.LISTS.index(last) if last in words.LISTS else len(words.LISTS),
    )


def _properties(resolver: Resolver, schema: Schema) -> Iterator[tuple[str, Any]]:
    """Yield the members of an object, those of its alternatives behind its own."""
    given = schema.get("properties")
    yield from ((str(name), part) for name, part in (given if isinstance(given, Mapping) else {}).items())
    for word in _ALTERNATIVES:
        for part in _parts(schema, word):
            inner = resolver.schema(part).get("properties")
            yield from (
                (str(name), one) for name, one in (inner if isinstance(inner, Mapping) else {}).items()
            )


def _members(resolver: Resolver, schema: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Schema]]:
    """Yield (dotted path, schema) of what is no list around the records, outer members first."""
    inner = []
    for name, part in _properties(resolver, resolver.schema(schema)):
        found = resolver.schema(part)
        below = f"{path}.{name}" if path else name
        if found.get("properties") and "." not in name:
            inner.append((below, part))
        elif found.get("type") != "array":
            yield below, found
    if depth < _DEEPEST:
        for below, part in inner:
            yield from _members(resolver, part, below, depth + 1)


def _path(
    members: list[tuple[str, Schema]], table: frozenset[str], kinds: tuple[str, ...], but: str = ""
) -> str:
    """Return the path of the first member of such a name and type, the surest name first."""
    found = []
    for path, schema in members:
        names = [words.plain(path.rpartition(".")[2]), words.plain(path)]
        if path != but and any(name in table for name in names) and set(_kinds(schema)) & set(kinds):
            found.append(path)
    if found:  # a cursor that is only repeated stands beside the next one
        return min(
            found, key=lambda path: not words.plain(path.rpartition(".")[2]).startswith(("next", "end"))
        )
    nested = {"page.totalelements", "hits.total.value"}
    return next((path for path, _ in members if path.lower() in nested and table is words.TOTAL), "")


def _link(members: list[tuple[str, Schema]], cursor: str) -> str:
    """Return the path of the link to the next page: named so, and an address where it could be a cursor."""
    for path, schema in members:
        name, whole = words.plain(path.rpartition(".")[2]), words.plain(path)
        named = name in words.NEXT_LINK or whole.endswith(("linksnext", "linksnexthref", "nexthref"))
        said = (
            f"{schema.get('format', '')} {schema.get('description', '')} {schema.get('example', '')}".lower()
        )
        address = "uri" in said or "url" in said or "http" in said or "link" in f"{said} {whole}"
        if named and "string" in _kinds(schema) and (address or not cursor):
            return path
    return ""


def _named(query: Mapping[str, Mapping[str, Any]], table: frozenset[str]) -> str:
    return next((name for name, part in query.items() if _means(words.plain(name), part, table)), "")


def _means(name: str, schema: Mapping[str, Any], table: frozenset[str]) -> bool:
    kinds = _kinds(dict(schema))
    if name not in table or str(schema.get("format", "")).startswith("date") or "array" in kinds:
        return False
    return not kinds or bool({"integer", "number"} & set(kinds)) or name not in words.DOUBTFUL


def _first(schema: Mapping[str, Any]) -> int:
    """Return the number of the first page: 0 where the least, or what is usual, is 0."""
    least, usual = schema.get("minimum"), schema.get("default", schema.get("example"))
    given = least if _is_whole(least) else usual
    return 0 if given == 0 else 1


def _whole(value: Any) -> int:
    return int(value) if _is_whole(value) and value > 0 else 0


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and int(value) == value


def _kinds(schema: Schema) -> list[str]:
    kind = schema.get("type")
    found = (
        [str(item) for item in kind] if isinstance(kind, list) else [kind] if isinstance(kind, str) else []
    )
    for word in _ALTERNATIVES:
        for part in _parts(schema, word):
            found += _kinds(part) if isinstance(part, dict) else []
    return found


def _parts(schema: Schema, word: str) -> list[Any]:
    found = schema.get(word)
    return found if isinstance(found, list) else []


def _scalar(schema: Schema) -> bool:
    return not {"object", "array"} & set(_kinds(schema)) and "properties" not in schema
