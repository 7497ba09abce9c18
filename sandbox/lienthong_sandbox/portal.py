"""The national public service portal behind its adapter, ``/VXPAdapter/RestService/forward``.

Session login, sharing services (``/mapi/g``) and pushes (``/mapi/p``). Outcomes travel in
``error_code`` inside answers that HTTP calls a success, as at the real portal.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox.portal_rules import check_dossier, check_progress, procedure_details
from lienthong_sandbox.procedures import PROCEDURES
from lienthong_sandbox.store import Store, document
from lienthong_sandbox.system import Call, System, fault_of
from lienthong_sandbox.times import now, to_ms
from lienthong_sandbox.tokens import Issuer

Record = dict[str, Any]
_PUSHES = frozenset({"DongBoHoSoMC", "CapNhatTienDoHoSoMC"})


class Portal(System):
    """The portal; ``dstcode`` and a live session are asked for at every call."""

    name, prefix = "national_portal", "/VXPAdapter/RestService/forward"
    title = "Cổng Dịch vụ công quốc gia"

    def __init__(self, store: Store, users: Issuer, dstcode: str, session_seconds: float) -> None:
        """Know the users of ``users``; sessions live ``session_seconds``."""
        self._users, self._dstcode, self._lifetime = users, dstcode, session_seconds
        self._sessions: dict[str, float] = {}
        super().__init__(store)

    def seed(self) -> None:
        """Start without any dossier."""

    def operation(self, call: Call) -> str:
        """``token`` for the login, else the ``service`` that the body names."""
        if call.path.endswith("/login"):
            return "token"
        try:
            return str(json.loads(call.body).get("service", "unknown"))
        except (ValueError, AttributeError):
            return "unknown"

    def app(self) -> ASGIApp:
        """Return the app with its three paths."""
        return Starlette(
            routes=[
                Route(f"{self.prefix}/mapi/login", self._login, methods=["POST"]),
                Route(f"{self.prefix}/mapi/g", self._share, methods=["POST"]),
                Route(f"{self.prefix}/mapi/p", self._push, methods=["POST"]),
            ]
        )

    def expired(self) -> Response:
        """Answer as the portal does to a session that has run out."""
        return _error("401", "Phiên làm việc không tồn tại hoặc đã hết hạn")

    def error_in_200(self) -> Response:
        """Answer with the portal's general failure."""
        return _error("-1", "Lỗi hệ thống, vui lòng thử lại sau")

    async def _login(self, request: Request) -> Response:
        if refused := self._routed(request):
            return refused
        body = await _body(request)
        if body is None or not self._users.knows(str(body.get("username")), str(body.get("password"))):
            return _error("403", "Tên đăng nhập hoặc mật khẩu không đúng")
        session = secrets.token_hex(20)
        self._sessions[session] = time.monotonic() + self._lifetime
        return JSONResponse({"session": session, "error_code": 0})

    def _routed(self, request: Request) -> Response | None:
        if request.headers.get("dstcode") != self._dstcode:
            return JSONResponse(
                {"error_code": "404", "message": "Không tìm thấy hệ thống đích (dstcode)"}, 404
            )
        return None

    async def _opened(self, request: Request) -> Record | Response:
        """Return the body of a call in a live session, or the refusal."""
        if refused := self._routed(request):
            return refused
        body = await _body(request)
        if body is None:
            return _error("400", "Nội dung không phải JSON hợp lệ")
        if self._sessions.get(str(body.get("session")), 0.0) <= time.monotonic():
            return self.expired()
        if not body.get("madonvi"):
            return _error("400", "Thiếu madonvi")
        return body

    async def _share(self, request: Request) -> Response:
        body = await self._opened(request)
        if isinstance(body, Response):
            return body
        service = body.get("service")
        if service == "TraCuuHoSo":
            row = self.store.get("hoso", str(body.get("mahoso", "")))
            return _result([row.body] if row else [])
        if service == "LayThuTuc":
            return _result(procedure_details(str(body.get("maTTHC", ""))))
        if service == "LayDanhSachTTHC":
            return _result([{"MATTHC": p.code, "TENTTHC": p.name, "MALINHVUC": p.domain} for p in PROCEDURES])
        if service == "LayDanhMucLinhVuc":
            domains = {p.domain: p.domain_name for p in PROCEDURES}
            return _result([{"MALINHVUC": k, "TENLINHVUC": v} for k, v in domains.items()])
        return _error("404", f"Dịch vụ {service} không được hỗ trợ")

    async def _push(self, request: Request) -> Response:
        body = await self._opened(request)
        if isinstance(body, Response):
            return body
        service, data = body.get("service"), body.get("data")
        if service not in _PUSHES:
            return _error("404", f"Dịch vụ {service} không được hỗ trợ")
        if not isinstance(data, list) or not data:
            return _error("400", "Thiếu data")
        if service == "CapNhatTienDoHoSoMC":
            take: Callable[[Record, str | None], Record] = self._progress
        elif body.get("isUpdating") in ("True", "False"):
            take = self._update if body["isUpdating"] == "True" else self._create
        else:
            return _error("400", 'isUpdating phải là "True" hoặc "False"')
        request_id = request.headers.get("x-request-id")
        partial = fault_of(request) == "partial_acceptance"
        with self.store.transaction():
            answers = [
                _outcome(_code(item), "99", "Hệ thống bận, vui lòng gửi lại hồ sơ")
                if partial and i % 2 == 1
                else take(item, request_id)
                for i, item in enumerate(data)
            ]
        return _result(answers)

    def _create(self, item: Record, request_id: str | None) -> Record:
        code = _code(item)
        if fault := check_dossier(item):
            return _outcome(code, *fault)
        if self.store.get("hoso", code):
            return _outcome(code, "04", f"Hồ sơ {code} đã tồn tại trên Cổng Dịch vụ công quốc gia")
        return self._keep("create", code, item, request_id)

    def _update(self, item: Record, request_id: str | None) -> Record:
        code = _code(item)
        if fault := check_dossier(item):
            return _outcome(code, *fault)
        if self.store.get("hoso", code) is None:
            return _outcome(code, "05", f"Hồ sơ {code} chưa được đồng bộ, không thể cập nhật")
        return self._keep("update", code, item, request_id)

    def _keep(self, operation: str, code: str, item: Record, request_id: str | None) -> Record:
        self.store.put("hoso", document(code, to_ms(now()), item))
        self.store.note(operation, code, request_id, MaHoSo=code)
        return _outcome(code, "00", "Thành công")

    def _progress(self, item: Record, request_id: str | None) -> Record:
        code = _code(item)
        if fault := check_progress(item):
            return _outcome(code, *fault)
        row = self.store.get("hoso", code)
        if row is None:
            return _outcome(code, "05", f"Hồ sơ {code} chưa được đồng bộ, không thể cập nhật tiến độ")
        steps = [*row.body.get("TienDo", []), item]
        self.store.put("hoso", document(code, to_ms(now()), row.body | {"TienDo": steps}))
        self.store.note("progress", code, request_id, MaHoSo=code)
        return _outcome(code, "00", "Thành công")


async def _body(request: Request) -> Record | None:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _code(item: object) -> str:
    return str(item.get("MaHoSo", "")) if isinstance(item, dict) else ""


def _outcome(code: str, error_code: str, message: str) -> Record:
    return {"MaHoSo": code, "error_code": error_code, "message": message}


def _result(result: list[Record]) -> JSONResponse:
    return JSONResponse({"error_code": "00", "message": "Thành công", "result": result})


def _error(code: str, message: str) -> JSONResponse:
    return JSONResponse({"error_code": code, "message": message, "result": []})
