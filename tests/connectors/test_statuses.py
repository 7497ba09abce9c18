"""Yes is yes: what an answer proves of a delivery, over every status, kind of body and cut, in each protocol.

The rule is written here a second time, by hand; what the connectors say is held against it. Nothing listens
on a port but in the last tests: an answer lies ready in a pair of sockets when the request is written.
"""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from lienthong.connector import (
    Answer,
    Batch,
    Connection,
    Context,
    ReadRequest,
    declares_not_taken,
    status_error,
)
from lienthong.errors import (
    Forbidden,
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    RateLimited,
    Refused,
    RequestRejected,
    TimedOut,
    Unauthenticated,
    Unavailable,
)
from lienthong.records import canonical
from lienthong.testing import refused_port
from lienthong.testing.hostile.server import HostileServer, Reply, send
from lienthong_connectors.http import pace, wire
from lienthong_connectors.rest import RestSource, RestTarget
from lienthong_connectors.soap import ResultCodes, SoapSource, SoapTarget
from lienthong_connectors.xroad import rest as xroad_rest
from lienthong_connectors.xroad import soap as xroad_soap

SURE = {401, 403, 404, 405, 413, 415, 429}
OWN_WORDS = {400, 402, 406, 409, 410, 411, 412, 414, 416, 417, 421, 422, 423, 424, 426, 428, 431, 451}
ALL = [*range(100, 600), 600, 799, 999]
SOME = [
    100,
    101,
    103,
    200,
    201,
    202,
    203,
    204,
    206,
    207,
    226,
    299,
    300,
    301,
    304,
    307,
    399,
    400,
    401,
    403,
    404,
]
SOME += [
    405,
    406,
    407,
    408,
    409,
    410,
    413,
    415,
    418,
    422,
    425,
    429,
    444,
    451,
    499,
    500,
    501,
    502,
    503,
    504,
    505,
]
SOME += [507, 511, 520, 599, 600, 999]
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
AM_FAULT = b'<am:fault xmlns:am="http://wso2.org/apimanager"><am:code>101999</am:code></am:fault>'


def envelope(inner: str, header: str = "") -> bytes:
    return f'<s:Envelope xmlns:s="{SOAP11}">{header}<s:Body>{inner}</s:Body></s:Envelope>'.encode()


def fault(code: str) -> bytes:
    return envelope(f"<s:Fault><faultcode>{code}</faultcode><faultstring>Sai</faultstring></s:Fault>")


@dataclass(frozen=True)
class Said:
    """A body: its type, its bytes, what it says (yes, no, about us, nothing), and how it arrives.

    ``missing``: bytes that are declared and do not come. ``headers``: more of them.
    """

    media: str
    data: bytes
    says: str = "nothing"
    missing: int = 0
    headers: str = ""

    def answer(self, status: int) -> bytes:
        head = f"HTTP/1.1 {status} Told\r\nContent-Length: {len(self.data) + self.missing}\r\n{self.headers}"
        return (
            head + (f"Content-Type: {self.media}\r\n" if self.media else "") + "\r\n"
        ).encode() + self.data


