"""The project's conformance suites, run on the connector with the sandbox and with a small service."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
import zeep
from lxml import etree
from zeep.helpers import serialize_object

from lienthong.connector import Connection, Context, Question
from lienthong.errors import Unauthenticated
from lienthong.records import sha256
from lienthong.testing import (
    CuttingProxy,
    LookupConformance,
    SourceConformance,
    TargetConformance,
    refused_port,
    silent_server,
)
from lienthong_connectors.presets import register_civil_status, verify_citizen
from lienthong_connectors.soap import (
    Paging,
    ResultCodes,
    SoapLookup,
    SoapSource,
    SoapTarget,
    StatusQuery,
    WsSecurity,
)
from lienthong_sandbox import Province
from lienthong_sandbox.people import Person, person
from lienthong_sandbox.times import iso

SIZE = 25


@contextmanager
def answering(status: int, body: bytes = b"", media: str = "text/plain") -> Iterator[str]:
    """Serve one answer to everybody."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - the standard library's name

        def log_message(self, *_: Any) -> None:
            pass

    with _running(Handler) as port:
        yield f"http://127.0.0.1:{port}/svc"


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _at(connection: Connection, host: str) -> Connection:
    return Connection(
        id=connection.id,
        kind=connection.kind,
        host=host,
        login=connection.login,
        password=connection.password,
        extra=connection.extra,
    )


def broken(connection: Connection) -> dict[str, Any]:
    """Return the ways in which any HTTP service can be broken."""

    def status(
        code: int, body: bytes = b"", media: str = "text/plain"
    ) -> Callable[[], AbstractContextManager[Connection]]:
        @contextmanager
        def made() -> Iterator[Connection]:
            with answering(code, body, media) as url:
                yield _at(connection, url)

        return made

    @contextmanager
    def silent() -> Iterator[Connection]:
        with silent_server() as port:
            yield _at(connection, f"http://127.0.0.1:{port}/svc")

    return {
        "unreachable": _at(connection, f"http://127.0.0.1:{refused_port()}/svc"),
        "unauthenticated": status(401),
        "forbidden": status(403),
        "overloaded": status(429),
        "failing": status(503),
        "garbled": status(200, b"<not<xml", "text/xml"),
        "unresponsive": silent,
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    with Province(tmp_path_factory.mktemp("small"), population=SIZE) as running:
        yield running


@pytest.fixture
def population(small: Province, tools: Any) -> Connection:
    connection: Connection = tools.connection(small, "population")
    return connection


def _people(wsdl: Path, province: Province) -> list[dict[str, Any]]:
    """What zeep, which we did not write, reads of the sandbox's citizens."""
    from lienthong_sandbox.citizens_xml import citizen, collection
    from lienthong_sandbox.people import person
    from lienthong_sandbox.soap import SOAP11, wrap

    communes = province.systems["population"]._communes  # type: ignore[attr-defined]  # of the sandbox
    texts = [citizen(person(index, communes)) for index in range(SIZE)]
    answer = etree.fromstring(wrap("".join(collection(texts, SIZE, "", "1")), SOAP11))
    client: Any = zeep.Client(str(wsdl))  # type: ignore[no-untyped-call]  # zeep is half typed
    operation = client.service._binding.get("DongBoThongTinCongDan")
    found = serialize_object(operation.process_reply(answer).CongDan, dict)  # type: ignore[no-untyped-call]
    return [without_nothing(one) for one in found]


def without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nothing(v) for k, v in value.items() if v is not None}
    return value


