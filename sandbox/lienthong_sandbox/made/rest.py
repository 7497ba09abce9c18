"""A REST service made from an OpenAPI document: checks what it is sent, remembers it, answers plausibly."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator, FormatChecker
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox.made.openapi import Operation, modern, operations
from lienthong_sandbox.made.paging import Paging
from lienthong_sandbox.made.values import Maker
from lienthong_sandbox.store import Row, Store, document
from lienthong_sandbox.system import Call, System, fault_of
from lienthong_sandbox.times import now, to_ms

_MOST_ERRORS = 20
_TOTALS = frozenset(
    {"total", "count", "totalcount", "totalelements", "tongso", "tongsobanghi", "recordcount"}
)


class MadeRest(System):
    """A counterpart with ``records`` made-up records in every collection that can be listed."""

    name, prefix, title = "made", "/made", "Described by an OpenAPI document"
    inner = frozenset({"duplicate_page", "malformed_record"})

    def __init__(
        self, store: Store, described: Mapping[str, Any], records: int, fixed: Mapping[str, Any] | None = None
    ) -> None:
        """Serve the operations of ``described``; raises ``ValueError`` where there are none."""
        self._document = modern(described)
        self._operations = list(operations(self._document))
        self._maker = Maker(self._document, fixed=fixed)
        self._records = records
        super().__init__(store)

    def seed(self) -> None:
        """Fill every collection that a GET lists."""
        for one in self._operations:
            place = _list_in(self._maker, one.answered) if one.method == "get" else None
            if place is not None and "{" not in one.path:
                items = self._maker.resolved(place[1]).get("items", {})
                self.store.put_many(
                    one.path, [self._row(self._maker.record(items), n) for n in range(self._records)]
                )

    def paths(self) -> list[tuple[str, str]]:
        """Return the operations: what each is called, and its path."""
        return [(f"{one.method.upper()} {one.name}", one.path) for one in self._operations]

    def operation(self, call: Call) -> str:
        """Name the operation by its operationId, else by method and path."""
        return next(
            (
                one.name
                for one in self._operations
                if one.method == call.method.lower() and _same(self.prefix + one.path, call.path)
            ),
            "unknown",
        )

    def app(self) -> ASGIApp:
        """Return the app with every path of the document, the literal ones before those with parameters."""
        ordered = sorted(self._operations, key=lambda one: one.path.count("{"))
        return Starlette(
            routes=[
                Route(self.prefix + one.path, self._handler(one), methods=[one.method.upper()])
                for one in ordered
            ]
        )

    def _handler(self, one: Operation) -> Any:
        async def handle(request: Request) -> Response:
            absent = sorted(one.needed - set(request.query_params))
            if absent:
                return _refusal([{"path": f"query/{name}", "message": "is required"} for name in absent])
            if one.method == "get":
                return self._listed(one, request) if "{" not in one.path else self._single(one, request)
            if one.method == "delete":
                return self._deleted(one, request)
            return self._taken(one, request, await request.body())

        return handle

    # --- reading

    def _listed(self, one: Operation, request: Request) -> Response:
        place = _list_in(self._maker, one.answered)
        if place is None:
            return self._answer(one, self._maker.record(one.answered))
        paging = Paging.of(one.query)
        try:
            size, offset = paging.asked(request.query_params)
        except ValueError as error:
            return _refusal([{"path": "query", "message": str(error)}])
        rows = self.store.page(one.path, limit=size, offset=offset)
        if fault_of(request) == "duplicate_page":
            rows = self.store.page(one.path, limit=size, offset=max(0, offset - size))
        found: list[Any] = [row.body for row in rows]
        if fault_of(request) == "malformed_record" and found:
            found = ["not a record", *found]
        total = self.store.count(one.path)
        path, _ = place
        answer = self._maker.value(one.answered) if path else found
        if path:
            _put(answer, path, found)
            _total(answer, total)
        headers = paging.headers(request.url, offset, size, total)
        paging.cursor(answer, offset, size, total)
        return self._answer(one, answer, headers)

    def _single(self, one: Operation, request: Request) -> Response:
        kept = self._kept(one, request)
        if kept is not None:
            return self._answer(one, kept.body)
        if self._collection(one) is not None:
            return JSONResponse({"message": "there is no such record"}, 404)
        return self._answer(one, self._maker.record(one.answered))

    def _kept(self, one: Operation, request: Request) -> Row | None:
        collection, key = self._collection(one), _last(request)
        return self.store.get(collection, key) if collection and key else None

    def _collection(self, one: Operation) -> str | None:
        """Return the collection of a path such as ``/things/{id}``."""
        parent, _, last = one.path.rpartition("/")
        known = {other.path for other in self._operations}
        return parent if last.startswith("{") and "{" not in parent and parent in known else None

    # --- writing

    def _taken(self, one: Operation, request: Request, body: bytes) -> Response:
        try:
            value = json.loads(body) if body else None
        except ValueError:
            return _refusal([{"path": "", "message": "the body is not JSON"}])
        errors = self._errors(one.asked, value)
        if errors:
            return _refusal(errors)
        key = request.headers.get("idempotency-key", "")
        digest = hashlib.sha256(body).hexdigest()
        before = self.store.answer(key) if key else None
        if before is not None:
            if before[0] != digest:
                return JSONResponse({"message": "this Idempotency-Key came with another body"}, 422)
            return self._answer(one, json.loads(before[1]))
        answer = self._keep(one, request, value)
        if key:
            self.store.save_answer(key, digest, json.dumps(answer))
        return self._answer(one, answer)

    def _keep(self, one: Operation, request: Request, value: Any) -> Any:
        target = self._collection(one) or one.path
        items = value if isinstance(value, list) else [value]
        with self.store.transaction():
            for item in items:
                if isinstance(item, dict):
                    row = self._row(item, -1, _last(request) if "{" in one.path else "")
                    self.store.put(target, row)
                    self.store.note(one.name, row.key, request.headers.get("x-request-id"))
        answer = self._maker.value(one.answered) if one.answered is not None else None
        if isinstance(answer, dict) and isinstance(value, dict):
            answer |= {name: value[name] for name in answer.keys() & value.keys()}
        return answer

    def _deleted(self, one: Operation, request: Request) -> Response:
        collection, key = self._collection(one), _last(request)
        if collection is None or not self.store.delete(collection, key):
            return JSONResponse({"message": "there is no such record"}, 404)
        self.store.note(one.name, key, request.headers.get("x-request-id"))
        return Response(status_code=204)

    def _errors(self, schema: Any, value: Any) -> list[dict[str, str]]:
        if schema is None:
            return []
        whole = {**self._document, **schema} if isinstance(schema, Mapping) else schema
        validator = Draft202012Validator(whole, format_checker=FormatChecker())
        found = []
        for error in validator.iter_errors(value):
            path = "/".join(str(part) for part in error.absolute_path)
            found.append({"path": path, "message": f"{error.validator}: {error.validator_value!r}"[:200]})
        return found[:_MOST_ERRORS]

    def _row(self, record: Any, number: int, key: str = "") -> Row:
        body = record if isinstance(record, dict) else {"value": record}
        name = key or _key(body) or f"{number:06d}"
        moment = to_ms(now()) if number < 0 else number
        return document(name, moment, body)

    def _answer(self, one: Operation, value: Any, headers: Mapping[str, str] | None = None) -> Response:
        if one.answered is None:
            return Response(status_code=one.status, headers=dict(headers or {}))
        return JSONResponse(value, one.status, headers=dict(headers or {}))


def _key(body: Mapping[str, Any]) -> str:
    """Return what stands for a record's key: ``id`` or the like, else its first plain member."""
    plain = {name: item for name, item in body.items() if isinstance(item, (str, int))}
    named = [name for name in plain if name.lower() in {"id", "key", "code", "ma"}]
    named += [name for name in plain if name.lower().startswith(("ma", "so")) or name.lower().endswith("id")]
    chosen = next(iter([*named, *plain]), "")
    return str(plain[chosen]) if chosen else secrets.token_hex(8)


