"""The metadata services, through the command line and against the published schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from lxml import etree
from uplinked import reached
from xroad_schemas import schema

from lienthong.cli import main
from lienthong.connector import Context
from lienthong.errors import ProtocolViolation
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.transport import Limits
from lienthong_connectors.xroad import metadata
from lienthong_connectors.xroad.identifiers import Member
from lienthong_sandbox import Province

Run = Callable[..., tuple[int, str, str]]
DANCU = "SANDBOX/GOV/G01/DANCU"


@pytest.fixture
def xroad(province: Province, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``lienthong xroad VERB CONNECTION ...`` with the sandbox's connections, through X-Road."""
    found = {
        name: one | {"extra": one["extra"] | {"uplink": "xroad"}}
        for name, one in province.connections().items()
        if name in ("national_catalogue", "population")
    }
    found["one_stop"] = province.connections()["one_stop"]
    file = tmp_path / "connections.json"
    file.write_text(json.dumps(found), encoding="utf-8")

    def run(verb: str, connection: str, *more: str) -> tuple[int, str, str]:
        code = main(["xroad", verb, connection, "--connections", str(file), *more])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_clients_lists_who_is_there(xroad: Run) -> None:
    """One line for each member or subsystem, its identifier as the connection form takes it."""
    code, out, _ = xroad("clients", "population")
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == [
        "SANDBOX/GOV/H21/LIENTHONG", DANCU, "SANDBOX/GOV/G22/DMDC",
    ]  # fmt: skip


def test_methods_lists_services_of_both_protocols(xroad: Run) -> None:
    """REST with its endpoints, SOAP by operation; the connection's own provider or another; allowed ones."""
    _, out, _ = xroad("methods", "population")
    assert f"REST\t{DANCU}/dancu\n\t  * /\n" in out
    assert f"SOAP\t{DANCU}/TraCuuThongTinCongDan\n" in out
    _, every, _ = xroad("methods", "population", "--provider", "SANDBOX/GOV/G22/DMDC")
    _, allowed, _ = xroad("methods", "population", "--provider", "SANDBOX/GOV/G22/DMDC", "--allowed")
    assert "OPENAPI\tSANDBOX/GOV/G22/DMDC/dmdc" in allowed
    assert ("khoa" in every, "khoa" in allowed) == (True, False)


def test_descriptions_are_printed_or_kept(xroad: Run, tmp_path: Path) -> None:
    """OpenAPI as its provider wrote it; the WSDL out of its multipart answer, without the real address."""
    _, out, _ = xroad("openapi", "national_catalogue", "dmdc")
    assert json.loads(out)["openapi"] == "3.0.0"
    file = tmp_path / "dancu.wsdl"
    code, out, _ = xroad("wsdl", "population", "TraCuuThongTinCongDan", "-o", str(file))
    assert (code, out) == (0, "")
    root = etree.fromstring(file.read_bytes())
    assert etree.QName(root).localname == "definitions"
    assert b"http://example.org/xroad-endpoint" in file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("openapi", "national_catalogue", "khac"), 2, "does not accept the form"),
        (("wsdl", "population", "khac"), 2, "provider has no such service"),
        (("methods", "population", "--provider", "SANDBOX/GOV/G99/KHAC"), 2, "not known in the X-Road"),
        (("methods", "population", "--provider", "nonsense"), 2, "--provider"),
        (("clients", "one_stop"), 2, "does not go through X-Road"),
    ],
)
def test_refusals_are_sentences(xroad: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    """A wrong service, provider or connection ends in one line and the exit code of a mistake."""
    found, _, err = xroad(*arguments)
    assert found == code
    assert said in err


def test_the_stand_ins_lists_follow_the_published_schema(province: Province) -> None:
    """ClientList and listMethodsResponse of the sandbox are what X-Road's own schema says."""
    checked = schema("service-metainfo.xsd")
    listed = requests.get(f"{province.url}/xroad/listClients", timeout=60)
    assert checked.validate(etree.fromstring(listed.content)), checked.error_log
    client = Client(reached(province, "population", "xroad"), Context(), Limits())
    way = metadata.way_of(client)
    parts, _ = metadata._soap(client, way, Member("SANDBOX", "GOV", "G01", "DANCU"), "listMethods", {})
    client.close()
    (body,) = etree.fromstring(parts[0])[1]
    assert checked.validate(etree.fromstring(etree.tostring(body))), checked.error_log
    assert len(body) == 3


def wsdl_from(monkeypatch: pytest.MonkeyPatch, province: Province, kind: str, body: bytes) -> bytes:
    """Ask for a WSDL and get this answer instead of the server's."""
    from lienthong_connectors.http import client as module

    client = Client(reached(province, "population", "xroad"), Context(), Limits())

    def answer(self: Client, call: module.Call) -> module.Answered:
        from requests.structures import CaseInsensitiveDict

        from lienthong_connectors.http.transport import Reply

        return module.Answered(Reply(200, CaseInsensitiveDict({"Content-Type": kind}), body, body))

    monkeypatch.setattr(Client, "call", answer)
    try:
        return metadata.wsdl(client, metadata.way_of(client), Member("a", "b", "c", "d"), "x")
    finally:
        client.close()


def test_a_bare_wsdl_is_taken_as_well(monkeypatch: pytest.MonkeyPatch, province: Province) -> None:
    """Servers that answer without multipart give the WSDL itself."""
    bare = b'<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/"/>'
    assert wsdl_from(monkeypatch, province, "text/xml", bare) == bare


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/xml", b"<html/>"),
        ("text/xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        ("text/html", b"not xml"),
        ("multipart/related", b"--x\r\n\r\n<a/>\r\n--x--"),
        ("multipart/related; boundary=x", b"--x\r\n\r\n<a/>\r\n--x--\r\n"),
        ("multipart/related; boundary=x", b""),
    ],
)
def test_an_answer_without_a_wsdl_is_refused(
    monkeypatch: pytest.MonkeyPatch, province: Province, kind: str, body: bytes
) -> None:
    """Anything else is a violation of the protocol, entities included."""
    with pytest.raises(ProtocolViolation):
        wsdl_from(monkeypatch, province, kind, body)