class TestPopulationFeed(SourceConformance):
    """The incremental feed of the population database, which gives the moment asked for, too."""

    asks_each_page = True

    page_bound = 4
    since_inclusive = True

    def cursor_of(self, record: dict[str, Any]) -> str:
        """The moment of a change, which the feed knows and a citizen does not hold."""
        return iso(next(one.changed for one in everybody() if one.number == record["SoDinhDanh"]))

    @pytest.fixture
    def settings(self, patience: float, wsdl_folder: Path) -> SoapSource:
        return SoapSource(
            operation="DongBoThongTinCongDan",
            wsdl=str(wsdl_folder / "dancu.wsdl"),
            record_element="CongDan",
            request={
                "MaYeuCau": "$request.id",
                "MaTichHop": "040",
                "MaCanBo": "$connection.officer",
                "MaDonVi": "$connection.madonvi",
                "TuNgay": "$since|epoch-ms",
                "DenNgay": "$until|epoch-ms",
                "Trang": "$page",
                "SoBanGhi": "$size",
            },
            paging=Paging(size=7),
            incremental=True,
            chunk=4,
            read_timeout=patience,
        )

    @pytest.fixture
    def connection(self, population: Connection) -> Connection:
        return population

    @pytest.fixture
    def expected(self, wsdl_folder: Path, small: Province) -> list[dict[str, Any]]:
        return _people(wsdl_folder / "dancu.wsdl", small)

    @pytest.fixture
    def faults(self, connection: Connection) -> Mapping[str, Any]:
        return broken(connection)


class TestPopulationLookup(LookupConformance):
    """A citizen looked up in the population database."""

    told = ("officer", "procedure")  # the request has no member for the purpose

    @pytest.fixture
    def settings(self, patience: float, wsdl_folder: Path) -> SoapLookup:
        return SoapLookup(
            operation="TraCuuThongTinCongDan",
            wsdl=str(wsdl_folder / "dancu.wsdl"),
            request={
                "MaYeuCau": "$question.id",
                "MaDVC": "$procedure",
                "MaTichHop": "037",
                "MaCanBo": "$officer",
                "SoDinhDanh": "$record.number",
                "HoVaTen": "$record.name|trim|upper",
                "NgayThangNamSinh": {
                    "NgayThangNam": "$record.born|only:10|digits",
                    "Nam": "$record.born|only:4",
                },
                "MaDonVi": "$connection.madonvi",
            },
            answer_element="CongDan",
            read_timeout=patience,
        )

    @pytest.fixture
    def connection(self, population: Connection) -> Connection:
        return population

    @pytest.fixture
    def question(self, answer: dict[str, Any], population: Connection) -> Question:
        from lienthong_sandbox.procedures import PROCEDURES

        record = {"number": answer["SoDinhDanh"], "name": "  Trần  Thị Kiểm Thử ", "born": "1990-12-31"}
        officer = population.extra["officer"]
        return Question("yc-0000001", record, officer, PROCEDURES[0].code, "giải quyết thủ tục hành chính")

    @pytest.fixture
    def answer(self, wsdl_folder: Path, small: Province) -> dict[str, Any]:
        return _people(wsdl_folder / "dancu.wsdl", small)[3]

    @pytest.fixture
    def stranger(self, question: Question) -> Question:
        record = {**question.record, "number": "052000000000"}
        return Question("yc-0000002", record, question.officer, question.procedure, question.purpose)

    @pytest.fixture
    def log(self, small: Province) -> Callable[[], list[Any]]:
        return lambda: small.audit("population")

    @pytest.fixture
    def faults(self, connection: Connection) -> Mapping[str, Any]:
        return broken(connection)


