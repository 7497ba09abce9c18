"""A starting exchange for one operation of a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from lienthong.errors import Misconfigured, UnknownName
from lienthong_connectors.openapi import words
from lienthong_connectors.openapi.asking import Question, question_of
from lienthong_connectors.openapi.contract import Contracts
from lienthong_connectors.openapi.credentials import connection_of
from lienthong_connectors.openapi.finding import (
    asks,
    collection_of,
    listing,
    pages_of,
    record_key,
    record_list,
    sibling_parameter,
)
from lienthong_connectors.openapi.operations import Description, Operation
from lienthong_connectors.openapi.paging import paging_of
from lienthong_connectors.openapi.resolving import Schema
from lienthong_connectors.soap.contract import leaves
from lienthong_connectors.starting.files import literal, text
from lienthong_connectors.starting.plans import (
    Ends,
    Names,
    Plan,
    Setting,
    giving,
    kebab,
    no_key,
    no_member,
    taking,
    variable,
)

_PLAIN: Final = ("application/json", "text/json")
_WRITES: Final = ("post", "put", "patch")
#: Statuses that a delivery takes for a yes without being told so.
_YES: Final = frozenset({200, 201, 204})
_SUCCESS: Final = "GUESS: this status says that all was taken; if it is worked on later, set accepted"
_MODULE: Final = "lienthong_connectors.rest"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for; empty texts are guessed or marked TODO."""

    operation: str
    role: Literal["source", "target"] = "source"
    records: str | None = None
    key: str = ""
    name: str = ""
    provider: str = ""
    consumer: str = ""
    connection: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def plan(said: Description, wish: Wish) -> Plan:
    """Return the starting exchange for a wish.

    Raises `UnknownName` for an operation, parameter or member that there is not, and `Misconfigured` for
    an operation that gives no list of records, or takes none, in JSON.
    """
    operation = chosen(said, wish.operation)
    title = operation.summary or operation.name
    names = Names(kebab(said.title or "service"), kebab(_noun(operation)), title, wish.provider)
    connection, remarks = connection_of(said, operation)
    made = (_source if wish.role == "source" else _target)(said, operation, wish, names)
    end = Ends(
        _MODULE,
        "RestSource" if wish.role == "source" else "RestTarget",
        made.settings,
        made.names,
        (*made.remarks, *remarks),
        connection,
    )
    suffix = "" if wish.role == "source" else "_target"
    return Plan(
        name=wish.name or variable(names.table + suffix),
        title=names.title,
        role=wish.role,
        connection_id=wish.connection or names.space.replace("-", "_"),
        end=end,
        provider=wish.provider,
        consumer=wish.consumer,
        cursor=made.cursor,
        **made.contracts,
    )


def chosen(said: Description, name: str) -> Operation:
    """Return an operation by its operationId, or by method and path; `UnknownName` lists what there is."""
    method, _, path = name.partition(" ")
    for one in said.operations:
        if one.name == name or (one.method == method.lower() and one.path == path.strip()):
            return one
    names = [one.name for one in said.operations]
    near = [one for one in names if name.lower() in one.lower()] or names
    listed = ", ".join(near[:20]) + (f" and {len(near) - 20} more" if len(near) > 20 else "")
    raise UnknownName(
        f"the document has no operation {name!r}", where="--operation", hint=f"there is: {listed}"
    )


@dataclass(frozen=True, slots=True)
class _Made:
    settings: tuple[Setting, ...]
    contracts: dict[str, Any]
    names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    cursor: str = ""


