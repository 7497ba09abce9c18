"""A starting exchange for one operation: what to call, what its records are, how they travel.

The other end is a database table, because everybody has one: records that a service gives become
rows, rows become records that a service takes or questions that it answers. What a person must
decide is marked TODO where it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lienthong.connector.descriptor import Role
from lienthong.errors import Misconfigured, UnknownName
from lienthong_connectors.soap.compiling import compile_operation
from lienthong_connectors.soap.contract import Contracts, leaves, lists
from lienthong_connectors.soap.facets import Schema
from lienthong_connectors.soap.samples import blocks, sample
from lienthong_connectors.soap.starter_data import Json, as_record, dataset, guess_key, mapping, rows
from lienthong_connectors.soap.wsdl import Description, operations_of
from lienthong_connectors.xml.shape import TEXT_MEMBER

_PAGE: Final = re.compile(r"^(page|pageno|pagenumber|pageindex|trang|sotrang)$", re.I)
_SIZE: Final = re.compile(r"^(size|pagesize|limit|sobanghi|soluong)$", re.I)
_CODE: Final = re.compile(r"(code|status|state|result|ok|success|ma|trangthai|ketqua)$", re.I)
_GOOD: Final = ("OK", "SUCCESS", "ACCEPTED", "DONE", "0", "00", "1", "true")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for; empty texts are guessed or marked TODO."""

    operation: str
    role: Role
    record: str = ""
    key: str = ""
    name: str = ""
    provider: str = ""
    consumer: str = ""
    connection: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Starter:
    """A starting exchange before it is written: names, contracts by ref, and what its settings say.

    ``settings`` are keyword arguments of the role's settings class, ``todo`` comments by argument.
    ``table`` is the other end's table with its columns (SQL type by name) where rows are read.
    """

    name: str
    wish: Wish
    service: str
    port: str
    connection: str
    address: str
    title: str
    settings: dict[str, Any]
    todo: dict[str, str]
    table: str
    columns: dict[str, Schema]
    key: str
    datasets: dict[str, Json]
    mappings: dict[str, Json]
    reads: str
    produces: str