class Shelf:
    """A small SOAP service that keeps what it is given, once per key, and refuses what says so."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                call = etree.fromstring(body)[-1][0]
                self.reply(shelf.wrapped(etree.QName(call).localname, shelf.answer(call)))

            def do_GET(self) -> None:
                self.reply("")

            def reply(self, inner: str) -> None:
                space = shelf.space
                answer = f'<s:Envelope xmlns:s="{space}"><s:Body>{inner}</s:Body></s:Envelope>'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.handler = Handler

    space = "http://schemas.xmlsoap.org/soap/envelope/"

    def wrapped(self, operation: str, inner: str) -> str:
        """Return the answer's element as this shelf's style has it."""
        return inner

    def answer(self, call: etree._Element) -> str:
        if etree.QName(call).localname not in ("ask", "put"):
            return "<s:Fault><faultcode>s:Client</faultcode><faultstring>what?</faultstring></s:Fault>"
        members = {etree.QName(child).localname: child.text for child in call}
        if etree.QName(call).localname == "ask":
            known = self.kept.get(str(members["id"]))
            code = "0" if known is None else "1"
            return f"<r><code>{code if members.get('bad') is None else '9'}</code></r>"
        if members.get("bad"):
            return "<r><code>9</code><text>xấu</text></r>"
        self.kept[str(members["id"])] = json.loads(str(members["json"]))
        return "<r><code>1</code></r>"


CODES = ResultCodes(path="code", message="text", acknowledged=("1",), refused=("9",))


class TestShelf(TargetConformance):
    """Deliveries record by record, with a status query."""

    text = "text"

    @pytest.fixture
    def shelf(self) -> Iterator[tuple[Shelf, int]]:
        shelf = Shelf()
        with _running(shelf.handler) as port:
            yield shelf, port

    @pytest.fixture
    def settings(self, patience: float) -> SoapTarget:
        return SoapTarget(
            operation="put",
            namespace="urn:t",
            request={"id": "$key", "bad": "$record.bad", "json": "$record|json"},
            result=CODES,
            status=StatusQuery(
                operation="ask",
                request={"id": "$key", "bad": "$record.bad"},
                result=ResultCodes(path="code", acknowledged=("1",), absent=("0",), refused=("9",)),
            ),
            repeatable=True,
            read_timeout=patience,
        )

    @pytest.fixture
    def connection(self, shelf: tuple[Shelf, int]) -> Connection:
        extra = {"auth": "basic"}
        host = f"http://127.0.0.1:{shelf[1]}/svc"
        return Connection(
            id="shelf", kind="lienthong_soap", host=host, login="user", password="very-secret", extra=extra
        )

    @pytest.fixture
    def records(self) -> list[dict[str, Any]]:
        return [{"id": f"{n:03d}", "text": f"hồ sơ số {n} của Nguyễn Văn {n}"} for n in range(14)]

    @pytest.fixture
    def stored(self, shelf: tuple[Shelf, int]) -> Callable[[], list[dict[str, Any]]]:
        return lambda: list(shelf[0].kept.values())

    @pytest.fixture
    def refusable(self, records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], set[int]]:
        marked = [
            record | ({"bad": "1"} if number in (2, 5) else {}) for number, record in enumerate(records)
        ]
        return marked, {2, 5}

    @pytest.fixture
    def faults(self, connection: Connection, shelf: tuple[Shelf, int]) -> Mapping[str, Any]:
        @contextmanager
        def cut(after: bool) -> Iterator[Connection]:
            asked = None if after else lambda data: b"put" in data
            answered = (lambda _: True) if after else None
            with CuttingProxy(("127.0.0.1", shelf[1]), asked=asked, answered=answered) as proxy:
                yield _at(connection, f"http://127.0.0.1:{proxy.address[1]}/svc")

        made = broken(connection)
        made["cut-after-taken"] = lambda: cut(True)
        made["cut-before-taken"] = lambda: cut(False)
        return made


class RpcShelf(Shelf):
    """Answers in the wrappers of rpc/literal; a part that means nothing is a dash, as all parts must come."""

    def answer(self, call: etree._Element) -> str:
        for part in [part for part in call if part.text == "-"]:
            call.remove(part)
        return super().answer(call)

    def wrapped(self, operation: str, inner: str) -> str:
        if inner.startswith("<s:Fault>"):
            return inner
        parts = inner.removeprefix("<r>").removesuffix("</r>")
        return f'<b:{operation}Response xmlns:b="urn:binding">{parts}</b:{operation}Response>'


class BareShelf(Shelf):
    """Answers with a bare element, in SOAP 1.2."""

    space = "http://www.w3.org/2003/05/soap-envelope"

    def wrapped(self, operation: str, inner: str) -> str:
        if inner.startswith("<s:Fault>"):
            code = "<s:Code><s:Value>s:Sender</s:Value></s:Code>"
            return f"<s:Fault>{code}<s:Reason><s:Text xml:lang='en'>what?</s:Text></s:Reason></s:Fault>"
        return inner.replace("<r>", "<r xmlns='urn:t'>")


class TestRpcShelf(TestShelf):
    """The same in rpc/literal, by a WSDL, with WS-Security and a list of parts."""

    style = "rpc"

    @pytest.fixture
    def shelf(self) -> Iterator[tuple[Shelf, int]]:
        shelf = RpcShelf() if self.style == "rpc" else BareShelf()
        with _running(shelf.handler) as port:
            yield shelf, port

    @pytest.fixture
    def settings(self, patience: float, tmp_path: Path) -> SoapTarget:
        path = tmp_path / "shelf.wsdl"
        path.write_text(_shelf_wsdl(self.style))
        settings = TestShelf.settings.__wrapped__(self, patience)  # type: ignore[attr-defined]  # the fixture's function
        security = WsSecurity(sign=False, verify=None, username_token="digest")
        if self.style == "rpc":
            dash = {"bad": "$record.bad|default:-"}
            status = replace(settings.status, request={**settings.status.request, **dash, "json": "-"})
            settings = replace(settings, request={**settings.request, **dash}, status=status)
        return replace(settings, wsdl=str(path), namespace="", security=security)


class TestBareShelf(TestRpcShelf):
    """The same with bare document/literal elements, in SOAP 1.2."""

    style = "bare"


def _shelf_wsdl(style: str) -> str:
    """Return a description of the shelf: rpc/literal for SOAP 1.1, bare document/literal for SOAP 1.2."""
    members = ("id", "bad", "json")
    texts = "".join(f'<xs:element name="{name}" type="xs:string" minOccurs="0"/>' for name in members)
    rpc = style == "rpc"
    soap = "soap" if rpc else "soap12"
    body = '<s:body use="literal" namespace="urn:binding"/>' if rpc else '<s:body use="literal"/>'
    part = {"put": 'element="t:put"', "ask": 'element="t:ask"', "r": 'element="t:r"'}
    answer = (
        '<xs:element name="code" type="xs:string"/><xs:element name="text" type="xs:string" minOccurs="0"/>'
    )
    messages = "".join(f'<message name="{name}"><part name="p" {part[name]}/></message>' for name in part)
    if rpc:
        inputs = "".join(f'<part name="{name}" type="t:text"/>' for name in members)
        outputs = '<part name="code" type="xs:string"/><part name="text" type="xs:string"/>'
        messages = "".join(f'<message name="{name}">{inputs}</message>' for name in ("put", "ask"))
        messages += f'<message name="r">{outputs}</message>'
    elements = "".join(
        f'<xs:element name="{name}"><xs:complexType><xs:sequence>{inner}</xs:sequence></xs:complexType>'
        "</xs:element>"
        for name, inner in (("put", texts), ("ask", texts), ("r", answer))
    )
    operations = "".join(
        f'<operation name="{name}"><input message="t:{name}"/><output message="t:r"/></operation>'
        for name in ("put", "ask")
    )
    bound = "".join(
        f'<operation name="{name}"><s:operation soapAction="{name}"/><input>{body}</input>'
        f"<output>{body}</output></operation>"
        for name in ("put", "ask")
    )
    return f"""<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:t" targetNamespace="urn:t"
 xmlns:s="http://schemas.xmlsoap.org/wsdl/{soap}/" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified">{elements}
