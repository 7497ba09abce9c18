"""A recording played back: every connection of it becomes a system that answers as it did.

A request is answered by the recorded one with the same method, path and query whose body is most
alike and which has not been used yet; when all are used, by the last of them. Tokens are made up and
never checked, signatures are not there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from lxml import etree
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lienthong.errors import Misconfigured
from lienthong.recording.recorder import FORMAT, ORIGIN
from lienthong_sandbox import credentials
from lienthong_sandbox.control import Control
from lienthong_sandbox.gate import Gate
from lienthong_sandbox.recorded import check_message, fields_of, folder_of, name_of, path_of, refuse_twins
from lienthong_sandbox.serving import Serving, bound
from lienthong_sandbox.store import Store
from lienthong_sandbox.system import Call, System

_CREDENTIAL = "replayed"
_HELD_BACK = frozenset({"content-type", "content-length"})


@dataclass(slots=True)
class Message:
    """One recorded message; ``used`` counts how often it has answered."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    leaves: frozenset[str]
    status: int
    headers: dict[str, str]
    answer: dict[str, Any]
    used: int = 0


@dataclass(slots=True)
class Recorded:
    """One connection of a recording."""

    about: dict[str, Any]
    messages: list[Message] = field(default_factory=list)


def read(path: Path) -> dict[str, Recorded]:
    """Return the connections of a recording by id; `Misconfigured` names the line that is none of one."""
    found: dict[str, Recorded] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        said = f"the recording cannot be read ({type(error).__name__})"
        raise Misconfigured(said, where=str(path)) from None
    for number, line in enumerate(lines, 1):
        try:
            _take(found, json.loads(line), first=number == 1)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Misconfigured(
                "this is no line of a recording",
                where=f"{path}, line {number}",
                hint="was it made with `lienthong record`, by this version?",
            ) from None
    if not found:
        raise Misconfigured("the recording holds no connection", where=str(path))
    return found


def _take(found: dict[str, Recorded], line: dict[str, Any], *, first: bool) -> None:
    if first:
        if line["recording"] != FORMAT:
            raise ValueError(line["recording"])
    elif "connection" in line:
        about = line["connection"]
        found[name_of(about)] = Recorded(about)
    else:
        said = line["message"]
        check_message(said)
        query = tuple(sorted(parse_qsl(said["query"], keep_blank_values=True)))
        leaves = frozenset(_leaves(said["body"]))
        message = Message(
            said["method"], said["path"], query, leaves, said["status"], said["received"], said["answer"]
        )
        found[said["connection"]].messages.append(message)