JSON = "application/json"
BODIES = {
    "none": Said("", b"", "yes"),
    "empty json": Said(JSON, b"", "yes"),
    "object": Said(JSON, b'{"id": 7, "note": "taken"}', "yes"),
    "success": Said(JSON, b'{"success": true, "errors": []}', "yes"),
    "error object": Said(JSON, b'{"error": {"code": 7}}', "no"),
    "not a success": Said(f"{JSON}; charset=utf-8", b'{"success": false}', "no"),
    "envelope of nobody": Said(JSON, '{"code": 99, "message": "Lỗi hệ thống"}'.encode(), "no"),
    "rows short": Said(JSON, b"[]", "no"),
    "one row failed": Said(JSON, b'[{"id": 1, "status": 422}]', "no"),
    "problem": Said("application/problem+json", b'{"title": "no", "status": 400}', "no"),
    "cut json": Said(JSON, b'{"ok": tru'),
    "twice": Said(JSON, b'{"a": 1, "a": 2}'),
    "login page": Said("text/html", b"<html><form></form></html>"),
    "page as text": Said("text/plain", b"<html>login</html>"),
    "page as json": Said(JSON, b"<html>login</html>"),
    "page without a type": Said("", b"<html>login</html>"),
    "text ok": Said("text/plain", b"OK\n", "yes"),
    "text no": Said("text/plain", b"database is down"),
    "xml": Said("application/xml", AM_FAULT),
    "short": Said(JSON, b'{"id": 7', missing=9),
    "not gzip": Said(JSON, b'{"id": 7}', missing=0, headers="Content-Encoding: gzip\r\n"),
    "half a gzip": Said(
        JSON, gzip.compress(b'{"id": 7}', mtime=0)[:-6], headers="Content-Encoding: gzip\r\n"
    ),
}
CUT = {"short", "not gzip", "half a gzip"}
WHOLE_JSON = {"object", "success", "error object", "not a success", "envelope of nobody", "rows short"}
WHOLE_JSON |= {"one row failed", "problem", "twice"}

XML = "text/xml; charset=utf-8"
TAKEN = envelope("<r><code>00</code></r>")
ENVELOPES = {
    "taken": Said(XML, TAKEN, "yes"),
    "refused by code": Said(XML, envelope("<r><code>02</code></r>"), "no"),
    "client fault": Said(XML, fault("s:Client"), "no"),
    "server fault": Said(XML, fault("s:Server")),
    "password": Said(XML, fault("wsse:FailedAuthentication"), "about us"),
    "algorithm": Said(XML, fault("s:Server.UnsupportedAlgorithm"), "about us"),
    "clocks": Said("application/xml", fault("wsu:MessageExpired"), "about us"),
    "unlisted code": Said(XML, envelope("<r><code>77</code></r>")),
    "no code": Said(XML, envelope("<r/>")),
    "am:fault": Said("application/xml", AM_FAULT),
    "am:fault of 1.2": Said("application/soap+xml", AM_FAULT),
    "empty xml": Said("text/xml", b""),
    "cut envelope": Said(XML, TAKEN[:-20]),
    "page": Said("text/html", b"<html>login</html>"),
    "page as xml": Said(XML, b"<html>login</html>"),
    "json": Said(JSON, b'{"code": "00"}'),
    "nothing": Said("", b""),
    "short": Said(XML, TAKEN, missing=9),
    "not gzip": Said(XML, TAKEN, headers="Content-Encoding: gzip\r\n"),
}


def rest_rule(status: int, name: str, said: Said) -> str:
    """The rule for JSON: a declared success that says yes, or own words that say no; else unknown."""
    if status in SURE:
        return "not taken"
    if status == 204:
        return "yes"  # it has no body, whatever is written after it
    if name in CUT or 100 <= status < 200:
        return "unknown"
    if status in {200, 201}:
        return "yes" if said.says == "yes" else "unknown"
    return "refused" if status in OWN_WORDS and name in WHOLE_JSON else "unknown"


def soap_rule(status: int, name: str, said: Said) -> str:
    """The rule for SOAP: an envelope speaks, but for what the status alone says."""
    sure = "not taken" if status in SURE else "unknown"
    if status in {401, 403, 429} or name in CUT or status in {204, 304} or 100 <= status < 200:
        return sure
    if said.says == "about us":
        return "not taken"
    if name == "client fault":
        return "refused"
    if 200 <= status < 300:
        return {"yes": "yes", "no": "refused"}.get(said.says, "unknown")
    return sure


Tell = Callable[[bytes], None]


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tell]:
    """Have an answer lie ready in the connection that the next request makes; no port is opened."""
    ready: list[bytes] = []
    ends: list[socket.socket] = []

    def connect(self: Any) -> None:
        self.sock, far = socket.socketpair()
        far.sendall(ready[-1])
        far.shutdown(socket.SHUT_WR)
        ends.append(far)

    monkeypatch.setattr(wire._PlainConnection, "connect", connect)
    monkeypatch.setattr(pace.Pace, "heard", lambda *_: None)  # no answer makes the next one wait
    monkeypatch.setattr(xroad_rest, "message_id", lambda: "m-1")
    monkeypatch.setattr(xroad_soap, "message_id", lambda: "m-1")

    def told(answer: bytes) -> None:
        while ends:
            ends.pop().close()
        ready[:] = [answer]

    yield told
    told(b"")