def _source(said: Description, operation: Operation, wish: Wish, names: Names) -> _Made:
    resolver = said.resolver
    if not asks(resolver, operation) or operation.method == "query":
        raise _unfit(operation, "source", "it is no GET and no search", "choose another operation")
    path, schema = _records(said, operation, wish.records)
    contracts = Contracts(resolver)
    record = contracts.of(schema)
    if not record.get("properties"):
        what = f"{path or 'its answer'} is no list of objects whose members it names"
        raise _unfit(operation, "source", what, "name another list with --records, or use lienthong sample")
    key = _key(
        wish.key, record, record_key(resolver, schema, sibling_parameter(said, operation.path)), operation
    )
    pages = pages_of(resolver, operation)
    asked = question_of(resolver, operation, pages, wish.values)
    most = _most(said, operation)
    paging, remark = paging_of(pages, most, asked.in_body, key)
    settings = [
        Setting("path", text(asked.path), asked.path_remark),
        *_asking(asked, pages.kind, pages.size, most),
        *([Setting("format", text("ndjson"))] if operation.lines else []),
        *([Setting("records", text(path), "GUESS: the list of records")] if path else []),
        *([Setting("paging", paging.source, f"GUESS: {pages.why}")] if paging.source else []),
        *_media(operation),
    ]
    left = [f"left out, because a dataset cannot name it: {name}" for name in contracts.left_out]
    return _Made(
        settings=tuple(settings),
        contracts=giving(names, record, key),
        names=paging.names,
        remarks=tuple(filter(None, [*asked.remarks, remark, *left, _envelope(said, operation, path)])),
        cursor=_cursor(operation, record),
    )


def _target(said: Description, operation: Operation, wish: Wish, names: Names) -> _Made:
    if operation.method not in _WRITES or operation.asked is None:
        what = f"it takes {operation.asked_media}" if operation.asked_media else "it takes no body"
        raise _unfit(operation, "target", what, "choose a POST, PUT or PATCH that takes JSON")
    resolver, contracts = said.resolver, Contracts(said.resolver, asked=True)
    path, schema = _taken(said, operation)
    record = contracts.of(schema)
    if not record.get("properties"):
        raise _unfit(operation, "target", "its body names no members", "write the exchange by hand")
    by_path = next((one.name for one in operation.parameters if one.place == "path"), "")
    key = _key(wish.key, record, record_key(resolver, schema, by_path), operation)
    single, declared = path is None, operation.status not in _YES
    asked = question_of(resolver, operation, None, wish.values, keep={by_path} if single else set())
    where = asked.path.replace(f"{{{by_path}}}", "{key}") if by_path else asked.path
    settings = [
        Setting("path", text(where), asked.path_remark),
        *([Setting("method", text(operation.method.upper()))] if operation.method != "post" else []),
        *([Setting("mode", text("single"))] if single else []),
        *([Setting("wrap", literal(_wrapped(path)))] if path else []),
        *([Setting("params", literal(asked.params))] if asked.params else []),
        *([Setting("headers", literal(asked.headers))] if asked.headers else []),
        *([Setting("success", f"Success(statuses=({operation.status},))", _SUCCESS)] if declared else []),
    ]
    remarks = [
        *asked.remarks,
        "TODO: results or envelope, if the answer says what became of records; status, to ask for outcomes",
        *(f"left out, because a dataset cannot name it: {name}" for name in contracts.left_out),
    ]
    imported = ("Success",) if declared else ()
    return _Made(tuple(settings), taking(names, record, key), names=imported, remarks=tuple(remarks))


def _taken(said: Description, operation: Operation) -> tuple[str | None, Any]:
    """Return where records stand in a body (None: the body is one record) and the schema of a record."""
    body = said.resolver.schema(operation.asked)
    found = record_list(said.resolver, operation.asked)
    if body.get("type") == "array" and found is not None:
        return "", found[1].get("items", {})
    properties = body.get("properties")
    if found is not None and isinstance(properties, Mapping) and list(properties) == [found[0]]:
        return found[0], found[1].get("items", {})
    return None, operation.asked


def _records(said: Description, operation: Operation, wanted: str | None) -> tuple[str, Any]:
    """Return path and schema of the records that an operation answers with."""
    if operation.lines:
        return "", operation.answered
    if operation.answered is None:
        what = f"it answers with {operation.media}" if operation.media else "it answers with no body"
        raise _unfit(operation, "source", what, "only JSON is described so; write the exchange by hand")
    if wanted is None:
        found = listing(said, operation)
        if found is None:
            one = collection_of(said, operation)
            hint = f"choose the operation of {one}" if one else "choose another operation"
            raise _unfit(operation, "source", "it answers with one record, not with a list", hint)
        return found[0], found[1].get("items", {})
    schema = said.resolver.schema(operation.answered)
    for name in wanted.split(".") if wanted else ():
        schema = said.resolver.schema((schema.get("properties") or {}).get(name, {}))
    if schema.get("type") != "array":
        raise UnknownName(f"the answer has no list at {wanted!r}", where="--records")
    return wanted, schema.get("items", {})