class Replayed(System):
    """One connection's system, as it was heard."""

    title = "Replayed"
    inner = frozenset()

    def __init__(self, store: Store, recorded: Recorded) -> None:
        """Answer with the messages of a connection."""
        self.name = folder_of(recorded.about["id"])
        self.prefix = f"/{self.name}"
        self._messages = recorded.messages
        self._lock = threading.Lock()
        super().__init__(store)

    def seed(self) -> None:
        """There is nothing to make up."""

    def operation(self, call: Call) -> str:
        """Method and path; a token request is called ``token``."""
        path = call.path.removeprefix(self.prefix)
        return "token" if b"grant_type" in call.body else f"{call.method} {path}"

    def app(self) -> ASGIApp:
        """Return the app."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            response = self._answer(request, await request.body())
            await response(scope, receive, send)

        return app

    def _answer(self, request: Request, body: bytes) -> Response:
        path = request.url.path.removeprefix(self.prefix)
        query = tuple(sorted(request.query_params.multi_items()))
        media = request.headers.get("content-type", "")
        with self._lock:
            found = self._best(request.method, path, query, frozenset(_leaves(_body(body, media))))
            if found is None:
                said = f"the recording has no {request.method} {path}"
                return JSONResponse({"message": said}, 404)
            found.used += 1
        origin = f"{request.url.scheme}://{request.url.netloc}{self.prefix}"
        headers = {n: v.replace(ORIGIN, origin) for n, v in found.headers.items() if n not in _HELD_BACK}
        kind = found.headers.get("content-type")
        return Response(_bytes(found.answer, origin), found.status, headers=headers, media_type=kind)

    def _best(
        self, method: str, path: str, query: tuple[tuple[str, str], ...], leaves: frozenset[str]
    ) -> Message | None:
        same = [m for m in self._messages if (m.method, m.path) == (method, path)]
        exact = [m for m in same if m.query == query]
        names = [m for m in same if [n for n, _ in m.query] == [n for n, _ in query]]
        there = exact or names
        fresh = [m for m in there if not m.used] or there[-1:]
        return max(fresh, key=lambda m: len(m.leaves & leaves) - len(m.leaves ^ leaves), default=None)


class Replay:
    """All systems of a recording on one loopback port; use it as a context manager."""

    def __init__(self, path: Path, home: Path, port: int = 0) -> None:
        """Read a recording; ``home`` keeps the log of requests. Nothing listens before it is entered."""
        self._recorded, self._home, self._wanted = read(path), home, port
        refuse_twins(list(self._recorded))
        self.port = 0

    def __enter__(self) -> Self:
        """Start to serve."""
        listener = bound("127.0.0.1", self._wanted)
        try:
            self.port = listener.getsockname()[1]
            self._home.mkdir(parents=True, exist_ok=True)
            self.systems: dict[str, System] = {
                folder_of(name): Replayed(Store(self._home / f"replay-{folder_of(name)}.sqlite"), recorded)
                for name, recorded in self._recorded.items()
            }
            gate = Gate([*self.systems.values()], Control(self.systems).app())
            self._serving = Serving(gate, listener)
        except BaseException:
            listener.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving and close the files."""
        self._serving.stop()
        for system in self.systems.values():
            system.store.close()

    @property
    def url(self) -> str:
        """Address of the replay, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def connections(self) -> dict[str, dict[str, Any]]:
        """Return the Airflow connections that reach the systems, with credentials that open nothing."""
        made = {}
        for name, recorded in self._recorded.items():
            origin = f"{self.url}/{folder_of(name)}"
            extra, _ = fields_of(recorded.about, origin)
            made[name] = {
                "conn_type": recorded.about["conn_type"],
                "host": origin + path_of(recorded.about),
                "login": _CREDENTIAL,
                "password": _CREDENTIAL,
                "extra": extra,
            }
        return made

    def left_out(self) -> dict[str, list[str]]:
        """Return the fields of connections, by name, that a recording may not decide."""
        found = {name: fields_of(recorded.about, "")[1] for name, recorded in self._recorded.items()}
        return {name: fields for name, fields in found.items() if fields}

    def write_connections(self, path: Path) -> None:
        """Write the connections as Airflow's local filesystem backend reads them, mode 0600."""
        credentials.write_private(path, json.dumps(self.connections(), indent=2, ensure_ascii=False))


def _body(body: bytes, media: str) -> dict[str, Any]:
    """Return a body in the form in which it is recorded."""
    text = body.decode("utf-8", "replace")
    if "json" in media and "nd" not in media:
        try:
            return {"json": json.loads(text)} if text else {}
        except (ValueError, RecursionError):
            return {}
    return {"text": text} if text else {}


def _bytes(answer: dict[str, Any], origin: str) -> bytes:
    if "json" in answer:
        return json.dumps(answer["json"], ensure_ascii=False).replace(ORIGIN, origin).encode()
    return str(answer.get("text", "")).replace(ORIGIN, origin).encode()


def _leaves(body: dict[str, Any]) -> Iterator[str]:
    """Yield the values of a body with their places: by them bodies are compared."""
    if "json" in body:
        yield from _json_leaves(body["json"], "")
    elif body.get("text", "").lstrip()[:1] == "<":
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        try:
            root = etree.fromstring(body["text"].encode(), parser)
        except (etree.XMLSyntaxError, ValueError):
            return
        for element in root.iter("*"):
            if element.text and element.text.strip():
                yield f"{element.tag}={element.text.strip()}"
    elif "text" in body:
        yield from body["text"].splitlines()


def _json_leaves(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _json_leaves(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _json_leaves(item, f"{path}[]")
    else:
        yield f"{path}={value}"
