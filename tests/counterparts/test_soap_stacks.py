"""PHP's SoapServer, SOAP::Lite and gSOAP: what their authors' code sends and takes.

Debian 12: PHP 8.2, SOAP::Lite 1.27, gSOAP 2.8.124.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import counterparts
import pytest

from lienthong.connector import Batch, Connection, Context, Question, ReadRequest
from lienthong.errors import Misconfigured, ProtocolViolation, Refused
from lienthong.records import canonical
from lienthong_connectors.soap import ResultCodes, SoapLookup, SoapSource, SoapTarget

FIXTURES = counterparts.FOLDER / "fixtures"
NAME = "Đỗ Thị Ớt & <{}>"


@pytest.fixture(scope="module")
def php() -> Iterator[Connection]:
    with counterparts.php("soap_server.php") as port:
        yield Connection("php", "lienthong_soap", f"http://127.0.0.1:{port}/")


@pytest.fixture(scope="module")
def perl() -> Iterator[Connection]:
    with counterparts.perl("soap_lite.pl", needs="SOAP::Lite") as port:
        yield Connection("perl", "lienthong_soap", f"http://127.0.0.1:{port}/")


@pytest.fixture(scope="module")
def gsoap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, str]]:
    """A service that soapcpp2 and the C compiler make of a header file, and the WSDL that soapcpp2 writes."""
    folder = tmp_path_factory.mktemp("gsoap")
    with counterparts.gsoap("gsoap_service", folder) as port:
        yield Connection("gsoap", "lienthong_soap", f"http://127.0.0.1:{port}/"), str(folder / "hoso.wsdl")


def ask(connection: Connection, **options: Any) -> Any:
    opened = SoapLookup(**options).open_lookup(connection, Context())
    try:
        return opened.ask(Question("1" * 32, {}, "cb", "tt", "md"))
    finally:
        opened.close()


def read(connection: Connection, **options: Any) -> list[Any]:
    opened = SoapSource(**options).open_source(connection, Context())
    try:
        return [record for page in opened.read(ReadRequest()) for record in page.records]
    finally:
        opened.close()


def deliver(connection: Connection, record: dict[str, Any], **options: Any) -> Any:
    opened = SoapTarget(repeatable=True, **options).open_target(connection, Context())
    try:
        return opened.deliver(Batch("ab" * 32, (canonical(record),), ("id",)))
    finally:
        opened.close()


#: How a PHP service is spoken to: with or without a WSDL, in either version, encoded or literal.
PHP: dict[str, dict[str, Any]] = {
    "encoded": {"path": "?m=enc", "namespace": "urn:php"},
    "encoded, SOAP 1.2": {"path": "?m=enc&v12", "namespace": "urn:php", "soap_version": "1.2"},
    "encoded, an empty line first": {"path": "?m=enc&blank", "namespace": "urn:php"},
    "encoded, WSDL": {"path": "?m=encw", "wsdl": str(FIXTURES / "php-encw.wsdl")},
    "literal, WSDL": {"path": "?m=rpclit", "wsdl": str(FIXTURES / "php-rpclit.wsdl")},
}


def hs(number: str, *, typed: bool) -> dict[str, Any]:
    return {"id": number, "ten": NAME.format(number), "le_phi": "10.50", "xong": True if typed else "true"}


@pytest.mark.parametrize("name", PHP)
def test_php(php: Connection, name: str) -> None:
    """A struct, a list, a refusal with its code, a delivery: in SOAP 1.1 no answer could be read."""
    how = PHP[name]
    typed = "wsdl" in how
    common = {"answer_element": "return", **how}
    assert ask(php, operation="layHoSo", request={"ma": "A1"}, **common) == hs("A1", typed=typed)
    with pytest.raises(Refused) as caught:
        ask(php, operation="layHoSo", request={"ma": "loi"}, **common)
    assert caught.value.reasons[0].rule == "target.KHONG_CO"
    assert caught.value.reasons[0].vi == "không có hồ sơ"
    found = read(php, operation="danhSach", record_element="item", request={"n": 300}, **how)
    assert found == [hs(f"HS{number}", typed=typed) for number in range(300)]
    codes = ResultCodes(path="return", pattern="(?P<code>00):(?P<reference>.*)", acknowledged=("00",))
    request = {"id": "$key", "ten": "$record.ten", "phi": "10.50"}
    answer = deliver(
        php, {"id": "1", "ten": "Ớt & <x>"}, operation="nop", request=request, result=codes, **how
    )
    assert answer.receipts[0].reference == "1|Ớt & <x>|'10.50'"


@pytest.mark.parametrize("name", PHP)
def test_objects_that_php_shares(php: Connection, name: str) -> None:
    """One object three times is one element and two references: written out, in literal by setting."""
    how, typed = PHP[name], "wsdl" in PHP[name]
    options = {"operation": "dungChung", "record_element": "item", "request": {"n": 3}, **how}
    if name.startswith("literal"):
        with pytest.raises(ProtocolViolation, match="references"):
            read(php, **options)
        options["references"] = True
    assert read(php, **options) == [hs("X", typed=typed)] * 3


@pytest.mark.parametrize("name", ["encoded", "encoded, SOAP 1.2"])
def test_arrays_of_php_with_names(php: Connection, name: str) -> None:
    """An associative array is an object, a plain one a list."""
    found = ask(php, operation="bang", request={"n": 1}, answer_element="return", **PHP[name])
    assert found == {"ma": "B1", "trong": {"c": "2"}, "ds": {"item": ["x", "y"]}}


def test_numbers_of_php(php: Connection) -> None:
    for name, wanted in (
        ("encoded, WSDL", [1, 2, 3]),
        ("literal, WSDL", [1, 2, 3]),
        ("encoded", ["1", "2", "3"]),
    ):
        found = ask(php, operation="so", request={"n": 1}, answer_element="return", **PHP[name])
        assert found == {"item": wanted}


def test_a_struct_is_written_literally_and_refused_encoded(php: Connection) -> None:
    record = {"id": "7", "ten": NAME, "le_phi": "1.50", "xong": True}
    with pytest.raises(Misconfigured, match="part 'hoSo'"):
        ask(php, operation="nopHoSo", request={"hoSo": record}, **PHP["encoded, WSDL"])
    found = ask(php, operation="nopHoSo", request={"hoSo": record}, **PHP["literal, WSDL"])
    assert found == {"return": f"7|{NAME}|1.50"}


def test_soap_lite(perl: Connection) -> None:
    """Made-up element names, untyped hashes, shared references, faults: what its users get without a WSDL."""

    def how(operation: str) -> dict[str, Any]:
        return {"operation": operation, "namespace": "urn:perl", "action": f"urn:perl#{operation}"}

    found = ask(perl, request={"ma": "A1"}, answer_element="return", **how("layHoSo"))
    assert (found["id"], found["xong"], found["ten"]) == ("A1", "1", NAME.format("x"))
    with pytest.raises(Refused) as caught:
        ask(perl, request={"ma": "loi"}, **how("layHoSo"))
    assert caught.value.reasons[0].rule == "target.KHONG_CO"
    rows = read(perl, record_element="item", request={"n": 50}, **how("danhSach"))
    assert rows == [{"id": f"HS{number}", "ten": "a"} for number in range(50)]
    shared = read(perl, record_element="item", request={"n": 1}, **how("dungChung"))
    assert shared == [{"id": "X", "ten": "b"}] * 2
    codes = ResultCodes(path="return", pattern="(?P<code>00):(?P<reference>.*)", acknowledged=("00",))
    answer = deliver(
        perl,
        {"id": "1", "ten": "x & <y>"},
        request={"id": "$key", "ten": "$record.ten"},
        result=codes,
        **how("nop"),
    )
    assert answer.receipts[0].reference == "1|x & <y>"


def test_gsoap(gsoap: tuple[Connection, str]) -> None:
    """document/literal with the WSDL that it writes itself: a list, a fault's detail, a delivery."""
    connection, wsdl = gsoap
    rows = read(connection, operation="danhSach", wsdl=wsdl, record_element="hoSo", request={"n": 300})
    assert rows[299] == {"id": "HS299", "ten": "Đỗ & <x>", "so": 299}
    assert len(rows) == 300
    with pytest.raises(Refused) as caught:
        ask(connection, operation="danhSach", wsdl=wsdl, request={"n": -1})
    assert caught.value.reasons[0].rule == "target.SO_AM"
    codes = ResultCodes(path="ma", pattern="(?P<code>00):(?P<reference>.*)", acknowledged=("00",))
    request = {"hoSo": {"id": "$key", "ten": "$record.ten", "so": "$record.so"}}
    answer = deliver(
        connection,
        {"id": "1", "ten": "Ớt & <x>", "so": 5},
        operation="nop",
        wsdl=wsdl,
        request=request,
        result=codes,
    )
    assert answer.receipts[0].reference == "1|Ớt & <x>|5"
