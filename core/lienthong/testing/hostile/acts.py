"""How a counterpart treats a request, by row: cuts, drips, redirects, storms, clocks, pages."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson

from lienthong.testing.hostile.server import Act, Asked, Reply, reset, send
from lienthong.testing.hostile.service import HABITS, HttpService

#: Headers in which credentials travel.
CREDENTIALS = frozenset(
    [
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "apikey",
        "lgspaccesstoken",
        "x-authentication-token",
    ]
)
_DRIP = 0.02
_ADDED = 3
_PAGE = b"<!DOCTYPE html><html><body><h1>nginx</h1></body></html>"
_INTERIM = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
_NOTHING_SAID: Mapping[str, bytes] = {"json": b'{"time": "12:00"}', "xml": b"<time>12:00</time>"}
_FOREIGN: Mapping[str, bytes] = {
    "json": b'{"fault": {"code": 101999, "type": "Status report"}}',
    "xml": b'<am:fault xmlns:am="http://wso2.org/apimanager"><am:code>101999</am:code></am:fault>',
}
#: Records that an endless list grows by with every request: more than a page.
_FRESH = 40


def acts(name: str, service: HttpService, stranger: str) -> list[Act]:
    """Return the ways in which a row treats a request; ``stranger`` is somebody else's URL."""
    if name in _CUTS:
        return [_cut(service, beginning) for beginning in _CUTS[name]]
    if name in _MOVED:
        return [_moving(place, stranger) for place in _MOVED[name]]
    if name in _LISTS:
        return [_LISTS[name](service)]
    if name in HABITS:
        return [_habit(service, name)] if name in service.habits else []
    return {
        "slow-drip": lambda: [_dripping(service, head=True), _dripping(service, head=False)],
        "skewed-clock": lambda: [_skewed(service, days) for days in (-1, 1)],
        "skewed-wait": lambda: [_busy(days) for days in (-1, 1)],
        "unauthorized-storm": lambda: [_answering(lambda _: Reply(b"", status=401))],
        "credential-quoted": lambda: [_answering(quote) for quote in _QUOTES],
        "error-in-success": lambda: [_answering(lambda a: Reply(service.failure(a), service.media))],
        "says-nothing": lambda: [_answering(lambda _: Reply(_NOTHING_SAID[service.family], service.media))],
        "failing-in-foreign-words": lambda: [_foreign(service, status) for status in (500, 502, 504)],
        "busy": lambda: [_answering(lambda _: Reply(b"", status=503, headers={"Retry-After": "60"}))],
        "odd-status": lambda: [_foreign(service, status) for status in (600, 999)],
        "proxy-refuses": lambda: [_answering(lambda _: Reply(_PAGE, "text/html", 407))],
        "not-taken": lambda: [
            _answering(lambda _, status=status: Reply(_PAGE, "text/html", status))  # type: ignore[misc]
            for status in (405, 415)
        ],
        "page-not-there": lambda: [_answering(lambda _: Reply(_PAGE, "text/html", 404))],
        "interim-answers": lambda: [_hinting(service)],
        "endless-repeats": lambda: [_repeating(service)],
        "cut-after-body": lambda: [_leaving(service)],
    }.get(name, lambda: [_answering(lambda a: ordinary(service, a))])()


def ordinary(service: HttpService, asked: Asked) -> Reply:
    """Return the ordinary answer to a request."""
    return Reply(service.answer(asked), service.media)


def _foreign(service: HttpService, status: int) -> Act:
    """Answer a failure in the words of a gateway, under the service's own content type."""
    return _answering(lambda _: Reply(_FOREIGN[service.family], service.media, status))


def _hinting(service: HttpService) -> Act:
    def act(asked: Asked, link: socket.socket) -> bool:
        link.sendall(_INTERIM)
        return send(link, ordinary(service, asked))

    return act


def _answering(reply: Callable[[Asked], Reply]) -> Act:
    return lambda asked, link: send(link, reply(asked))


# --- cuts: each sends the beginning of an ordinary answer and leaves


def _cut(service: HttpService, beginning: Callable[[Reply], bytes]) -> Act:
    def act(asked: Asked, link: socket.socket) -> bool:
        link.sendall(beginning(ordinary(service, asked)))
        return False

    return act


def _in_chunks(reply: Reply) -> bytes:
    head = Reply(b"", reply.media, headers={"Transfer-Encoding": "chunked"}).head()
    return head + f"{len(reply.body):x}\r\n".encode() + reply.body + b"\r\n"