def plan(description: Description, wish: Wish) -> Starter:
    """Return the starting exchange for a wish.

    Raises `UnknownName` for an operation, record element or member that there is not, and
    `Misconfigured` where the operation's messages have nothing to build on.
    """
    port, operation = _operation(description, wish.operation)
    contracts = Contracts.of(description)
    service = next(service for service in description.document.services.values() if port in service.ports)
    _, request = contracts.message(operation.input)
    name, answer = contracts.message(operation.output)
    draft = _Draft(
        wish, kebab(str(service.name)), kebab(wish.operation), request, answer, name, wish.provider or "H00"
    )
    made = {"source": _source, "target": _target, "lookup": _lookup}[wish.role](draft)
    described = compile_operation(description, wish.operation, service=str(service.name), port=port)
    if declared := blocks(described, contracts.element):
        made["settings"]["soap_headers"] = declared
        made["todo"]["soap_headers"] = "what the declared headers say"
    return Starter(
        name=wish.name
        or kebab(wish.operation).replace("-", "_") + ("" if wish.role == "source" else f"_{wish.role}"),
        wish=wish,
        service=str(service.name),
        port=port,
        connection=wish.connection or kebab(str(service.name)).replace("-", "_"),
        address=str(service.ports[port].binding_options.get("address", "")),
        title=wish.operation,
        **made,
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """The pieces that a role's plan is made of."""

    wish: Wish
    space: str
    noun: str
    request: Schema
    answer: Schema
    root: str
    owner: str

    def ref(self, kind: str) -> str:
        """Return the name of a contract of this operation."""
        return f"{self.space}.{self.noun}{f'-{kind}' if kind else ''}/1"


def _source(draft: _Draft) -> dict[str, Any]:
    element, schema, _ = find_record(draft.answer, draft.root, draft.wish.record)
    record = as_record(schema)
    key = _key(draft.wish.key, record, f"answer of {draft.wish.operation}")
    flat, paths = rows(record, nullable=False)
    column = next(name for name, path in paths.items() if path == key)
    request, paging, todo = _constants(draft)
    settings: dict[str, Any] = {"request": request, "record_element": element}
    if paging:
        settings["paging"] = paging
    came, row = draft.ref(""), draft.ref("row")
    return {
        "settings": settings,
        "todo": {"request": todo} if todo else {},
        "table": draft.noun.replace("-", "_"),
        "columns": {},
        "key": column,
        "datasets": {
            came: dataset(record, key, draft.owner, draft.wish.operation, closed=False),
            row: dataset(flat, column, draft.owner, f"{draft.wish.operation}: rows", closed=True),
        },
        "mappings": {f"{came[:-2]}-to-row/1": mapping(came, row, draft.wish.operation, paths)},
        "reads": came,
        "produces": row,
    }


def _target(draft: _Draft) -> dict[str, Any]:
    key = _key(draft.wish.key, draft.request, f"request of {draft.wish.operation}")
    flat, paths = rows(draft.request, nullable=True)
    column = next(name for name, path in paths.items() if path == key)
    row, sent = draft.ref("row"), draft.ref("")
    code, good, todo = _result(draft.answer)
    return {
        "settings": {
            "request": _references(draft.request, "record", draft.wish.values),
            "result": {"path": code, "acknowledged": good},
        },
        "todo": {"result": todo},
        "table": draft.noun.replace("-", "_"),
        "columns": {name: flat["properties"][name] for name in paths},
        "key": column,
        "datasets": {
            row: dataset(flat, column, draft.owner, f"{draft.wish.operation}: rows", closed=False),
            sent: dataset(draft.request, key, draft.owner, draft.wish.operation, closed=True),
        },
        "mappings": {
            f"{row[:-2]}-to-request/1": mapping(
                row, sent, draft.wish.operation, {path: name for name, path in paths.items()}
            )
        },
        "reads": row,
        "produces": sent,
    }


def _lookup(draft: _Draft) -> dict[str, Any]:
    _, schema, path = find_record(draft.answer, draft.root, draft.wish.record, lists_only=False)
    answer = as_record(schema)
    asked, paths = rows(draft.request, nullable=True)
    told, answers = rows(answer, nullable=False)
    key = guess_key(answer)
    if not key:
        raise _nothing(f"answer of {draft.wish.operation}")
    question = {"id": {"type": "string", "minLength": 1, "maxLength": 200}, **asked["properties"]}
    result = {"id": question["id"], **{f"answer_{name}": one for name, one in told["properties"].items()}}
    row, came, made = draft.ref("question"), draft.ref("answer"), draft.ref("result")
    pairs = {"id": "id", **{f"answer_{name}": f"lookup.{path}" for name, path in answers.items()}}
    must = [f"answer_{name}" for name, path in answers.items() if name in told["required"] or path == key]
    by_column = {path: name for name, path in paths.items()}
    return {
        "settings": {
            "request": _references(draft.request, "record", draft.wish.values, by_column),
            "answer_element": path,
        },
        "todo": {},
        "table": f"{draft.noun.replace('-', '_')}_question",
        "columns": question,
        "key": "id",
        "datasets": {
            row: dataset(
                {"type": "object", "properties": question, "required": asked["required"]},
                "id", draft.owner, f"{draft.wish.operation}: questions", closed=False,
            ),
            came: dataset(answer, key, draft.owner, f"{draft.wish.operation}: answers", closed=False),
            made: dataset(
                {"type": "object", "properties": result, "required": must},
                "id", draft.owner, f"{draft.wish.operation}: results", closed=True,
            ),
        },
        "mappings": {
            f"{row[:-2]}-to-result/1": mapping(
                row, made, draft.wish.operation, pairs, {"into": "lookup", "dataset": came}
            )
        },
        "reads": row,
        "produces": made,
    }  # fmt: skip


def find_record(
    answer: Schema, root: str, wanted: str, *, lists_only: bool = True
) -> tuple[str, Schema, str]:
    """Return a record element's name, its schema and its path inside an answer.

    Without a wish it is the first list of objects, else the first list, else the whole answer.
    ``lists_only``: without a wish, look at lists only; otherwise a single member may be it, too.
    """
    found = [(path, schema) for path, schema in lists(answer) if "[" not in path]
    if wanted:
        named = [(path, schema) for path, schema in _members(answer) if path.rpartition(".")[2] == wanted]
        if wanted == root:
            return root, answer, ""
        if not named:
            names = sorted({path.rpartition(".")[2] for path, _ in _members(answer)})
            raise UnknownName(
                f"the answer has no element {wanted!r}",
                where="--record",
                hint=f"there is: {', '.join(names)}",
            )
        return wanted, named[0][1], named[0][0]
    for objects in (True, False):
        for path, schema in found:
            if bool(schema.get("properties")) is objects:
                return path.rpartition(".")[2], schema, path
    inside = answer.get("properties", {})
    if not lists_only and len(inside) == 1:
        name, schema = next(iter(inside.items()))
        if schema.get("type") == "object":
            return name, schema, name
    return root, answer, ""


def kebab(name: str) -> str:
    """Return a name in lower case with dashes: ``DongBoCongDan`` is ``dong-bo-cong-dan``."""
    spaced = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3-\2\4", name)
    found = re.sub(r"[^a-z0-9]+", "-", spaced.lower()).strip("-")
    return found if found[:1].isalpha() else f"x-{found}".strip("-")


def _operation(description: Description, name: str) -> tuple[str, Any]:
    every = [(port, operation) for port, operation, _ in operations_of(description.document)]
    for port, operation in every:
        if operation.name == name:
            return port, operation
    names = sorted({operation.name for _, operation in every})
    raise UnknownName(
        f"the WSDL has no operation {name!r}", where="--operation", hint=f"there is: {', '.join(names)}"
    )


def _members(schema: Schema, path: str = "") -> list[tuple[str, Schema]]:
    found: list[tuple[str, Schema]] = []
    for name, child in schema.get("properties", {}).items():
        below, inner = f"{path}.{name}" if path else name, child.get("items", child)
        found += [(below, inner), *_members(inner, below)]
    return found


def _key(wanted: str, schema: Schema, where: str) -> str:
    if not wanted:
        wanted = guess_key(schema)
        if not wanted:
            raise _nothing(where)
    if wanted not in [path for path, *_ in leaves(schema)]:
        there = ", ".join(path for path, *_ in leaves(schema))
        raise UnknownName(f"there is no member {wanted!r}", where="--key", hint=f"there is: {there}")
    return wanted


def _nothing(where: str) -> Misconfigured:
    return Misconfigured(
        "no member could be the key of a record", where=where, hint="choose another element with --record"
    )


def _constants(draft: _Draft) -> tuple[dict[str, Any], dict[str, int], str]:
    """Return a read's request: what was given, references that are obvious, samples for the rest."""
    request: dict[str, Any] = {}
    names = [path for path, *_ in leaves(draft.request)]
    paged = all(any(word.match(name) for name in names) for word in (_PAGE, _SIZE))
    times, open_ = ["$until", "$since"], []
    for path, schema, required in leaves(draft.request):
        value: Any = draft.wish.values.get(path)
        if value is None and paged and (_PAGE.match(path) or _SIZE.match(path)):
            value = "$page" if _PAGE.match(path) else "$size"
        if value is None and required:
            if schema.get("x-lienthong") and times:
                value = times.pop()
            else:
                value = sample(schema)
                open_.append(path)
        if value is not None:
            _put(request, path, value)
    _check_given(draft.wish.values, names)
    return request, {"size": 500} if paged else {}, f"what to ask for in {', '.join(open_)}" if open_ else ""


def _references(
    schema: Schema, name: str, given: Mapping[str, str], columns: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a request that takes every member from the record; ``columns`` where names are flat."""
    request: dict[str, Any] = {}
    for path, leaf, _ in leaves(schema):
        said = (columns or {}).get(path, path)
        if TEXT_MEMBER in leaf.get("properties", {}):
            for inner in leaf["properties"]:
                to = "_value_1" if inner == TEXT_MEMBER else inner
                _put(request, f"{path}.{to}", f"${name}.{said}.{inner}")
        else:
            _put(request, path, given.get(path, f"${name}.{said}"))
    _check_given(given, [path for path, *_ in leaves(schema)])
    return request


def _check_given(given: Mapping[str, str], names: list[str]) -> None:
    for name in given:
        if name not in names:
            raise UnknownName(
                f"the request has no member {name!r}", where="--set", hint=f"there is: {', '.join(names)}"
            )


def _put(request: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for name in outer:
        request = request.setdefault(name, {})
    request[last] = value


def _result(answer: Schema) -> tuple[str, tuple[str, ...], str]:
    """Return where an answer's code seems to stand, which codes mean success, and what is to be done."""
    scalars = [
        (path, leaf) for path, leaf, _ in leaves(answer) if leaf.get("type") not in ("array", "object")
    ]
    if not scalars:
        raise Misconfigured(
            "the answer holds nothing that says whether a record was taken",
            where="--as target",
            hint="choose another operation, or write the exchange by hand",
        )
    rank = [
        [item for item in scalars if item[1].get("type") == "boolean"],
        [item for item in scalars if _CODE.search(item[0])],
        scalars,
    ]
    path, leaf = next(group[0] for group in rank if group)
    if leaf.get("type") == "boolean":
        return path, ("true",), "true is success? and list the codes that refuse a record"
    known = [str(code) for code in leaf.get("enum", ())]
    good = tuple(code for code in known if code.upper() in _GOOD)[:1] or tuple(known[:1]) or ("0",)
    return path, good, "the codes of success, and those that refuse a record"
