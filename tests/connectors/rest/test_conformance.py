"""The REST connector held to the conformance suite, against the sandbox's real shapes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, Self
from urllib.parse import unquote

import pytest

from lienthong.connector import Connection, Context
from lienthong.records import Record
from lienthong.signing import LocalSigner
from lienthong.signing.keys import create_development_keys
from lienthong.testing import (
    CuttingProxy,
    SourceConformance,
    TargetConformance,
    refused_port,
    silent_server,
)
from lienthong_connectors.http.auth import basic_value
from lienthong_connectors.presets import identity_results, onestop_list, shared_catalogue, sync_dossiers
from lienthong_connectors.rest import LinkHeaderPaging, PagePaging, RestSource, RestTarget, StatusLookup
from lienthong_sandbox import Province

#: Grants a token and a session to whoever asks, in the words of all dialects at once.
GRANTED = b'{"access_token": "granted", "expires_in": 300, "session": "granted", "error_code": 0}'


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    with Province(tmp_path_factory.mktemp("province"), population=500, bad_rows=False) as running:
        yield running


@contextmanager
def denying_server() -> Iterator[int]:
    """Grant tokens and sessions, and answer 403 to everything else; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            granted = self.path.endswith(("/token", "/login"))
            body = GRANTED if granted else b'{"message": "no subscription"}'
            self.send_response(200 if granted else 403)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_OPTIONS = do_PUT = do_POST  # noqa: N815 - the standard library's names

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.server_port
        server.shutdown()


class Sandbox:
    """One system of the province: its connection, and what its switches can break."""

    system: ClassVar[str]

    @pytest.fixture
    def connection(self, province: Province) -> Iterator[Connection]:
        given = province.connections()[self.system]
        kept = ("host", "login", "password", "extra")
        yield Connection(self.system, given["conn_type"], **{name: given[name] for name in kept})
        province.clear_faults()

    @pytest.fixture
    def faults(self, breakages: Mapping[str, Any]) -> Mapping[str, Any]:
        return breakages

    @pytest.fixture
    def breakages(self, province: Province, connection: Connection) -> Mapping[str, Any]:
        def switched(fault: str, operation: str | None = None) -> Callable[[], Any]:
            @contextmanager
            def broken() -> Iterator[Connection]:
                province.fault(self.system, fault, times=None, operation=operation, seconds=2)
                yield connection
                province.clear_faults()

            return broken

        @contextmanager
        def denied() -> Iterator[Connection]:
            with denying_server() as port:
                yield self.moved(province, connection, port)

        @contextmanager
        def silent() -> Iterator[Connection]:
            with silent_server() as port:
                yield self.moved(province, connection, port)

        return {
            "unreachable": self.moved(province, connection, refused_port()),
            "unauthenticated": replace(connection, password="wr0ng-password"),
            "forbidden": denied,
            "unresponsive": silent,
            "garbled": switched("malformed_body"),
            "overloaded": switched("rate_limited"),
            "failing": switched("unavailable"),
        }

    @staticmethod
    def moved(province: Province, connection: Connection, port: int) -> Connection:
        """The same connection to another port of this machine."""

        def there(text: str) -> str:
            return text.replace(province.url, f"http://127.0.0.1:{port}")

        extra = {name: there(str(value)) for name, value in connection.extra.items()}
        return replace(connection, host=there(connection.host), extra=extra)

    def secrets(self, connection: Connection) -> list[str]:
        """The password, also as it travels."""
        return [connection.password, basic_value(connection.login, connection.password)]

    def rows(self, province: Province, name: str) -> list[Record]:
        return [row.body for row in province.systems[self.system].store.page(name)]

    def empty(self, province: Province, name: str) -> None:
        """Make the system forget what it was given, and the answers it keeps by key."""
        with sqlite3.connect(province.home / f"{self.system}.sqlite") as database:
            database.execute("DELETE FROM document WHERE collection = ?", (name,))
            database.execute("DELETE FROM answer")
        database.close()


class TestCursorSource(Sandbox, SourceConformance):
    """Registrations of the one-stop system, an opaque cursor leading from page to page."""

    asks_each_page = True

    system = "one_stop"
    page_bound = 40
    cursor = "UpdatedAt"

    @pytest.fixture
    def settings(self, patience: float) -> RestSource:
        return replace(onestop_list("hotich", size=40), timeout=patience)

    @pytest.fixture
    def expected(self, province: Province) -> list[Record]:
        return self.rows(province, "hotich")


class TestLinkSource(TestCursorSource):
    """The same list by the ``Link`` header, which must carry size and cursor from page to page."""

    @pytest.fixture
    def settings(self, patience: float) -> RestSource:
        paging, params = LinkHeaderPaging(), {"limit": "40"}
        return replace(onestop_list("hotich"), paging=paging, params=params, timeout=patience)