RECORD = {"id": "HS-1", "name": "Mẫu"}
BATCH = Batch("a" * 64, [canonical(RECORD)], ("id",), "test/1")
XROAD = {
    "uplink": "xroad",
    "xroad_client": "VN/GOV/1/LGSP",
    "xroad_provider": "VN/GOV/2/KHO",
    "xroad_service": "put",
}


def opened(settings: Any, kind: str = "rest", role: str = "target", **extra: Any) -> Any:
    connection = Connection("c", f"lienthong_{kind}", "http://agency.invalid/svc", extra=extra)
    return getattr(settings, f"open_{role}")(connection, Context(log=lambda _: None))


def fate(target: Any) -> str:
    """Deliver, and say by what came back what the pipeline will do: go on, quarantine, send again or ask."""
    try:
        answer: Answer = target.deliver(BATCH)
    except OutcomeUnknown:
        return "unknown"
    except (Refused, RequestRejected) as error:
        return "not taken" if error.details.get("status") in SURE else "refused"
    except ProtocolViolation as error:
        return f"not told as unknown: {error}"
    except (Misconfigured, RateLimited, Unavailable):
        return "not taken"
    return "yes" if answer.acknowledged else "refused" if answer.refused else "unknown"


def differences(
    target: Any, tell: Tell, rule: Any, bodies: dict[str, Said], cases: Iterator[tuple[int, str]]
) -> list[tuple[Any, ...]]:
    found = []
    for status, name in cases:
        said = bodies[name]
        tell(said.answer(status))
        came, wanted = fate(target), rule(status, name, said)
        if came != wanted:
            found.append((status, name, came, wanted))
    target.close()
    return found


def grid(bodies: dict[str, Said]) -> Iterator[tuple[int, str]]:
    """Yield every status with some body, and every body with the statuses that matter."""
    names = list(bodies)
    yield from ((status, names[place % len(names)]) for place, status in enumerate(ALL))
    yield from ((status, name) for status in SOME for name in names)


REST = RestTarget(path="put")
SOAP = SoapTarget(
    operation="put",
    namespace="urn:t",
    request={"id": "$record.id"},
    result=ResultCodes(path="code", acknowledged=("00",), refused=("02",)),
    repeatable=True,
)


def single_rule(status: int, name: str, said: Said) -> str:
    """The same rule; a record that is too large (413) is refused alone."""
    return "refused" if status == 413 else rest_rule(status, name, said)


@pytest.mark.parametrize(
    ("settings", "rule"), [(REST, rest_rule), (RestTarget(path="put", mode="single"), single_rule)]
)
def test_json_says_yes_no_or_nothing(tell: Tell, settings: RestTarget, rule: Any) -> None:
    """Before: 200 with a page, cut JSON or an error object was a yes; so was any 2xx."""
    assert differences(opened(settings), tell, rule, BODIES, grid(BODIES)) == []


def test_an_envelope_says_yes_no_or_nothing(tell: Tell) -> None:
    """Before: a 5xx in XML that is no envelope was a violation, and a wrong password a passing trouble."""
    assert differences(opened(SOAP, "soap"), tell, soap_rule, ENVELOPES, grid(ENVELOPES)) == []


ECHO = "X-Road-Id: m-1\r\nX-Road-Service: VN/GOV/2/KHO/put\r\n"
OVER_XROAD = {
    **{f"stranger, {name}": said for name, said in BODIES.items()},
    **{f"service, {name}": replace(said, headers=said.headers + ECHO) for name, said in BODIES.items()},
    "not allowed": Said(JSON, b"{}", "about us", headers="X-Road-Error: Server.ServerProxy.AccessDenied\r\n"),
    "lost": Said(JSON, b"{}", headers="X-Road-Error: Server.ServerProxy.NetworkError\r\n"),
    "another's": Said(JSON, b'{"id": 7}', headers=ECHO.replace("m-1", "m-2")),
}  # fmt: skip


