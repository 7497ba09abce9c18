"""The national population database, ``/dancu/soap`` (SOAP 1.1, hash authentication).

Every look-up names an officer and a procedure and is entered in the access log, whether it is
answered or refused.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox import soap
from lienthong_sandbox.applicants import OFFICERS
from lienthong_sandbox.citizens_xml import REPLY, citizen, collection
from lienthong_sandbox.people import Person, find, person, range_changed
from lienthong_sandbox.population_rules import same_person
from lienthong_sandbox.procedures import LOCAL, PROCEDURES
from lienthong_sandbox.soap import SOAP11, SoapError, text
from lienthong_sandbox.store import Store
from lienthong_sandbox.system import Call, System, fault_of
from lienthong_sandbox.times import from_ms
from lienthong_sandbox.tokens import basic
from lienthong_sandbox.wss import Seal

SERVICES = {"TraCuuThongTinCongDan": "037", "XacThucThongTinCongDan": "003", "DongBoThongTinCongDan": "040"}
"""Operations and the MaTichHop each is called under (the last one is the sandbox's own)."""
LOCKED = "cb.dakhoa"
"""An officer account that exists but is locked."""
FORBIDDEN = "2.000815"
"""A procedure that may not use the service (certifying a copy needs no citizen data)."""
ALLOWED = frozenset({p.code for p in (*PROCEDURES, *LOCAL)} - {FORBIDDEN})
"""Procedures that may use the service."""
_MAX_PAGE = 20_000
_FRESH_SECONDS = 300


class Population(System):
    """The population database with ``size`` citizens."""

    name, prefix, title = "population", "/dancu/soap", "CSDL quốc gia về dân cư"

    def __init__(
        self,
        store: Store,
        login: tuple[str, str],
        communes: tuple[str, ...],
        size: int,
        seal: Seal | None = None,
    ) -> None:
        """Know one caller by ``login`` (user name, secret); ``seal`` asks for signed messages."""
        self._user, self._secret = login
        self._communes, self._size, self.seal = communes, size, seal
        super().__init__(store)

    def seed(self) -> None:
        """Citizens are computed, not stored."""

    def operation(self, call: Call) -> str:
        """Name of the element in the Body, or ``wsdl``."""
        return "wsdl" if call.method == "GET" else soap.operation_of(call.body)

    def expired(self) -> Response:
        """Answer as to a hash that no longer holds."""
        return soap.fault_response(SoapError("XT01", "Xác thực không thành công", 401), SOAP11)

    def error_in_200(self) -> Response:
        """Answer with a fault that HTTP calls a success."""
        return soap.fault_response(SoapError("HT99", "Lỗi hệ thống", 200, sender=False), SOAP11)

    def app(self) -> ASGIApp:
        """Return the app with its one path."""
        routes = [
            Route(self.prefix, self.describe, methods=["GET"]),
            Route(self.prefix, self._serve, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def describe(self, request: Request) -> Response:
        """Answer with the service's description."""
        return soap.description(request, "dancu")

    async def _serve(self, request: Request) -> Response:
        try:
            self._authenticate(request)
        except SoapError as fault:
            return self._refusal(fault)
        return await self.answer(request, await request.body())

    async def answer(self, request: Request, raw: bytes) -> Response:
        """Answer an envelope whose sender is known."""
        try:
            call = soap.only_child(self.seal.open(raw), SOAP11) if self.seal else soap.parse(raw, SOAP11)
            name = _service(call)
            soap.check(call, "dancu.xsd")
            self._permit(name, call)
            if name == "DongBoThongTinCongDan":
                return await self._feed(request, call)
            inner = self._look_up(call) if name.startswith("TraCuu") else self._verify(call)
            return await self._answer(iter((inner,)))
        except SoapError as fault:
            return self._refusal(fault)

    def _refusal(self, fault: SoapError) -> Response:
        refusal = self.seal_of(soap.wrap(soap.fault_xml(fault, SOAP11), SOAP11))
        return Response(refusal, fault.status, media_type=soap.media_type(SOAP11))

    def _authenticate(self, request: Request) -> None:
        stamp, given = request.headers.get("timestamp", ""), basic(request)
        if given is None or not stamp.isascii() or not stamp.isdigit():
            raise SoapError("XT01", "Thiếu thông tin xác thực", 401)
        expected = hashlib.sha256(f"{self.prefix}{self._user}{stamp}{self._secret}".encode()).hexdigest()
        if given[0] != self._user or not hmac.compare_digest(given[1].encode(), expected.encode()):
            raise SoapError("XT01", "Xác thực không thành công", 401)
        seconds = int(stamp) / 1000 if len(stamp) > 11 else int(stamp)
        if abs(time.time() - seconds) > _FRESH_SECONDS:
            raise SoapError("XT02", "Timestamp đã quá hạn", 401)

    def _permit(self, name: str, call: etree._Element) -> None:
        """Check officer, procedure and service code; enter the look-up in the access log."""
        officer, procedure, service = text(call, "MaCanBo"), text(call, "MaDVC"), text(call, "MaTichHop")
        refusal = None
        if officer == LOCKED:
            refusal = SoapError("CB02", f"Tài khoản cán bộ {officer} đã bị khóa")
        elif officer not in OFFICERS:
            refusal = SoapError("CB01", f"Tài khoản cán bộ {officer} không tồn tại")
        elif procedure and procedure not in ALLOWED:
            refusal = SoapError("TT01", f"Thủ tục {procedure} không được phép khai thác dịch vụ")
        elif service != SERVICES[name]:
            refusal = SoapError("TH01", f"Mã tích hợp {service} không dùng cho dịch vụ {name}")
        entry: dict[str, Any] = {"MaCanBo": officer, "MaDVC": procedure, "MaTichHop": service}
        entry |= {"MaDonVi": text(call, "MaDonVi"), "refused": refusal.code if refusal else None}
        self.store.note(name, text(call, "MaYeuCau"), **entry)
        if refusal:
            raise refusal

    def _citizen(self, call: etree._Element) -> Person | None:
        return find(text(call, "SoDinhDanh"), self._size, self._communes)

    def _look_up(self, call: etree._Element) -> str:
        """Return the citizen of a personal number, or an empty collection."""
        found = self._citizen(call)
        texts = [citizen(found)] if found else []
        note = "" if found else "Không tìm thấy công dân"
        return "".join(collection(texts, len(texts), note, text(call, "MaYeuCau")))

    def _verify(self, call: etree._Element) -> str:
        """Tell whether number, name and birth date belong to one citizen."""
        found = self._citizen(call)
        birth = next(child for child in call if etree.QName(child).localname == "NgayThangNamSinh")
        stated = text(birth, "NgayThangNam") or text(birth, "Nam")
        same = found is not None and same_person(found, text(call, "HoVaTen"), stated)
        echo = escape(text(call, "MaYeuCau"))
        return (
            f'<KetQuaXacThuc xmlns="{REPLY}"><TonTai>{str(same).lower()}</TonTai>'
            f"<MaYeuCau>{echo}</MaYeuCau></KetQuaXacThuc>"
        )

    async def _feed(self, request: Request, call: etree._Element) -> Response:
        """Stream one page of the citizens changed in a span of time."""
        number, size = int(text(call, "Trang")), int(text(call, "SoBanGhi"))
        if number < 1 or not 1 <= size <= _MAX_PAGE:
            raise SoapError("DL03", f"Trang >= 1, 1 <= SoBanGhi <= {_MAX_PAGE}")
        span = range_changed(
            from_ms(int(text(call, "TuNgay"))), from_ms(int(text(call, "DenNgay"))), self._size
        )
        indexes = [*span[(number - 1) * size : number * size]]
        if fault_of(request) == "duplicate_page":
            indexes = [*(span[max(0, number - 2) * size : (number - 1) * size] or indexes), *indexes]
        broken = fault_of(request) == "malformed_record" and bool(indexes)
        note = f"Trang {number}/{max(1, -(-len(span) // size))}, tổng số {len(span)}"
        pieces = collection(
            self._citizens(indexes, broken), len(indexes) + broken, note, text(call, "MaYeuCau")
        )
        return await self._answer(pieces)

    def _citizens(self, indexes: list[int], broken: bool) -> Iterator[str]:
        if broken:
            yield citizen(person(indexes[0], self._communes), "06300ABC")
        for index in indexes:
            yield citizen(person(index, self._communes))

    async def _answer(self, pieces: Iterator[str]) -> Response:
        """Stream the answer, or hold and sign it where signatures are asked for."""
        kind = soap.media_type(SOAP11)
        if self.seal is not None:
            sealed = await run_in_threadpool(lambda: self.seal_of(soap.wrap("".join(pieces), SOAP11)))
            return Response(sealed, media_type=kind)

        def parts() -> Iterator[bytes]:
            yield soap.head(SOAP11).encode()
            for piece in pieces:
                yield piece.encode()
            yield soap.TAIL.encode()

        return StreamingResponse(parts(), media_type=kind)

    def seal_of(self, envelope: bytes) -> bytes:
        """Return the envelope signed, or as it is where no signatures are asked for."""
        return self.seal.close(envelope) if self.seal else envelope


def _service(call: etree._Element) -> str:
    """Return the name of the operation that is called; refuse one that is not there."""
    name = str(etree.QName(call).localname)
    if name not in SERVICES:
        raise SoapError("DL02", f"Không có dịch vụ {name}")
    return name