class TestPageSource(Sandbox, SourceConformance):
    """The communes of the national catalogue in numbered pages, several of them in flight.

    A hundred communes share each moment of change, and pages end in the middle of them.
    """

    asks_each_page = True

    system = "national_catalogue"
    page_bound = 1000
    cursor = "NgayCapNhat"

    @pytest.fixture
    def settings(self, patience: float) -> RestSource:
        return replace(shared_catalogue("donvihanhchinhcap2", size=1000), timeout=patience)

    @pytest.fixture
    def expected(self, province: Province) -> list[Record]:
        return [row.body for row in province.systems[self.system].store.page("donvihanhchinh", kind="xa")]


class TestPageSourceWithoutTotal(TestPageSource):
    """The same pages where the service announces no total: only an empty page is the end."""

    @pytest.fixture
    def settings(self, patience: float) -> RestSource:
        paging = PagePaging(page_param="trang", size_param="soBanGhi", size=900)
        return replace(shared_catalogue("donvihanhchinhcap2"), paging=paging, timeout=patience)


class TestKeyedTarget(Sandbox, TargetConformance):
    """Identity results in batches: the one-stop system keeps its answer to each ``Idempotency-Key``."""

    system = "one_stop"
    key = ("MaYeuCau",)
    text = "GhiChu"

    @pytest.fixture
    def context(self, tmp_path: Path) -> Context:
        keys = create_development_keys(tmp_path, "H21")
        signer = LocalSigner.from_pem(keys.key, agency="H21", certificate=keys.certificate)
        return Context(exchange="conformance", run="conformance", signer=signer)

    @pytest.fixture
    def settings(self, patience: float) -> RestTarget:
        return replace(identity_results(), timeout=patience)

    @pytest.fixture
    def records(self, province: Province) -> list[Record]:
        applicants = self.rows(province, "nguoinop")[:14]
        return [
            {
                "MaYeuCau": applicant["MaYeuCau"],
                "DocCode": applicant["DocCode"],
                "SoDinhDanh": applicant["SoDinhDanh"],
                "KetQua": "KHOP",
                "GhiChu": "đối chiếu số định danh, họ tên, ngày sinh",
            }
            for applicant in applicants
        ]

    @pytest.fixture(autouse=True)
    def emptied(self, province: Province) -> None:
        self.empty(province, "xacthuc")

    @pytest.fixture
    def stored(self, province: Province) -> Callable[[], list[Record]]:
        return lambda: self.rows(province, "xacthuc")

    @pytest.fixture
    def refusable(self, records: list[Record]) -> tuple[list[Record], set[int]]:
        records[0] |= {"MaYeuCau": "H21-XM-999999"}
        records[7] |= {"KetQua": "CHUA_DOI_CHIEU"}
        del records[8]["SoDinhDanh"]
        return records, {0, 7, 8}

    @pytest.fixture
    def faults(
        self, province: Province, connection: Connection, breakages: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        def cut(fault: str) -> Callable[[], Any]:
            @contextmanager
            def broken() -> Iterator[Connection]:
                province.fault(self.system, fault, operation="xacthuc")
                yield connection

            return broken

        return {**breakages, "cut-after-taken": cut("cut_after_taken"), "cut-before-taken": cut("cut_before")}


class TestKeyedTargetInDoubt(TestKeyedTarget):
    """What was taken without a whole answer is unknown: one that came too late, or was garbled."""

    @pytest.fixture
    def settings(self, patience: float) -> RestTarget:
        return replace(identity_results(), timeout=patience, max_batch=10)

    @pytest.fixture
    def faults(
        self, province: Province, connection: Connection, breakages: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        @contextmanager
        def late() -> Iterator[Connection]:
            province.fault(self.system, "slow_answer", times=None, seconds=3)
            yield connection
            province.clear_faults()

        sent: list[bytes] = []

        def asked(data: bytes) -> bool:
            sent.append(data)
            return False

        def answered(_: bytes) -> bool:
            return b"POST /motcua/api/xacthuc " in b"".join(sent)

        @contextmanager
        def cut() -> Iterator[Connection]:
            service = ("127.0.0.1", province.port)
            with CuttingProxy(service, asked=asked, answered=answered) as proxy:
                yield self.moved(province, connection, int(proxy.address[1]))

        return {"unresponsive": late, "garbled": breakages["garbled"], "cut-after-taken": cut}


class TestKeyedTargetLater(TestKeyedTarget):
    """The same system asked to accept now and work later: 202, and a job to be asked about."""

    pause = 0.05

    @pytest.fixture
    def settings(self, patience: float) -> RestTarget:
        return replace(identity_results(later=True), timeout=patience)

    @pytest.fixture(autouse=True)
    def emptied(self, province: Province) -> None:
        self.empty(province, "xacthuc")
        self.empty(province, "viec")


class TestCreateThenUpdateTarget(Sandbox, TargetConformance):
    """Dossiers to the national portal, which has no idempotency key: created, else updated."""

    system = "national_portal"
    key = ("MaHoSo",)
    text = "GhiChu"

    @pytest.fixture
    def settings(self, patience: float) -> RestTarget:
        return replace(sync_dossiers(), timeout=patience)

    @pytest.fixture
    def records(self) -> list[Record]:
        dossier = {
            "MaTTHC": "1.004222",
            "TenTTHC": "Đăng ký thường trú",
            "MaLinhVuc": "G01-CT08",
            "TenLinhVuc": "Đăng ký, quản lý cư trú",
            "LoaiDoiTuong": "1",
            "NgayTiepNhan": "20250812073000",
            "NgayHenTra": "20250819073000",
            "TrangThaiHoSo": "4",
            "DonViXuLy": "UBND xã số 129",
            "GhiChu": "hồ sơ nộp trực tuyến",
        }
        return [{**dossier, "MaHoSo": f"H21.129-250812-{number:04d}"} for number in range(14)]

    @pytest.fixture(autouse=True)
    def emptied(self, province: Province) -> None:
        self.empty(province, "hoso")

    @pytest.fixture
    def stored(self, province: Province) -> Callable[[], list[Record]]:
        return lambda: self.rows(province, "hoso")

    @pytest.fixture
    def refusable(self, records: list[Record]) -> tuple[list[Record], set[int]]:
        records[0] |= {"MaTTHC": "9.999999"}
        records[7] |= {"NgayHenTra": "19/08/2025"}
        records[13] |= {"TenTTHC": None}
        return records, {0, 7, 13}

    @pytest.fixture
    def faults(
        self, province: Province, connection: Connection, breakages: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        def cut(asked: bytes = b"\0", answered: bytes = b"\0") -> Callable[[], Any]:
            @contextmanager
            def broken() -> Iterator[Connection]:
                with CuttingProxy(
                    ("127.0.0.1", province.port),
                    asked=lambda data: asked in data,
                    answered=lambda data: answered in data,
                ) as proxy:
                    yield self.moved(province, connection, int(proxy.address[1]))

            return broken

        return {
            **breakages,
            "cut-after-taken": cut(answered=b"MaHoSo"),
            "cut-before-taken": cut(asked=b"DongBoHoSoMC"),
        }


class Register:
    """A service that keeps one record under each address, for who has the key; some it refuses."""

    KEY = "s3cret-key"

    def __init__(self) -> None:
        self.kept: dict[str, Record] = {}
        kept = self.kept

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self, status: int, value: Any) -> None:
                data = json.dumps(value, ensure_ascii=False).encode()
                known = self.headers.get("X-API-Key") == Register.KEY
                self.send_response(status if known else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_PUT(self) -> None:
                record = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if record["id"].endswith("9"):
                    self.answer(422, {"code": "E9", "message": f"không nhận {record['name']}"})
                    return
                if self.headers.get("X-API-Key") == Register.KEY:
                    kept[unquote(self.path).removeprefix("/people/")] = record
                self.answer(200, {"number": "BN-1"})

            def do_GET(self) -> None:
                found = kept.get(unquote(self.path).removeprefix("/people/"))
                self.answer(404 if found is None else 200, found or {})

            def do_OPTIONS(self) -> None:
                self.answer(405, {})

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Self:
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class TestSingleTarget(TargetConformance):
    """Records put one by one, each under an address of its own that can also be asked."""

    text = "name"

    @pytest.fixture
    def register(self) -> Iterator[Register]:
        with Register() as running:
            yield running

    @pytest.fixture
    def settings(self, patience: float) -> RestTarget:
        status = StatusLookup(path="/people/{key}")
        return RestTarget(
            path="/people/{key}",
            method="PUT",
            mode="single",
            status=status,
            repeatable=True,
            timeout=patience,
        )

    @pytest.fixture
    def connection(self, register: Register) -> Connection:
        extra = {"auth": "api-key", "token": Register.KEY}
        host = f"http://127.0.0.1:{register.server.server_port}"
        return Connection("register", "lienthong_rest", host=host, extra=extra)

    @pytest.fixture
    def records(self) -> list[Record]:
        """Keys hold what an address cannot: it must arrive escaped."""
        return [{"id": f"hồ sơ/{number}0?", "name": f"Nguyễn Văn Mẫu {number:03d}"} for number in range(14)]

    @pytest.fixture
    def stored(self, register: Register) -> Callable[[], list[Record]]:
        return lambda: list(register.kept.values())

    @pytest.fixture
    def refusable(self, records: list[Record]) -> tuple[list[Record], set[int]]:
        for number in (0, 7, 13):
            records[number] |= {"id": f"{number}-9"}
        return records, {0, 7, 13}

    @pytest.fixture
    def faults(self, register: Register, connection: Connection) -> Mapping[str, Any]:
        def through(opened: Callable[[], Any]) -> Callable[[], Any]:
            @contextmanager
            def broken() -> Iterator[Connection]:
                with opened() as there:
                    port = there if isinstance(there, int) else there.address[1]
                    yield replace(connection, host=f"http://127.0.0.1:{port}")

            return broken

        service = ("127.0.0.1", register.server.server_port)
        return {
            "unreachable": replace(connection, host=f"http://127.0.0.1:{refused_port()}"),
            "unauthenticated": replace(connection, extra={**connection.extra, "token": "wr0ng-key"}),
            "forbidden": through(denying_server),
            "unresponsive": through(silent_server),
            "cut-after-taken": through(lambda: CuttingProxy(service, answered=lambda _: True)),
            "cut-before-taken": through(lambda: CuttingProxy(service, asked=lambda _: True)),
        }