def _most(said: Description, operation: Operation) -> int:
    """Return how many records the schema allows in an answer, 0 where it says nothing."""
    found = record_list(said.resolver, operation.answered) if operation.answered is not None else None
    most = found[1].get("maxItems") if found else None
    return most if isinstance(most, int) and most > 0 else 0


def _asking(asked: Question, kind: str, size: str, most: int) -> list[Setting]:
    """Return the settings that say how a list is asked for."""
    params = dict(asked.params)
    if kind in ("none", "next-link", "link-header") and size and size not in params and not asked.in_body:
        number = min(filter(None, (asked.most, most)), default=0)
        params |= {size: str(number)} if number else {}
    made = [Setting("method", text("POST"))] if asked.body is not None else []
    made += [Setting("body", literal(asked.body))] if asked.body else []
    made += [Setting("params_in", text("body"))] if asked.in_body else []
    made += [Setting("params", literal(params))] if params else []
    return made + ([Setting("headers", literal(asked.headers))] if asked.headers else [])


def _media(operation: Operation) -> list[Setting]:
    plain = operation.media in _PLAIN or operation.lines
    return [] if plain else [Setting("content_types", literal((operation.media,)))]


def _key(wanted: str, record: Schema, guessed: str, operation: Operation) -> str:
    scalars = [path for path, leaf, _ in leaves(record) if leaf.get("type") not in ("object", "array")]
    if wanted and wanted not in scalars:
        raise no_member(wanted, record)
    if wanted or guessed in scalars:
        return wanted or guessed
    ranked = sorted((words.key_rank(path.rpartition(".")[2]), path.count("."), path) for path in scalars)
    if not ranked:
        raise no_key(operation.name)
    return ranked[0][-1]


def _cursor(operation: Operation, record: Schema) -> str:
    """Return a remark on how only what changed could be asked for, empty where nothing looks so."""
    asked = next((name for name in operation.query if words.plain(name) in words.SINCE), "")
    changed = next((path for path, *_ in leaves(record) if words.CHANGED.search(words.plain(path))), "")
    if not asked or not changed:
        return ""
    return (
        f"GUESS: since_param={text(asked)} in the settings and cursor={text(changed)} in Source would ask "
        "only for what changed; as it stands every run reads everything"
    )


def _envelope(said: Description, operation: Operation, records: str) -> str:
    """Return a remark on a member that seems to say how the question went."""
    outer = said.resolver.schema(operation.answered).get("properties") if records else None
    for name, part in (outer if isinstance(outer, Mapping) else {}).items():
        schema = said.resolver.schema(part)
        kind = schema.get("type")
        if words.plain(name) in words.CODE and kind in ("string", "integer", "boolean"):
            good = "true" if kind == "boolean" else str(schema.get("example", schema.get("default", "0")))
            return (
                f"GUESS: the answer says at {name} how it went; if it does so with status 200, too, give "
                f"envelope=Envelope(code_path={text(name)}, ok_values=({text(good)},))"
            )
    return ""


def _wrapped(path: str | None) -> dict[str, Any]:
    found: Any = "$records"
    for name in reversed((path or "").split(".")):
        found = {name: found}
    return dict(found)


def _noun(operation: Operation) -> str:
    if operation.name != f"{operation.method} {operation.path}":
        return operation.name
    parts = [part for part in operation.path.split("/") if part and not part.startswith("{")]
    method = "" if operation.method == "get" else f"{operation.method}-"
    return method + ("-".join(parts[-2:]) or "records")


def _unfit(operation: Operation, role: str, what: str, hint: str) -> Misconfigured:
    return Misconfigured(f"{operation.name!r} cannot be a {role}: {what}", where="--operation", hint=hint)
