"""The scenes of a row: a counterpart at work, a connection to it, and what can be asked of both later."""

from __future__ import annotations

import copy
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TypeAlias

from lienthong.connector import Connection
from lienthong.records import Record
from lienthong.testing.hostile.acts import CREDENTIALS, acts, greeting, ordinary
from lienthong.testing.hostile.certificates import Authority
from lienthong.testing.hostile.content import answers
from lienthong.testing.hostile.rows import ROWS
from lienthong.testing.hostile.rows_content import CONTENT
from lienthong.testing.hostile.server import Act, Asked, HostileServer, Reply, send
from lienthong.testing.hostile.service import HttpService

_NUMBERS = count(1)
_SPOILED = frozenset(row.name for row in CONTENT) - {"error-in-success"}


@dataclass(frozen=True)
class Scene:
    """One counterpart of a row.

    ``expected`` is what an exact read gives. ``calls`` and ``grants`` count the requests and the
    requests for credentials so far, ``strayed`` the connections to somebody else; ``left`` is what
    the list holds now, ``credentials`` what requests authenticated with. A counterpart without HTTP leaves
    out what it cannot count.
    """

    connection: Connection = field(repr=False)
    expected: list[Record] = field(default_factory=list, repr=False)
    calls: Callable[[], int] = field(default=lambda: 0)
    grants: Callable[[], int] = field(default=lambda: 0)
    strayed: Callable[[], int] = field(default=lambda: 0)
    exhausted: Callable[[], bool] = field(default=lambda: False)
    left: Callable[[], list[Record]] = field(default=list, repr=False)
    credentials: Callable[[], set[str]] = field(default=set, repr=False)


#: Opens a scene; what a row has several of is tried one after the other.
Opening: TypeAlias = Callable[[], AbstractContextManager[Scene]]
Hostile: TypeAlias = Mapping[str, list[Opening]]


def hostile_http(make: Callable[[], HttpService], authority: Authority) -> Hostile:
    """Return every row's scenes for services that ``make`` makes, a fresh one for each."""
    return {name: _openings(name, make, authority) for name in ROWS}


def _openings(name: str, make: Callable[[], HttpService], authority: Authority) -> list[Opening]:
    probe = make()
    if name in _SPOILED:
        many = len(list(answers(name, probe, "")))
        return [partial(_play, name, make, authority, turn) for turn in range(many)]
    many = len(acts(name, probe, ""))
    return [partial(_play, name, make, authority, turn) for turn in range(many)]


@contextmanager
def _play(name: str, make: Callable[[], HttpService], authority: Authority, turn: int) -> Iterator[Scene]:
    service = make()
    wrong = name.removeprefix("tls-")
    tls = authority.context(wrong) if wrong != name else None
    stranger = HostileServer(lambda _, link: send(link, Reply(b"", status=204)), host="127.0.0.2")
    act = _act(name, service, stranger.url, turn)
    granted: list[Asked] = []

    def dispatch(asked: Asked, link: socket.socket) -> bool:
        body = service.grant(asked)
        if body is None:
            return act(asked, link)
        granted.append(asked)
        send(link, Reply(body, "application/json", headers={"Connection": "close"}))
        return False  # the next request meets the row from its first byte

    def greet(link: socket.socket) -> bool:
        meet = greeting(name)
        waiting = type(service).grant is not HttpService.grant and not granted
        return True if meet is None or waiting else meet(link)

    with stranger, HostileServer(dispatch, greet=greet, tls=tls) as server:
        connection = service.connection(server.url, authority.ca_file)
        yield Scene(
            replace(
                connection, id=f"{connection.id}-{next(_NUMBERS)}"
            ),  # nothing kept by its name is met again
            copy.deepcopy(service.records),
            calls=lambda: len(server.asked) - len(granted),
            grants=lambda: len(granted),
            strayed=lambda: stranger.met,
            exhausted=lambda: server.exhausted,
            left=lambda: copy.deepcopy(service.records),
            credentials=lambda: _credentials(server.asked),
        )


def _credentials(asked: list[Asked]) -> set[str]:
    """Return what requests authenticated with, without the word Bearer or Basic."""
    sent = (one.headers[name] for one in asked for name in one.headers.keys() & CREDENTIALS)
    return {value.rpartition(" ")[2] for value in sent}


def _act(name: str, service: HttpService, stranger: str, turn: int) -> Act:
    if name not in _SPOILED:
        return acts(name, service, stranger)[turn]
    spoil = list(answers(name, service, stranger))[turn]
    return lambda asked, link: send(link, spoil(ordinary(service, asked).body))
