"""WS-Security: requests are signed, and of an answer only what a trusted key signed is read."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from lienthong.connector import Context, Question, ReadRequest
from lienthong.errors import Misconfigured, ProtocolViolation, RequestRejected, SignatureInvalid
from lienthong.signing import KeyRing, wsse
from lienthong.signing.keys import create_development_keys
from lienthong_connectors.soap import AnswerPolicy, Paging, SoapLookup, SoapSource, WsSecurity
from lienthong_sandbox import Province
from lienthong_sandbox.wss import WsseSeal


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    home = tmp_path_factory.mktemp("keys")
    for agency in ("H21.129", "G01"):
        create_development_keys(home, agency)
    return KeyRing.for_home(home)


@pytest.fixture(scope="module")
def sealed(ring: KeyRing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    seal = WsseSeal(ring.trust(), wsse.VerifyPolicy(), ring.signer("G01"))
    with Province(tmp_path_factory.mktemp("sealed"), population=60, seal=seal) as running:
        yield running


@pytest.fixture
def context(ring: KeyRing) -> Context:
    return Context(signer=ring.signer("H21.129"), trust=ring.trust(), log=lambda _: None)


def feed(wsdl_folder: Path, **options: Any) -> SoapSource:
    given: dict[str, Any] = {
        "security": WsSecurity(verify=AnswerPolicy(signed_by="G01")),
        "paging": Paging(size=25),
        "wsdl": str(wsdl_folder / "dancu.wsdl"),
        **options,
    }
    return SoapSource(
        operation="DongBoThongTinCongDan",
        record_element="CongDan",
        request={
            "MaYeuCau": "$request.id",
            "MaTichHop": "040",
            "MaCanBo": "$connection.officer",
            "MaDonVi": "$connection.madonvi",
            "TuNgay": 0,
            "DenNgay": "$until|epoch-ms",
            "Trang": "$page",
            "SoBanGhi": "$size",
        },
        **given,
    )


def records(source: SoapSource, connection: Any, context: Context) -> list[Any]:
    opened = source.open_source(connection, context)
    try:
        return [record for page in opened.read(ReadRequest()) for record in page.records]
    finally:
        opened.close()


def test_signed_both_ways(sealed: Province, context: Context, wsdl_folder: Path, tools: Any) -> None:
    """A service that asks for signatures gets them, and its signed pages give the usual records."""
    found = records(feed(wsdl_folder), tools.connection(sealed, "population"), context)
    assert len(found) == 60
    assert found[0]["GioiTinh"] in (0, 1, 2)


def test_unsigned_requests_are_the_service_s_to_refuse(
    sealed: Province, context: Context, wsdl_folder: Path, tools: Any
) -> None:
    """Without sign the sealed service answers with a fault; it is signed, and read as one."""
    with pytest.raises(RequestRejected, match="CK01"):
        records(
            feed(wsdl_folder, security=WsSecurity(sign=False)),
            tools.connection(sealed, "population"),
            context,
        )


def test_an_unsigned_answer_is_refused(
    province: Province, context: Context, wsdl_folder: Path, tools: Any
) -> None:
    """A service that does not sign cannot pass for one that does."""
    with pytest.raises(SignatureInvalid):
        records(
            feed(wsdl_folder, security=WsSecurity(sign=False)),
            tools.connection(province, "population"),
            context,
        )


def test_another_signer_is_refused(sealed: Province, context: Context, wsdl_folder: Path, tools: Any) -> None:
    """A trusted key of another agency is not the agency's that was named."""
    settings = feed(wsdl_folder, security=WsSecurity(verify=AnswerPolicy(signed_by="G22")))
    with pytest.raises(SignatureInvalid, match="another agency"):
        records(settings, tools.connection(sealed, "population"), context)


def answer_of(ring: KeyRing, tools: Any, inner: str) -> bytes:
    return wsse.sign(tools.envelope(inner), ring.signer("G01"))


def ask(told: Any, context: Context, **security: Any) -> Any:
    settings = SoapLookup(
        operation="get",
        namespace="urn:t",
        security=WsSecurity(sign=False, verify=AnswerPolicy(**security)),
        answer_element="fee",
    )
    opened = settings.open_lookup(told.connection(), context)
    return opened.ask(Question("1", {}, "cb", "tt", "md"))


def test_signature_wrapping_changes_nothing(told: Any, ring: KeyRing, context: Context, tools: Any) -> None:
    """A genuine Body moved aside for a forged one is refused; the forged value is never read."""
    genuine = answer_of(ring, tools, "<got xmlns='urn:t'><fee>357000</fee></got>")
    told.body = genuine
    assert ask(told, context) == {"value": "357000"}
    for keep_id in (True, False):
        root = etree.fromstring(genuine)
        body = root[1]
        forged = copy.deepcopy(body)
        forged[0][0].text = "1"
        if not keep_id:
            for name in list(forged.attrib):
                del forged.attrib[name]
        wrapper = etree.SubElement(root[0], "Wrapper")
        root.replace(body, forged)
        wrapper.append(body)
        told.body = etree.tostring(root)
        with pytest.raises(SignatureInvalid):
            ask(told, context)


def test_an_altered_answer_is_refused(told: Any, ring: KeyRing, context: Context, tools: Any) -> None:
    """One changed digit breaks the digest."""
    told.body = answer_of(ring, tools, "<got xmlns='urn:t'><fee>357000</fee></got>").replace(
        b"357000", b"357001"
    )
    with pytest.raises(SignatureInvalid):
        ask(told, context)


def test_a_signed_answer_has_a_bound(told: Any, ring: KeyRing, context: Context, tools: Any) -> None:
    """Signed answers are held in memory, so their size is limited by the settings."""
    told.body = answer_of(ring, tools, f"<got xmlns='urn:t'><fee>{'1' * 50_000}</fee></got>")
    with pytest.raises(ProtocolViolation, match="larger than"):
        ask(told, context, max_bytes=20_000)


def test_keys_are_asked_for_when_opened(told: Any) -> None:
    """Without a key or trusted certificates the settings cannot work, and say so at once."""
    for security, missing in ((WsSecurity(verify=None), "signing key"), (WsSecurity(sign=False), "trusted")):
        settings = SoapLookup(operation="get", namespace="urn:t", security=security)
        with pytest.raises(Misconfigured, match=missing):
            settings.open_lookup(told.connection(), Context())
