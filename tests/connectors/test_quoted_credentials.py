"""What a counterpart quotes of our credentials reaches no error, no reason and no log line."""

from __future__ import annotations

import base64
import json
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest

from lienthong.connector import Answer, Batch, Connection, Context, ReadRequest
from lienthong.errors import LienThongError
from lienthong.records import canonical, sha256
from lienthong.testing import Asked
from lienthong.testing.hostile.server import HostileServer, Reply, send
from lienthong_connectors.rest import Envelope, RestSource, RestTarget, Results
from lienthong_connectors.soap import ResultCodes, SoapSource, SoapTarget

SECRET = "k3y/Of+H21=vault"
FETCHED = "granted-9f8e7d6c5b4a"
BLOB = base64.b64encode(f"app:{SECRET}".encode()).decode()
FORMS = {
    "plain": SECRET,
    "percent": quote(SECRET, safe=""),
    "blob": BLOB,
    "bearer": f"Bearer {FETCHED}",
    "escaped": json.dumps(json.dumps(SECRET)),
}
KINDS: dict[str, dict[str, Any]] = {
    "basic": {"login": "app", "password": SECRET, "extra": {"auth": "basic"}},
    "bearer": {"extra": {"auth": "bearer", "token": SECRET}},
    "api-key": {"extra": {"auth": "api-key", "token": SECRET}},
    "oauth2": {"login": "app", "password": SECRET, "extra": {"auth": "oauth2", "token_url": "/token"}},
    "header": {"extra": {"headers": json.dumps({"ApiKey": SECRET})}},
    "gateway": {
        "login": "app",
        "password": SECRET,
        "extra": {"auth": "basic", "uplink": "ndxp", "uplink_auth": "api-key", "uplink_token": FETCHED},
    },
}
ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'
FAULT = "<s:Fault><faultcode>{}</faultcode><faultstring>{}</faultstring><detail><x>{}</x></detail></s:Fault>"


def clean(text: str, kind: str, form: str) -> None:
    """Hold that nothing of what this kind sends is in a text."""
    sent = [SECRET, quote(SECRET, safe=""), BLOB[6:-4]]
    if kind in {"oauth2", "gateway"}:
        sent.append(FETCHED)
    for one in sent:
        assert one not in text, f"{kind}, quoted as {form}: {text}"


def everything(kind: str, url: str, connector: str, settings: Any) -> str:
    """Use a connector and return all that it said: errors, reasons, notes, findings, log lines."""
    lines: list[str] = []
    connection = Connection("quoted", f"lienthong_{connector}", host=url, **KINDS[kind])
    context = Context(log=lines.append)
    try:
        if hasattr(settings, "open_source"):
            opened = settings.open_source(connection, context)
            lines += [str(page) for page in opened.read(ReadRequest())]
        else:
            opened = settings.open_target(connection, context)
            records = [canonical({"id": "1", "name": "A"}), canonical({"id": "2", "name": "B"})]
            answer: Answer = opened.deliver(Batch(sha256(b"batch"), records, ("id",)))
            lines.append(str(answer))
    except LienThongError as error:
        lines += [str(error), repr(error), str(error.details)]
    finally:
        opened.close()
    return "\n".join(lines)


class Quoting(HostileServer):
    """Answers everything but requests for a token with ``reply``."""

    reply = Reply(b"")

    def __init__(self) -> None:
        super().__init__(self._said)

    def _said(self, asked: Asked, link: Any) -> bool:
        if asked.path.endswith("/token"):
            return send(link, Reply(json.dumps({"access_token": FETCHED}).encode(), "application/json"))
        return send(link, self.reply)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_rest_reads_and_deliveries_keep_what_is_quoted_to_themselves(kind: str, form: str) -> None:
    """REST showed it in the message of 400, 403, 404, 409, 422, 500, and of a refusal inside a 200."""
    said = FORMS[form]
    bodies = [
        {"message": f"token {said}"},
        {"error": {"message": said}, "fault": {"code": said, "message": said}},
        {"error_code": said, "message": f"{said} and {said}"},
        {"error_code": "0", "message": said, "data": [{"code": said, "message": said}, {"code": "OK"}]},
    ]
    results = Results(path="data")
    every: list[Any] = [
        RestSource(path="/l", records="d", envelope=Envelope(), conditional=False),
        RestTarget(path="/l", wrap={"data": "$records"}, results=results, reference="message"),
    ]
    with Quoting() as server:
        for body, status, settings in product(bodies, (200, 400, 403, 404, 422, 500, 502), every):
            server.reply = Reply(json.dumps(body).encode(), "application/json", status)
            server.asked.clear()
            clean(everything(kind, server.url, "rest", settings), kind, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["basic", "bearer", "oauth2", "gateway"])
def test_soap_faults_and_results_keep_what_is_quoted_to_themselves(kind: str, form: str) -> None:
    """A fault's code, text and detail, and a result's code and text."""
    said = FORMS[form].replace("&", "&amp;").replace("<", "&lt;")
    word = said.rpartition(" ")[2]
    bodies = [FAULT.format(f"s:{code}", said, said) for code in ("Client", "Server", word, "Client.7")]
    bodies += [f"<XResponse><code>{code}</code><text>{said}</text></XResponse>" for code in ("7", word)]
    codes = ResultCodes(path="code", message="text", acknowledged=("0",), refused=("7",))
    every: list[Any] = [
        SoapSource(operation="X", namespace="urn:x", record_element="r"),
        SoapTarget(operation="X", namespace="urn:x", result=codes),
    ]
    with Quoting() as server:
        for body, status, settings in product(bodies, (200, 500), every):
            server.reply = Reply(ENVELOPE.format(body).encode(), "text/xml; charset=utf-8", status)
            server.asked.clear()
            clean(everything(kind, server.url, "soap", settings), kind, form)