def xroad_rule(status: int, name: str, said: Said) -> str:
    """The same rule; what does not come from the service is the word of whoever stands between."""
    who, _, inner = name.partition(", ")
    if 100 <= status < 200:
        return "unknown"
    if who == "service":
        return rest_rule(status, inner, said)
    if said.says == "about us":
        return "not taken" if status >= 400 else "unknown"
    return "not taken" if who == "stranger" and status in SURE else "unknown"


def test_x_road_says_the_same_over_json(tell: Tell) -> None:
    """Before: a 400, 407 or 408 of something before the Security Server counted as not taken."""
    target = opened(REST, xroad_protocol="rest", **XROAD)
    assert differences(target, tell, xroad_rule, OVER_XROAD, grid(OVER_XROAD)) == []


IN_XROAD = {
    "not allowed": Said(XML, fault("Server.ServerProxy.AccessDenied"), "about us"),
    "lost": Said(XML, fault("Server.ServerProxy.NetworkError")),
    **{
        name: said
        for name, said in ENVELOPES.items()
        if said.says not in {"yes", "no"} or name == "client fault"
    },
}


def test_x_road_says_the_same_over_soap(tell: Tell) -> None:
    """A Security Server's faults are judged by their code, all else as any SOAP service's."""
    target = opened(SOAP, "soap", **XROAD)
    assert differences(target, tell, soap_rule, IN_XROAD, grid(IN_XROAD)) == []


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (401, b'{"code": "900901"}', "not taken"),
        (429, b'{"fault": {"code": 900803}}', "not taken"),
        (500, b'{"fault": {"code": 101503}}', "not taken"),  # the gateway reached nobody
        (500, b'{"fault": {"code": 101504}}', "unknown"),
        (404, b'{"code": "404", "type": "Status report"}', "not taken"),
        (500, b'{"code": "404"}', "unknown"),  # not the answer's own status: it may be the service's word
        (502, b"", "unknown"),
        (504, b"<html/>", "unknown"),
        (503, b"<html/>", "unknown"),
        (400, b'{"message": "sai"}', "refused"),
    ],
)
def test_a_gateways_own_code_goes_before_the_status(
    tell: Tell, status: int, body: bytes, wanted: str
) -> None:
    """What a gateway says of itself is clear; what only looks so is the word of whoever is behind it."""
    target = opened(REST, uplink="ndxp", uplink_service="kho/1.0")
    tell(Said(JSON, body).answer(status))
    assert fate(target) == wanted
    target.close()


@pytest.mark.parametrize("status", [status for status in ALL if status not in SURE])
def test_only_the_table_and_clear_words_say_not_taken(status: int) -> None:
    found = status_error(status, delivery=True)
    assert found is (None if 200 <= status < 300 else OutcomeUnknown)
    refused = status_error(status, delivery=True, refuses=True)
    assert refused is (RequestRejected if status in OWN_WORDS else found)
    busy = status_error(status, delivery=True, busy=True)
    assert busy is (Unavailable if status == 503 else found)


def test_what_is_surely_not_taken_has_one_error_for_all() -> None:
    found = {status: status_error(status, delivery=True) for status in SURE}
    assert found == {status: status_error(status, delivery=False) for status in SURE}
    assert (found[401], found[403], found[429]) == (Unauthenticated, Forbidden, RateLimited)
    assert {found[status] for status in (404, 405, 413, 415)} == {RequestRejected}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(status, Unavailable) for status in (101, 500, 502, 503, 504, 507, 511, 520, 599, 600, 999)]
    + [
        (408, TimedOut),
        (425, TimedOut),
        (301, ProtocolViolation),
        (400, RequestRejected),
        (501, RequestRejected),
    ],
)
def test_a_read_that_fails_is_repeated_where_that_may_help(
    tell: Tell, status: int, kind: type[LienThongError]
) -> None:
    """Before: a gateway's 5xx in XML ended a SOAP read for good, as if the service spoke another protocol."""
    source = SoapSource(operation="get", namespace="urn:t", record_element="item")
    for settings, protocol, body in (
        (RestSource(path="r"), "rest", BODIES["object"]),
        (source, "soap", ENVELOPES["am:fault"]),
    ):
        reader = opened(settings, protocol, "source")
        tell(body.answer(status))
        with pytest.raises(LienThongError) as caught:
            list(reader.read(ReadRequest()))
        assert type(caught.value) is kind, (protocol, caught.value)
        reader.close()


