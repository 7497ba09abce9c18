"""The document bus: signed headers, the status loop, files of at most 50 MB."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import requests

from lienthong_sandbox import Province

ICT = timezone(timedelta(hours=7))
FILE = b'<edXML:edXML xmlns:edXML="http://www.e-doc.vn/Schema/"/>'


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Province]:
    """A province of its own, because documents that are done with are gone."""
    with Province(tmp_path, population=10) as running:
        yield running


def signed(bus: Province, *, shift: float = 0.0, secret: str = "", **parameters: str) -> dict[str, str]:
    """Return the headers of a call, as the bus's own library makes them."""
    connection = bus.connections()["vxp"]
    moment = datetime.now(ICT) + timedelta(seconds=shift)
    names = {"timestamp": f"{moment:%d%m%YT%H%M%S}+0007", "systemid": connection["login"], **parameters}
    renamed = {f"XroadVnpt-{name}": value for name, value in names.items()}
    text = json.dumps(renamed, separators=(",", ":"))
    proof = hmac.new((secret or connection["password"]).encode(), text.encode(), hashlib.sha256).hexdigest()
    return renamed | {
        "XroadVnpt-sign-header-key": ";".join(names),
        "XroadVnpt-sign-header": text,
        "XroadVnpt-hash-header": proof,
        "XroadVnpt-version": "3.0.201608",
    }


def call(bus: Province, action: str, headers: dict[str, str], body: bytes | None = None) -> requests.Response:
    method = "GET" if action.startswith(("get", "count")) else "POST"
    url = f"{bus.connections()['vxp']['host']}/{action}"
    return requests.request(method, url, headers=headers, data=body, timeout=60)


def listed(bus: Province) -> list[str]:
    answer = call(bus, "getReceivedEdocList", signed(bus, servicetype="eDoc", messagetype="edoc")).json()
    assert (answer["status"], answer["ErrorCode"]) == ("OK", "0")
    return [item["docId"] for item in answer["data"]]


def test_a_document_is_listed_got_and_done_with(bus: Province) -> None:
    """The loop a province runs; what is done or failed is not listed again."""
    first, second, *others = listed(bus)
    assert call(bus, "getEdoc", signed(bus, docId=first)).content.startswith(b"<?xml")
    assert call(bus, "updateStatus", signed(bus, docId=first, status="processing")).json()["status"] == "OK"
    assert first in listed(bus)
    for key, status in ((first, "done"), (second, "fail")):
        assert call(bus, "updateStatus", signed(bus, docId=key, status=status)).json()["DocId"] == key
    assert listed(bus) == others
    states = [(line["key"], line["status"]) for line in bus.audit("vxp")]
    assert states == [(first, "processing"), (first, "done"), (second, "fail")]


@pytest.mark.parametrize("parameters", [{"docId": "1", "status": "done"}, {"docId": "240001", "status": "x"}])
def test_an_unknown_document_or_status_fails_inside_a_success(
    bus: Province, parameters: dict[str, str]
) -> None:
    answer = call(bus, "updateStatus", signed(bus, **parameters))
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["ErrorCode"]) == ("FAIL", "100")


def test_headers_that_are_not_as_signed_are_refused(bus: Province) -> None:
    """Another secret, a changed header, one that is missing or not listed, another version or system."""
    good = signed(bus, docId="240001")
    for headers in (
        {},
        signed(bus, secret="wrong", docId="240001"),
        good | {"XroadVnpt-docId": "240002"},
        {name: value for name, value in good.items() if name != "XroadVnpt-docId"},
        good | {"XroadVnpt-sign-header-key": "timestamp;systemid"},
        good | {"XroadVnpt-version": "1"},
        good | {"XroadVnpt-sign-header": good["XroadVnpt-sign-header"].replace("240001", "240002")},
        signed(bus, systemid="000.00.01.H22"),
        signed(bus, timestamp="yesterday"),
    ):
        assert call(bus, "getEdoc", headers).status_code == 401
    assert call(bus, "getEdoc", good).status_code == 200


@pytest.mark.parametrize(("shift", "status"), [(-290, 200), (290, 200), (-310, 401), (310, 401)])
def test_a_moment_more_than_five_minutes_off_is_refused(bus: Province, shift: float, status: int) -> None:
    answer = call(bus, "countReceiveEdoc", signed(bus, shift=shift))
    assert answer.status_code == status
    assert "Date" in answer.headers


def test_a_file_is_taken_with_its_hash_only(bus: Province) -> None:
    digest = hashlib.sha256(FILE).hexdigest()
    assert call(bus, "sendEdoc", signed(bus, **{"hash-file": digest}), FILE).json()["DocId"] == "250001"
    assert call(bus, "sendEdoc", signed(bus, **{"hash-file": digest}), FILE + b" ").status_code == 401
    assert call(bus, "sendEdoc", signed(bus), FILE).json()["status"] == "FAIL"
    sent = call(bus, "getSentEdocList", signed(bus)).json()["data"]
    assert [item["hash"] for item in sent] == [digest]


def test_a_file_above_50_mb_is_refused(bus: Province) -> None:
    """One byte more than 50 MB is 413; exactly 50 MB is taken."""
    for size, status in ((50 * 1024 * 1024, 200), (50 * 1024 * 1024 + 1, 413)):
        body = FILE.ljust(size)
        headers = signed(bus, **{"hash-file": hashlib.sha256(body).hexdigest()})
        assert call(bus, "sendEdoc", headers, body).status_code == status
