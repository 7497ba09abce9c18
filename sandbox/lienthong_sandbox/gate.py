"""The door of the sandbox: finds the system of a request, acts out faults, keeps the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lienthong_sandbox.faults import INNER, Fault
from lienthong_sandbox.system import CODE_KEY, FAULT_KEY, Call, System

_LOCAL_HOSTS = (b"127.0.0.1", b"localhost")


class Gate:
    """The outermost ASGI app. ``control`` answers ``/`` and ``/_control``, systems their prefixes."""

    def __init__(self, systems: Sequence[System], control: ASGIApp, name: str = "127.0.0.1") -> None:
        """Route to ``systems`` by the longest prefix that fits; answer to ``name`` and loopback names."""
        self._names = {*_LOCAL_HOSTS, name.encode()}
        ordered = sorted(systems, key=lambda s: len(s.prefix), reverse=True)
        self._routes = [(system, system.app()) for system in ordered]
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (or the server's start and stop)."""
        if scope["type"] != "http":
            await self._control(scope, receive, send)
            return
        host = dict(scope["headers"]).get(b"host", b"").rsplit(b":", 1)[0]
        if host not in self._names:
            await JSONResponse({"error": "this is not the host you asked for"}, 421)(scope, receive, send)
            return
        path = scope["path"]
        for system, app in self._routes:
            if path == system.prefix or path.startswith(system.prefix + "/"):
                await _serve(system, app, scope, receive, send)
                return
        await self._control(scope, receive, send)


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return b"".join(parts)


async def _serve(system: System, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    body = await _read(receive)
    operation = system.operation(Call(scope["method"], scope["path"], body))
    fault = system.board.strike(operation)
    name = fault.name if fault else None
    if fault is not None and name in INNER:
        scope[FAULT_KEY], scope[CODE_KEY] = name, fault.code
    status = 0
    replay = _again({"type": "http.request", "body": body, "more_body": False}, receive)

    async def counting(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    try:
        if fault is None or name in INNER:
            await app(scope, replay, counting)
        else:
            await _misbehave(system, fault, app, scope, replay, counting, send)
    finally:
        system.store.log(operation, status, name)


async def _misbehave(
    system: System, fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send, line: Send
) -> None:
    """Act out a fault that is the same for every system; ``line`` is the server's own sender."""
    match fault.name:
        case "cut_before":
            await _cut(line)
        case "cut_after_taken":
            await app(scope, receive, _swallow)
            await _cut(line)
        case "malformed_body":
            await _halved(app, scope, receive, send)
        case "slow_answer":
            await _late(app, scope, receive, send, fault.seconds)
        case "slow":
            request = await receive()
            if not await _gone_within(receive, fault.seconds):
                await app(scope, _again(request, receive), send)
        case _:
            await _substitute(system, fault)(scope, receive, send)


def _again(first: Message, rest: Receive) -> Receive:
    """Return a receiver that gives a message once more before the rest."""
    kept = [first]

    async def receive() -> Message:
        return kept.pop() if kept else await rest()

    return receive


async def _gone_within(receive: Receive, seconds: float) -> bool:
    """Wait, at most until the caller goes away; tell whether it did."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def _late(app: ASGIApp, scope: Scope, receive: Receive, send: Send, seconds: float) -> None:
    """Let the system do its work at once, and send its answer late (or to nobody)."""
    answer: list[Message] = []

    async def keep(message: Message) -> None:
        answer.append(message)

    await app(scope, receive, keep)
    if not await _gone_within(receive, seconds):
        for message in answer:
            await send(message)


def _substitute(system: System, fault: Fault) -> Response:
    """Return the answer that stands in for the system's own."""
    if fault.name == "expired_token":
        return system.expired()
    if fault.name == "error_in_200":
        return system.error_in_200()
    retry = {"Retry-After": str(max(1, round(fault.seconds)))}
    if fault.name == "rate_limited":
        body = {"fault": {"code": 900800, "message": "Message throttled out"}}
        return JSONResponse(body, 429, headers=retry)
    return Response("Service Unavailable", 503, headers=retry, media_type="text/plain")


async def _swallow(message: Message) -> None:
    """Take an answer that nobody will see."""


async def _cut(line: Send) -> None:
    """Close the connection without an answer.

    ASGI has no word for this; uvicorn's ``send`` is a method of its request cycle, which holds the
    transport. Another server gets an exception, which it turns into an answer of 500.
    """
    cycle: Any = getattr(line, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("this server's connections cannot be cut")
    transport.abort()
    while not cycle.disconnected:
        await asyncio.sleep(0)


async def _halved(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the system answer, then send only the first half of the body under an honest length."""
    start: Message = {}
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    whole = b"".join(parts)
    half = whole[: len(whole) // 2]
    headers = [(k, v) for k, v in start["headers"] if k.lower() not in (b"content-length", b"etag")]
    headers.append((b"content-length", str(len(half)).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": half})