@pytest.mark.parametrize(("settings", "kind"), [(REST, "rest"), (SOAP, "soap")])
@pytest.mark.parametrize(
    "body", [BODIES["login page"], BODIES["object"], ENVELOPES["am:fault"], BODIES["short"]]
)
def test_a_503_is_not_taken_where_the_connection_declares_it(
    tell: Tell, settings: Any, kind: str, body: Said
) -> None:
    """Before: Retry-After alone made it so, which a load balancer writes where a system took it, too."""
    waiting = Said(body.media, body.data, missing=body.missing, headers="Retry-After: 60\r\n")
    for said, wanted in (("", "unknown"), ("unknown", "unknown"), ("not-taken", "not taken")):
        target = opened(settings, kind, status_503=said)
        tell(waiting.answer(503))
        assert fate(target) == wanted, said
        target.close()


def test_another_word_for_503_is_named() -> None:
    with pytest.raises(Misconfigured, match="status_503"):
        declares_not_taken(Connection("c", "k", extra={"status_503": "taken"}))


# --- through real sockets


def served(act: Any, settings: Any, kind: str) -> str:
    with HostileServer(act) as server:
        connection = Connection("c", f"lienthong_{kind}", server.url)
        target = settings.open_target(connection, Context(log=lambda _: None))
        came = fate(target)
        target.close()
        assert len(server.asked) <= 1
    return came


def telling(data: bytes) -> Any:
    """Write these bytes, and close."""

    def act(_: Any, link: socket.socket) -> bool:
        link.sendall(data)
        return False

    return act


@pytest.mark.parametrize(
    ("act", "wanted"),
    [
        (telling(b"HTTP/1.1 405 Not All"), "unknown"),  # the head is cut
        (telling(b"HTTP/1.1 405 Not Allowed\r\nContent-Length: 90\r\n\r\n<html>"), "not taken"),
        (telling(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), "unknown"),
        (lambda _, link: send(link, Reply(b"", status=308, headers={"Location": "/there"})), "unknown"),
        (lambda _, link: send(link, Reply(b"<html/>", "text/html", status=407)), "unknown"),
        (lambda _, link: send(link, Reply(AM_FAULT, "text/xml", status=502)), "unknown"),
        (telling(b"HTTP/1.1 99 Odd\r\n\r\n"), "unknown"),
    ],
)
@pytest.mark.parametrize(("settings", "kind"), [(REST, "rest"), (SOAP, "soap")])
def test_over_a_wire(act: Any, wanted: str, settings: Any, kind: str) -> None:
    assert served(act, settings, kind) == wanted


def test_interim_answers_come_before_the_answer() -> None:
    """Before: the first of them was taken for the answer, and the answer for that to the next request."""
    hints = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert served(telling(hints + BODIES["object"].answer(200)), REST, "rest") == "yes"
    assert served(telling(hints + ENVELOPES["taken"].answer(200)), SOAP, "soap") == "yes"
    assert served(telling(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99), REST, "rest") == "unknown"


@pytest.mark.parametrize(("settings", "kind"), [(REST, "rest"), (SOAP, "soap")])
def test_a_refused_connection_took_nothing(settings: Any, kind: str) -> None:
    connection = Connection("c", f"lienthong_{kind}", f"http://127.0.0.1:{refused_port()}")
    target = settings.open_target(connection, Context(log=lambda _: None))
    assert fate(target) == "not taken"
    target.close()
