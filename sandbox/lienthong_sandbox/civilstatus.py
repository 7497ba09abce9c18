"""Electronic civil status, ``/apiHoTichTuPhap/soap`` (SOAP 1.2, bearer token of the gateway)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox import soap
from lienthong_sandbox.civil_rules import CATALOGUES, MODULES, complaint, missing, read_data
from lienthong_sandbox.soap import SOAP12, SoapError, text
from lienthong_sandbox.store import Store, document
from lienthong_sandbox.system import Call, System, fault_of
from lienthong_sandbox.times import now, to_ms
from lienthong_sandbox.tokens import Issuer, unauthorized

SPACE = "urn:lienthong:sandbox:hotich"
"""Namespace of the service; the real one is not published, so the sandbox has its own."""
Answer = dict[str, Any]


class CivilStatus(System):
    """The civil status service for the communes of one province."""

    name, prefix, title = "civil_status", "/apiHoTichTuPhap/soap", "Hộ tịch điện tử (Bộ Tư pháp)"

    def __init__(
        self, store: Store, issuer: Issuer, communes: Collection[str], others: Collection[str]
    ) -> None:
        """Take registrations of ``communes``; ``others`` exist, but in other provinces."""
        self._issuer, self._communes, self._others = issuer, frozenset(communes), frozenset(others)
        super().__init__(store)

    def seed(self) -> None:
        """Start without registrations."""

    def operation(self, call: Call) -> str:
        """Name of the element in the Body, or ``wsdl``."""
        return "wsdl" if call.method == "GET" else soap.operation_of(call.body)

    def error_in_200(self) -> Response:
        """Answer with a fault that HTTP calls a success."""
        return soap.fault_response(SoapError("HT99", "Lỗi hệ thống", 200, sender=False), SOAP12)

    def app(self) -> ASGIApp:
        """Return the app with its one path."""

        async def describe(request: Request) -> Response:
            return soap.description(request, "hotich")

        routes = [
            Route(self.prefix, describe, methods=["GET"]),
            Route(self.prefix, self._serve, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _serve(self, request: Request) -> Response:
        if not self._issuer.accepts(request):
            return unauthorized()
        try:
            call = soap.parse(await request.body(), SOAP12)
            soap.check(call, "hotich.xsd")
            name = str(etree.QName(call).localname)
            if name == "dangKyHoTich":
                answer = self._register(call, request)
            elif name == "traTrangThaiHoSo":
                answer = self._state(call)
            else:
                answer = self._codes(call)
        except SoapError as fault:
            return soap.fault_response(fault, SOAP12)
        fields = "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in answer.items())
        inner = f'<{name}Response xmlns="{SPACE}">{fields}</{name}Response>'
        return Response(soap.wrap(inner, SOAP12), media_type=soap.media_type(SOAP12))

    def _register(self, call: etree._Element, request: Request) -> Answer:
        code, module, data = text(call, "maHoSo").strip(), text(call, "module"), text(call, "data")
        place = text(call, "maDonVi").zfill(5)
        if refusal := self._refusal(place, module, code, data):
            self.store.note(
                "refuse", code, request.headers.get("x-request-id"), errorCode=refusal["errorCode"]
            )
            return refusal
        digest = hashlib.sha256(data.encode()).hexdigest()
        if stored := self.store.get("hoso", code):
            if stored.body["digest"] == digest:
                return {"status": 1, "message": f"Hồ sơ {code} đã được tiếp nhận trước đó"}
            return _refused(500, f"Hồ sơ {code} đã được tiếp nhận với nội dung khác")
        if fault_of(request) == "partial_acceptance":
            return _refused(500, "Hệ thống bận, vui lòng gửi lại hồ sơ")
        kept = {"maHoSo": code, "maDonVi": place, "module": module, "digest": digest, "state": 1}
        with self.store.transaction():
            self.store.put("hoso", document(code, to_ms(now()), kept))
            self.store.note(
                "register", code, request.headers.get("x-request-id"), module=module, maDonVi=place
            )
        return {"status": 1, "message": "Tiếp nhận hồ sơ thành công"}

    def _refusal(self, place: str, module: str, code: str, data: str) -> Answer | None:
        """Return why a registration cannot be taken, in the order in which the real system looks."""
        if place in self._others:
            return _refused(108, "Mã tỉnh không đúng: đơn vị không thuộc tỉnh")
        if place not in self._communes:
            return _refused(106, "Mã đơn vị không đúng")
        fields = read_data(data)
        if module not in MODULES or fields is None:
            return _refused(302, "Kiểu dữ liệu không hợp lệ")
        absent = missing(module, fields)
        if not code or absent:
            return _refused(200, "Hồ sơ không đầy đủ: thiếu trường " + ", ".join(absent or ["maHoSo"]))
        found = complaint(fields)
        return _refused(500, found) if found else None

    def _state(self, call: etree._Element) -> Answer:
        row = self.store.get("hoso", text(call, "maHoSo").strip())
        if row is None or row.body["maDonVi"] != text(call, "maDonVi").zfill(5):
            return _refused(201, "Không tìm thấy hồ sơ")
        return {"status": row.body["state"], "message": ""}

    def _codes(self, call: etree._Element) -> Answer:
        codes = CATALOGUES.get(int(text(call, "loaiDanhMuc")))
        if codes is None:
            return _refused(302, "Loại danh mục không hợp lệ")
        rows = [{"Code": k, "Name": v} for k, v in codes.items()]
        return {"status": 1, "message": "", "data": json.dumps(rows, ensure_ascii=False)}


def _refused(code: int, message: str) -> Answer:
    return {"status": 0, "errorCode": code, "message": message}
