"""One sandbox for all tests of this folder, and small clients that speak to it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from lienthong_sandbox import Province

Client = Callable[..., requests.Response]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    """A sandbox that lives as long as the session."""
    with Province(tmp_path_factory.mktemp("sandbox")) as province:
        yield province


@pytest.fixture
def province(running: Province) -> Iterator[Province]:
    """The running sandbox without any fault in wait, before and after."""
    running.clear_faults()
    yield running
    running.clear_faults()


def bearer(province: Province, name: str) -> dict[str, str]:
    """Return the Authorization header of an OAuth2 connection."""
    connection = province.connections()[name]
    answer = requests.post(
        connection["extra"]["token_url"],
        data={"grant_type": "client_credentials"},
        auth=(connection["login"], connection["password"]),
        timeout=60,
    )
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
def catalogue(province: Province) -> Client:
    """``catalogue(path, **requests arguments)`` with a token."""
    return _client(province, "national_catalogue")


@pytest.fixture
def one_stop(province: Province) -> Client:
    """``one_stop(path, **requests arguments)`` with a token."""
    return _client(province, "one_stop")


def _client(province: Province, name: str) -> Client:
    host, token = province.connections()[name]["host"], bearer(province, name)

    def call(path: str, method: str = "GET", **arguments: Any) -> requests.Response:
        headers = token | arguments.pop("headers", {})
        return requests.request(method, host + path, headers=headers, timeout=60, **arguments)

    return call


@pytest.fixture
def portal(province: Province) -> Client:
    """``portal("g" or "p", service, **fields)`` in a fresh session."""
    connection = province.connections()["national_portal"]
    headers = {"dstcode": connection["extra"]["dstcode"], "Charset": "utf-8"}
    login = {"username": connection["login"], "password": connection["password"]}
    url = connection["extra"]["token_url"]
    session = requests.post(url, json=login, headers=headers, timeout=60).json()["session"]

    def call(kind: str, service: str, **fields: Any) -> requests.Response:
        body = {"session": session, "madonvi": connection["extra"]["madonvi"], "service": service} | fields
        return requests.post(f"{connection['host']}/mapi/{kind}", json=body, headers=headers, timeout=60)

    return call


def hash_session(province: Province, shift: float = 0.0, unit: int = 1000) -> requests.Session:
    """Return a session that signs as the population database asks for, ``shift`` seconds off."""
    connection = province.connections()["population"]
    stamp = str(round((time.time() + shift) * unit))
    text = connection["extra"]["sv_url"] + connection["login"] + stamp + connection["password"]
    session = requests.Session()
    session.auth = (connection["login"], hashlib.sha256(text.encode()).hexdigest())
    session.headers["Timestamp"] = stamp
    return session


@pytest.fixture
def new_hash_session(province: Province) -> Callable[..., requests.Session]:
    """Make hash-authenticated sessions for the population database, or for ``at`` another sandbox."""

    def make(at: Province | None = None, **options: Any) -> requests.Session:
        return hash_session(at or province, **options)

    return make


@pytest.fixture
def civil_headers(province: Province) -> dict[str, str]:
    """The bearer header of the civil status service."""
    return bearer(province, "civil_status")