<xs:simpleType name="text"><xs:restriction base="xs:string"/></xs:simpleType></xs:schema></types>
{messages}<portType name="P">{operations}</portType><binding name="B" type="t:P">
<s:binding style="{"rpc" if rpc else "document"}" transport="http://schemas.xmlsoap.org/soap/http"/>{bound}</binding>
<service name="S"><port name="P" binding="t:B"><s:address location="http://127.0.0.1:1/"/></port></service>
</definitions>"""


def province_faults(province: Province, connection: Connection, operation: str) -> dict[str, Any]:
    """Return the ways in which the sandbox itself breaks a service."""

    def switched(fault: str, at: str | None = None) -> Callable[[], AbstractContextManager[Connection]]:
        @contextmanager
        def made() -> Iterator[Connection]:
            province.fault(connection.id, fault, times=None, operation=at)
            yield connection
            province.clear_faults()

        return made

    return {
        "garbled": switched("malformed_body", operation),
        "overloaded": switched("rate_limited"),
        "failing": switched("unavailable"),
    }


@cache
def everybody() -> tuple[Person, ...]:
    return tuple(person(index) for index in range(SIZE))


class TestIdentityCheck(LookupConformance):
    """The preset for ``XacThucThongTinCongDan``, described by the database's own WSDL."""

    told = ("officer", "procedure")  # the request has no member for the purpose

    @pytest.fixture
    def settings(self, patience: float) -> SoapLookup:
        preset = verify_citizen(number="SoDinhDanh", name="HoVaTen", born="NgaySinh", agency="MaDonVi")
        return replace(preset, read_timeout=patience)

    @pytest.fixture
    def connection(self, population: Connection) -> Connection:
        return replace(population, extra={**population.extra, "wsdl": "?wsdl"})

    @pytest.fixture
    def question(self, population: Connection) -> Question:
        known = next(one for one in everybody() if not one.year_only)
        record = {
            "SoDinhDanh": known.number,
            "HoVaTen": f"  {known.name.title()} ",
            "NgaySinh": f"{known.born:%d/%m/%Y}",
            "MaDonVi": "H21.129",
        }
        purpose = "Xác thực người nộp hồ sơ một cửa"
        return Question("xt-0000001", record, population.extra["officer"], "1.001193", purpose)

    @pytest.fixture
    def answer(self, question: Question) -> dict[str, Any]:
        return {"TonTai": True, "MaYeuCau": question.id}

    @pytest.fixture
    def stranger(self, question: Question) -> Question:
        return replace(question, record={**question.record, "HoVaTen": "Người Không Quen"})

    @pytest.fixture
    def log(self, small: Province) -> Callable[[], list[Any]]:
        before = len(small.audit("population"))
        return lambda: small.audit("population")[before:]

    @pytest.fixture
    def faults(self, small: Province, connection: Connection) -> Mapping[str, Any]:
        return {**broken(connection), **province_faults(small, connection, "XacThucThongTinCongDan")}

    def test_a_wrong_secret_is_told_from_a_fault(
        self, settings: SoapLookup, connection: Connection, question: Question
    ) -> None:
        """The database says by a SOAP fault, XT01, that it does not know us."""
        service = settings.open_lookup(replace(connection, password="wr0ng-password"), Context())
        with pytest.raises(Unauthenticated):
            service.ask(question)
        service.close()

    def test_check_notices_a_wrong_secret(self, settings: SoapLookup, connection: Connection) -> None:
        """A secret that only travels as a hash can be wrong, too."""
        service = settings.open_lookup(replace(connection, password="wr0ng-password"), Context())
        findings = service.check()
        service.close()
        assert [finding.check for finding in findings if not finding.ok] == ["service"]
        assert "clock" in findings[-1].hint

    def test_check_says_that_the_secret_was_accepted(
        self, settings: SoapLookup, connection: Connection, log: Callable[[], list[Any]]
    ) -> None:
        """Called what it has not (DL02), the database shows that it knows us, and looks up nobody."""
        service = settings.open_lookup(connection, Context())
        findings = service.check()
        service.close()
        assert "fault DL02; credentials accepted" in findings[-1].detail
        assert log() == []


