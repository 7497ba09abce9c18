"""Redirects lead where the connection allows, and nobody else learns who we are."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from lienthong.connector import Connection
from lienthong.errors import Misconfigured, OutcomeUnknown, ProtocolViolation
from lienthong.testing.hostile.server import Asked, HostileServer, Reply, send
from lienthong_connectors.http.redirects import Redirects
from lienthong_connectors.rest import RestSource, RestTarget

ROWS = [{"id": n} for n in range(3)]
SOURCE = RestSource(path="rows")
PUBLIC = "93.184.215.14"


def rules(value: str) -> Redirects:
    return Redirects.of(Connection("c", "lienthong_rest", extra={"redirects": value}))


def moved(agency: Any, location: str, status: int = 307) -> bytes:
    found: bytes = agency.response(status=status, raw=b"", headers={"Location": location})
    return found


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_within_the_origin_a_get_is_followed(agency: Any, status: int) -> None:
    agency.steps = [moved(agency, "/api/new?x=1", status)]
    agency.default = agency.response(ROWS)
    assert agency.ids(agency.read(SOURCE)) == [0, 1, 2]
    assert agency.asked[1].target == "/api/new?x=1"


def test_none_follows_nothing(agency: Any) -> None:
    agency.default = moved(agency, "/api/new")
    with pytest.raises(ProtocolViolation, match="redirects"):
        agency.read(SOURCE, redirects="none")
    assert len(agency.asked) == 1


@pytest.mark.parametrize("settings", [RestTarget(path="rows"), RestTarget(path="rows/{key}", mode="single")])
def test_a_delivery_is_never_redirected(agency: Any, settings: RestTarget) -> None:
    """Not even within the origin: what was to be changed here would be changed there.

    Who redirects may have taken it (RFC 9110 section 15.4.4: see other), so the target is asked.
    """
    agency.default = moved(agency, "/api/new")
    with pytest.raises(OutcomeUnknown, match="redirects"):
        agency.target(settings).deliver(agency.batch(*ROWS))
    assert len(agency.asked) == 1


def test_a_listed_host_gets_no_credential(agency: Any) -> None:
    """A signed link into a store of files: it needs none of ours."""
    met: list[Asked] = []

    def act(asked: Asked, link: socket.socket) -> bool:
        met.append(asked)
        return send(link, Reply(b'[{"id":7}]', "application/json"))

    with HostileServer(act, host="127.0.0.2") as store:
        agency.default = moved(agency, f"{store.url}/file?signature=abc")
        pages = agency.read(SOURCE, auth="bearer", token="tok-secret", redirects="127.0.0.2")
        with pytest.raises(ProtocolViolation, match="another host"):
            agency.read(SOURCE, auth="bearer", token="tok-secret")
    assert agency.ids(pages) == [7]
    assert [asked.target for asked in met] == ["/file?signature=abc"]
    assert "authorization" not in met[0].headers
    assert agency.asked[0].headers["authorization"] == "Bearer tok-secret"


BASE = "https://api.example.gov.vn/v1"


@pytest.mark.parametrize(
    ("allowed", "address", "refusal"),
    [
        ("files.example.gov.vn", PUBLIC, None),
        ("files.example.gov.vn", "10.1.2.3", "private"),
        ("files.example.gov.vn", "172.16.0.1", "private"),
        ("files.example.gov.vn", "192.168.1.1", "private"),
        ("files.example.gov.vn", "127.0.0.1", "private"),
        ("files.example.gov.vn", "169.254.169.254", "private"),
        ("files.example.gov.vn", "::1", "private"),
        ("files.example.gov.vn", "fd00::1", "private"),
        ("files.example.gov.vn", "fe80::1%2", "private"),
        ("files.example.gov.vn", "::ffff:10.1.2.3", "private"),
        ("files.example.gov.vn 10.1.2.0/24", "10.1.2.3", None),
        ("files.example.gov.vn, 10.1.3.0/24", "10.1.2.3", "private"),
        ("files.example.gov.vn fd00::/8", "fd00::1", None),
        ("other.example.gov.vn", PUBLIC, "another host"),
        ("same-origin", PUBLIC, "another host"),
    ],
)
def test_private_addresses_are_found_behind_names(
    monkeypatch: pytest.MonkeyPatch, allowed: str, address: str, refusal: str | None
) -> None:
    """A listed name that the name service leads into our own network is refused."""
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (PUBLIC, 0)), (2, 1, 6, "", (address, 0))]
    )
    target = "https://files.example.gov.vn/a?b=c"
    if refusal is None:
        assert rules(allowed).target(BASE, f"{BASE}/x", target, where="c") == target
    else:
        with pytest.raises(ProtocolViolation, match=refusal):
            rules(allowed).target(BASE, f"{BASE}/x", target, where="c")


@pytest.mark.parametrize(
    ("location", "refusal"),
    [
        ("http://api.example.gov.vn/v1", "away from TLS"),
        ("https://api.example.gov.vn:8443/v1", "another port of its own host"),
        ("http://93.184.215.14/", "away from TLS"),
        ("ftp://93.184.215.14/", "away from TLS"),
        ("https://[::1", "address that is none"),
        ("https://files.invalid/", "without an address"),
    ],
)
def test_what_is_no_way_on_is_a_violation(location: str, refusal: str) -> None:
    """Another port is another system, and TLS is not left."""
    with pytest.raises(ProtocolViolation, match=refusal):
        rules(f"{PUBLIC} files.invalid").target(BASE, BASE, location, where="c")


@pytest.mark.parametrize("value", [" ", "none same-origin/x", "https://a.vn", "a.vn:8443", "10.0.0.0/33"])
def test_an_entry_that_is_no_host_is_named(value: str) -> None:
    with pytest.raises(Misconfigured, match="redirects"):
        rules(value)