_CUTS: Mapping[str, tuple[Callable[[Reply], bytes], ...]] = {
    "cut-after-taken": (lambda _: b"",),
    "cut-in-head": (lambda reply: reply.head()[:-20], lambda reply: reply.head()[:-2]),
    "cut-before-body": (lambda reply: reply.head(),),
    "cut-in-body": (lambda reply: reply.head() + reply.body[: len(reply.body) // 2],),
    "cut-in-chunks": (_in_chunks, lambda reply: _in_chunks(reply)[:-20]),
}


def greeting(name: str) -> Callable[[socket.socket], bool] | None:
    """Return what a row does with a connection before it reads from it."""
    return {"cut-at-once": lambda _: False, "cut-in-request": _interrupt}.get(name)


def _interrupt(link: socket.socket) -> bool:
    link.recv(16)
    return reset(link)


def _leaving(service: HttpService) -> Act:
    """Answer in full; the end of the connection travels with the last byte."""

    def act(asked: Asked, link: socket.socket) -> bool:
        reply = ordinary(service, asked)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        link.sendall(reply.head() + reply.body, socket.MSG_MORE)
        link.shutdown(socket.SHUT_WR)
        return False

    return act


def _dripping(service: HttpService, *, head: bool) -> Act:
    def act(asked: Asked, link: socket.socket) -> bool:
        reply = ordinary(service, asked)
        link.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: " if head else reply.head())
        while True:  # until the other side has had enough
            link.sendall(b" ")
            time.sleep(_DRIP)

    return act


# --- somewhere else

_MOVED: Mapping[str, tuple[str, ...]] = {
    "redirect-elsewhere": ("/elsewhere", "/elsewhere?with=query"),
    "redirect-private": (
        "/private",
        "http://169.254.169.254/latest",
        "http://[fd00::1]/",
        "http://10.0.0.1/",
    ),
    "redirect-loop": ("",),
}


def _moving(place: str, stranger: str) -> Act:
    def reply(asked: Asked) -> Reply:
        target = asked.target if not place else f"{stranger}{place}" if place.startswith("/") else place
        return Reply(b"", status=307, headers={"Location": target})

    return _answering(reply)


# --- quoting what was sent


def _quoted(asked: Asked) -> str:
    said = [asked.headers[name] for name in sorted(asked.headers.keys() & CREDENTIALS)]
    return f"no right for {' and '.join(said)}; {asked.body[:2000].decode(errors='replace')}"


_QUOTES: tuple[Callable[[Asked], Reply], ...] = (
    lambda asked: Reply(orjson.dumps({"message": _quoted(asked)}), "application/json", status=403),
    lambda asked: Reply(
        orjson.dumps({"error": {"message": _quoted(asked)}, "code": _quoted(asked)}), "application/json", 403
    ),
    lambda asked: Reply(_quoted(asked).encode(), "text/plain; charset=utf-8", status=403),
)


# --- clocks


def _skewed(service: HttpService, days: int) -> Act:
    """Answer ordinarily, with headers by a clock that is wrong by days."""

    def reply(asked: Asked) -> Reply:
        moment = format_datetime(datetime.now(UTC) + timedelta(days=days), usegmt=True)
        headers = dict.fromkeys(("Date", "Last-Modified", "Expires"), moment)
        return Reply(service.answer(asked), service.media, headers=headers)

    return _answering(reply)


def _busy(days: int) -> Act:
    """Ask for a wait of seven seconds, by a clock that is wrong by days."""

    def reply(_: Asked) -> Reply:
        moment = datetime.now(UTC) + timedelta(days=days)
        named = {"Date": moment, "Retry-After": moment + timedelta(seconds=7)}
        headers = {name: format_datetime(when, usegmt=True) for name, when in named.items()}
        return Reply(b"", status=429, headers=headers)

    return _answering(reply)


# --- lists that change while they are read


def _repeating(service: HttpService) -> Act:
    first: list[bytes] = []

    def reply(asked: Asked) -> Reply:
        if not first:
            first.append(service.answer(asked))
        return Reply(first[0], service.media)

    return _answering(reply)


def _changing(service: HttpService, change: Callable[[int], None]) -> Act:
    """Answer ordinarily and change the list after each answer; ``change`` gets their number."""
    count = iter(range(1_000_000))

    def reply(asked: Asked) -> Reply:
        body = service.answer(asked)
        change(next(count))
        return Reply(body, service.media)

    return _answering(reply)


def _endless(service: HttpService) -> Act:
    numbers = iter(range(1_000_000))

    def reply(asked: Asked) -> Reply:
        service.records += [service.another(next(numbers)) for _ in range(_FRESH)]
        return Reply(service.answer(asked), service.media)

    return _answering(reply)


def _growing(service: HttpService) -> Act:
    def grow(number: int) -> None:
        if number < _ADDED:
            service.records.append(service.another(number))

    return _changing(service, grow)


def _shrinking(service: HttpService) -> Act:
    def shrink(number: int) -> None:
        if number < _ADDED:
            service.records.pop()

    return _changing(service, shrink)


def _sliding(service: HttpService) -> Act:
    def slide(number: int) -> None:
        if number == 0:
            service.records.pop(0)

    return _changing(service, slide)


def _reordering(service: HttpService) -> Act:
    def move(number: int) -> None:
        if number == 0:
            service.records.append(service.records.pop(0))

    return _changing(service, move)


def _habit(service: HttpService, name: str) -> Act:
    """Answer as a service with a habit; see `HttpService.habits`."""

    def reply(asked: Asked) -> Reply:
        service.habit = name
        return Reply(service.answer(asked), service.media)

    return _answering(reply)


_LISTS: Mapping[str, Callable[[HttpService], Act]] = {
    "endless-pages": _endless,
    "growing-list": _growing,
    "shrinking-list": _shrinking,
    "sliding-list": _sliding,
    "reordering-list": _reordering,
}
