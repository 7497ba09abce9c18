"""A REST service made from an OpenAPI document: checks what it is sent, remembers it, answers plausibly."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any
from zlib import crc32

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_connectors.openapi.finding import (
    Pages,
    asks,
    collection_of,
    listing,
    pages_of,
    record_key,
    sibling_parameter,
)
from lienthong_connectors.openapi.operations import Description, Operation
from lienthong_sandbox.made.distinct import Keys
from lienthong_sandbox.made.openapi import modern
from lienthong_sandbox.made.paging import Cut, Paging
from lienthong_sandbox.made.values import Maker
from lienthong_sandbox.people import SEED
from lienthong_sandbox.store import Row, Store, document
from lienthong_sandbox.system import Call, System, fault_of
from lienthong_sandbox.times import now, to_ms

_BARE = "bare"
"""Kind of a row whose document only wraps a record that is no object: ``{"value": 5}`` stands for 5."""
_MOST_ERRORS = 20
_SERVED = frozenset({"get", "post", "put", "patch", "delete", "query"})
_PLACE = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Listed:
    """A list that an operation answers with: where it stands, the schema of a record, how it is cut."""

    path: str
    items: Any
    least: int
    most: int
    paging: Paging


class MadeRest(System):
    """A counterpart with ``records`` made-up records in every collection that can be listed."""

    name, prefix, title = "made", "/made", "Described by an OpenAPI document"
    inner = frozenset({"duplicate_page", "malformed_record"})

    def __init__(
        self,
        store: Store,
        described: Mapping[str, Any],
        records: int,
        fixed: Mapping[str, Any] | None = None,
        where: str = "description",
    ) -> None:
        """Serve the operations of ``described``; raises `Misconfigured` where there are none."""
        self._document = modern(described)
        self._said = Description(self._document, where)
        self._resolver = self._said.resolver
        self._operations = [one for one in self._said.operations if one.method in _SERVED]
        self._patterns = [(one, _pattern(self.prefix + one.path)) for one in self._operations]
        self._fixed = fixed
        self._maker = Maker(self._document, fixed=fixed)
        self._records = records
        self._filling = threading.Lock()
        self._lists: dict[tuple[str, str], Listed | None] = {}
        self._validators: dict[tuple[str, str], Draft202012Validator] = {}
        super().__init__(store)

    def seed(self) -> None:
        """Keep nothing yet: a collection is filled when it is first asked for."""

    def paths(self) -> list[tuple[str, str]]:
        """Return the operations: what each is called, and its path."""
        return [(f"{one.method.upper()} {one.name}", one.path) for one in self._operations]

    def operation(self, call: Call) -> str:
        """Name the operation by its operationId, else by method and path."""
        found = [
            one
            for one, pattern in self._patterns
            if one.method == call.method.lower() and pattern.fullmatch(call.path)
        ]
        return min(found, key=_parameters).name if found else "unknown"

    def app(self) -> ASGIApp:
        """Return the app with every path of the document, the literal ones before those with parameters."""
        ordered = sorted(self._operations, key=_parameters)
        return Starlette(
            routes=[
                Route(self.prefix + _route(one.path), self._handler(one), methods=[one.method.upper()])
                for one in ordered
            ]
        )

    def _handler(self, one: Operation) -> Any:
        needed = {part.name for part in one.parameters if part.place == "query" and part.required}

        async def handle(request: Request) -> Response:
            absent = sorted(needed - set(request.query_params))
            if absent:
                return _refusal([{"path": f"query/{name}", "message": "is required"} for name in absent])
            if one.method == "delete":
                return self._deleted(one, request)
            body = await request.body()
            if asks(self._resolver, one):
                return self._read(one, request, body)
            return self._taken(one, request, body)

        return handle

    # --- reading

    def _read(self, one: Operation, request: Request, body: bytes) -> Response:
        """Answer a question: a page of a list, or one record."""
        asked: Mapping[str, Any] = request.query_params
        if one.method != "get":
            try:
                value = json.loads(body) if body else {}
            except ValueError:
                return _refusal([{"path": "", "message": "the body is not JSON"}])
            if errors := self._errors(one, value):
                return _refusal(errors)
            asked = {**asked, **(value if isinstance(value, dict) else {})}
        listed = self._list_of(one)
        return self._single(one, request) if listed is None else self._listed(one, listed, request, asked)

    def _listed(self, one: Operation, listed: Listed, request: Request, asked: Mapping[str, Any]) -> Response:
        self._fill(one, listed)
        try:
            size, offset = listed.paging.asked(asked, lambda key: self._behind(one.path, key))
        except (ValueError, TypeError) as error:
            return _refusal([{"path": "query", "message": str(error)}])
        if size < 0 and listed.most:
            size = listed.most
        rows = self.store.page(one.path, limit=size, offset=offset)
        if fault_of(request) == "duplicate_page":
            rows = self.store.page(one.path, limit=size, offset=max(0, offset - size))
        found: list[Any] = [row.body["value"] if row.kind == _BARE else row.body for row in rows]
        if fault_of(request) == "malformed_record" and found:
            found = ["not a record", *found]
        cut = Cut(size, offset, self.store.count(one.path))
        if one.lines:
            text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in found)
            return Response(text, one.status, media_type=one.media)
        answer = self._maker.value(one.answered) if listed.path else found
        if listed.path:
            _put(answer, listed.path, found)
            listed.paging.tell(answer, request.url, cut)
        return self._answer(one, answer, listed.paging.headers(request.url, cut))

    def _behind(self, collection: str, key: str) -> int:
        """Return the place behind the record of a key; raises ``ValueError`` where there is none."""
        return [row.key for row in self.store.page(collection)].index(key) + 1

    def _list_of(self, one: Operation) -> Listed | None:
        """Return the list of records that an operation answers with, None where it answers otherwise."""
        key = (one.method, one.path)
        if key not in self._lists:
            self._lists[key] = self._looked_for(one)
        return self._lists[key]

    def _looked_for(self, one: Operation) -> Listed | None:
        if one.lines:
            return Listed("", one.answered, 0, 0, Paging(Pages()))
        place = listing(self._said, one)
        if place is None:
            return None
        path, schema = place
        most = int(schema.get("maxItems") or 0)
        names = self._resolver.schema(one.answered).get("properties") or ()
        paging = Paging(pages_of(self._resolver, one), most, names)
        return Listed(path, schema.get("items", {}), int(schema.get("minItems") or 0), most, paging)

    def _fill(self, one: Operation, listed: Listed) -> None:
        """Make up a collection's records when it is first asked for; the same ones whenever that is."""
        name = f"filled {one.path}"
        with self._filling:
            if self.store.setting(name) is not None:
                return
            maker = Maker(self._document, seed=SEED ^ crc32(one.path.encode()), fixed=self._fixed)
            key = record_key(self._resolver, listed.items, sibling_parameter(self._said, one.path))
            keys = Keys(self._resolver.schema(listed.items), key, maker, self._fixed or {})
            rows = [
                self._row(keys.distinct(maker.record(listed.items), number), number, named=key)
                for number in range(max(self._records, listed.least))
            ]
            self.store.put_many(one.path, rows)
            self.store.set_setting(name, "1")

    def _single(self, one: Operation, request: Request) -> Response:
        kept = self._kept(one, request)
        if kept is not None:
            return self._answer(one, kept.body)
        if collection_of(self._said, one):
            return JSONResponse({"message": "there is no such record"}, 404)
        return self._answer(one, self._maker.record(one.answered))

    def _kept(self, one: Operation, request: Request) -> Row | None:
        collection, key = collection_of(self._said, one), _last(request)
        if not collection or not key:
            return None
        self._fill_collection(collection)
        return self.store.get(collection, key)

    def _fill_collection(self, path: str) -> None:
        for one in self._operations:
            if one.path == path and one.method == "get" and (listed := self._list_of(one)):
                self._fill(one, listed)

    # --- writing

    def _taken(self, one: Operation, request: Request, body: bytes) -> Response:
        other = one.asked is None and bool(one.asked_media)  # a form or a file: taken as it is
        try:
            value = json.loads(body) if body and not other else None
        except ValueError:
            return _refusal([{"path": "", "message": "the body is not JSON"}])
        errors = self._errors(one, value)
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
        target = collection_of(self._said, one) or one.path
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
        collection, key = collection_of(self._said, one), _last(request)
        self._fill_collection(collection)
        if not collection or not self.store.delete(collection, key):
            return JSONResponse({"message": "there is no such record"}, 404)
        self.store.note(one.name, key, request.headers.get("x-request-id"))
        return Response(status_code=204)

    def _errors(self, one: Operation, value: Any) -> list[dict[str, str]]:
        if one.asked is None:
            return []
        key = (one.method, one.path)
        if key not in self._validators:
            whole = {**self._document, **one.asked} if isinstance(one.asked, Mapping) else one.asked
            self._validators[key] = Draft202012Validator(whole, format_checker=FormatChecker())
        found = []
        for error in self._validators[key].iter_errors(value):
            if error.validator == "required" and self._only_read(one, error):
                continue
            path = "/".join(str(part) for part in error.absolute_path)
            found.append({"path": path, "message": f"{error.validator}: {error.validator_value!r}"[:200]})
        return found[:_MOST_ERRORS]

    def _only_read(self, one: Operation, error: ValidationError) -> bool:
        """Tell whether what is missing is a member that only answers have (OpenAPI 3.1 section 4.8.24)."""
        parts: dict[str, Any] = {**(self._resolver.schema(one.asked).get("properties") or {})}
        parts |= error.schema.get("properties") or {} if isinstance(error.schema, Mapping) else {}
        needed: Any = error.validator_value
        name = next((name for name in needed if repr(name) in error.message), "")
        return self._resolver.schema(parts.get(name)).get("readOnly") is True

    def _row(self, record: Any, number: int, key: str = "", named: str = "") -> Row:
        moment = to_ms(now()) if number < 0 else number
        if not isinstance(record, dict):
            return document(f"{number:06d}", moment, {"value": record}, _BARE)
        told = record.get(named)
        name = key or (str(told) if isinstance(told, (str, int)) else _key(record)) or f"{number:06d}"
        return document(name, moment, record)

    def _answer(self, one: Operation, value: Any, headers: Mapping[str, str] | None = None) -> Response:
        if one.answered is None or one.status in (204, 205):
            return Response(status_code=one.status, headers=dict(headers or {}))
        return JSONResponse(value, one.status, headers=dict(headers or {}), media_type=one.media)


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


def _pattern(template: str) -> re.Pattern[str]:
    """Return what paths of a template look like."""
    return re.compile("[^/]+".join(re.escape(part) for part in _PLACE.split(template.partition("?")[0])))


def _route(template: str) -> str:
    """Return a template as Starlette writes it, whose names are words."""
    numbers = count()
    return _PLACE.sub(lambda _: f"{{p{next(numbers)}}}", template.partition("?")[0])


def _parameters(one: Operation) -> int:
    return one.path.count("{")


def _put(answer: Any, path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for name in outer:
        if not isinstance(answer.get(name), dict):
            answer[name] = {}
        answer = answer[name]
    answer[last] = value


def _refusal(errors: list[dict[str, str]]) -> JSONResponse:
    return JSONResponse({"message": "the request does not follow the description", "errors": errors}, 422)