NAMES = (
    "Nguyễn Thị Ước",
    "Nguye\u0302\u0303n (tổ hợp)",
    "𠀋 chữ Nôm",
    "H'Hen Niê",
    'Y "Bih" Êban',
    "A & B <c> &amp; ]]>",
    "xuống\ndòng\tvà\rtab",
    "Rơ Chăm Mẫu",
    "Ksor Thị Mẫu",
    "Đặng Văn Kiểm Thử",
    "NULL",
    "%s ? :x ${y}",
    "Bùi Thị Thu Mẫu",
    "Trần Quốc Mẫu",
)


class TestCivilStatus(TargetConformance):
    """The preset for ``dangKyHoTich``, registrations one by one, asked about with ``traTrangThaiHoSo``.

    The registry shows what it keeps of a registration: the SHA-256 of the contents proves that not
    a byte of them changed on the way through three layers of XML.
    """

    key = ("maHoSo",)
    upserts = False

    @pytest.fixture
    def settings(self, patience: float) -> SoapTarget:
        wsdl = "package:lienthong_sandbox/wsdl/hotich.wsdl"
        return replace(register_civil_status(), wsdl=wsdl, read_timeout=patience)

    @pytest.fixture
    def connection(self, small: Province, tools: Any) -> Iterator[Connection]:
        connection: Connection = tools.connection(small, "civil_status")
        yield connection
        small.clear_faults()

    @pytest.fixture(autouse=True)
    def emptied(self, small: Province) -> None:
        """The registry forgets what it was given."""
        with sqlite3.connect(small.home / "civil_status.sqlite") as database:
            database.execute("DELETE FROM document WHERE collection = 'hoso'")
        database.close()

    @pytest.fixture
    def records(self, small: Province) -> list[dict[str, Any]]:
        units = small.systems["national_catalogue"].store.page("donvihanhchinh", kind="xa")
        commune = next(unit.body["MaDonVi"] for unit in units if unit.body["MaDonViCha"] == "52")
        return [self.registration(number, commune) for number in range(len(NAMES))]

    @staticmethod
    def registration(number: int, commune: str, **changed: str) -> dict[str, Any]:
        fields = {
            "so": str(number + 1),
            "quyenSo": "01/2026",
            "ngayDangKy": "02/03/2026",
            "noiDangKy": "UBND xã Ea Knốp",
            "nguoiKy": "Người Ký Mẫu",
            "nksHoTen": NAMES[number],
            "nksNgaySinh": "25/02/2026",
            "meHoTen": f"Trần Thị Mẫu {number:03d}",
        }
        content = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in {**fields, **changed}.items())
        return {
            "maDonVi": int(commune),
            "module": "KS",
            "maHoSo": f"H21.129-260302-{number:04d}",
            "ngayTiepNhan": "2026-03-02",
            "data": f"<hotich><hoso>{content}</hoso></hotich>",
        }

    @pytest.fixture
    def stored(self, small: Province) -> Callable[[], list[dict[str, Any]]]:
        def read() -> list[dict[str, Any]]:
            rows = [row.body for row in small.systems["civil_status"].store.page("hoso")]
            return [{name: row[name] for name in row if name != "state"} for row in rows]

        return read

    def seen(self, record: dict[str, Any]) -> dict[str, Any]:
        """What the registry keeps."""
        return {
            "maHoSo": record["maHoSo"],
            "maDonVi": f"{record['maDonVi']:05d}",
            "module": record["module"],
            "digest": sha256(record["data"].encode()),
        }

    @pytest.fixture
    def refusable(self, records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], set[int]]:
        commune = f"{records[0]['maDonVi']:05d}"
        records[0] |= {"maDonVi": 99_999}
        records[2] |= {"maDonVi": 4}
        records[5] |= {"module": "KT"}
        records[7] = self.registration(7, commune, meHoTen="")
        records[9] = self.registration(9, commune, noiDangKy="xã " * 40, nksNgaySinh="31/02/2026")
        return records, {0, 2, 5, 7, 9}

    @pytest.fixture
    def faults(self, small: Province, connection: Connection) -> Mapping[str, Any]:
        def cut(fault: str, after: int = 0) -> Callable[[], AbstractContextManager[Connection]]:
            @contextmanager
            def made() -> Iterator[Connection]:
                small.fault("civil_status", fault, after=after, operation="dangKyHoTich")
                yield connection

            return made

        return {
            **broken(connection),
            **province_faults(small, connection, "dangKyHoTich"),
            "unauthenticated": replace(connection, password="wr0ng-password"),
            "cut-after-taken": cut("cut_after_taken"),
            "cut-before-taken": cut("cut_before"),
        }