def _last(request: Request) -> str:
    """Return the value of the path's last parameter."""
    return str(next(reversed(request.path_params.values()), ""))


def _same(template: str, path: str) -> bool:
    parts, asked = template.split("/"), path.split("/")
    return len(parts) == len(asked) and all(
        one.startswith("{") or quote(one) == quote(other) for one, other in zip(parts, asked, strict=True)
    )


def _list_in(maker: Maker, schema: Any, path: tuple[str, ...] = ()) -> tuple[tuple[str, ...], Any] | None:
    """Return where an answer's list of records stands, and its schema; None where there is none."""
    found = maker.resolved(schema)
    if found.get("type") == "array":
        return path, found
    if len(path) > 3:
        return None
    for name, part in found.get("properties", {}).items():
        inner = _list_in(maker, part, (*path, name))
        if inner is not None:
            return inner
    return None


def _put(answer: Any, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        answer = answer.setdefault(name, {})
    answer[path[-1]] = value


def _total(answer: Any, total: int) -> None:
    """Set every member that is called a total."""
    if isinstance(answer, dict):
        for name, item in answer.items():
            if name.replace("_", "").lower() in _TOTALS and isinstance(item, int):
                answer[name] = total
            else:
                _total(item, total)


def _refusal(errors: list[dict[str, str]]) -> JSONResponse:
    return JSONResponse({"message": "the request does not follow the description", "errors": errors}, 422)
