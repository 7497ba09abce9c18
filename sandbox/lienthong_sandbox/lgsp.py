"""A provincial platform of the ``lgspaccesstoken`` family, ``/lgsp`` (auth dialect B).

It passes on a list of administrative units, and requests to the population database in a JSON
wrapper. Every answer but the database's own comes in the family's envelope.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox.catalogue import UNITS
from lienthong_sandbox.population import Population
from lienthong_sandbox.store import Store
from lienthong_sandbox.system import Call, System, fault_of
from lienthong_sandbox.tokens import Issuer

IDENTITY = {"AppName": "LIEN THONG", "PartnerCode": "000.00.01.H21", "PartnerCodeCus": "000.00.01.H21"}
"""What the platform knows its caller by, beside AccessKey and SecretKey."""
OFFICER = "cb.lgsp"
"""keyName of the officer who may ask the population database."""
_NAMES = ("AccessKey", "SecretKey", "AppName", "PartnerCode", "PartnerCodeCus")
_KNOWN = ("donvihanhchinh", "madantoc")
_MAX_PAGE = 500


class Lgsp(System):
    """The platform; the caller says who it is in a header, and carries a second token."""

    name, prefix, title = "lgsp", "/lgsp", "Nền tảng LGSP (lgspaccesstoken)"

    def __init__(
        self, store: Store, issuer: Issuer, units: Store, population: Population, secrets: Mapping[str, str]
    ) -> None:
        """Pass on the communes of ``units`` and requests to ``population``."""
        self._issuer, self._units, self._population = issuer, units, population
        self._identity = {"AccessKey": f"lienthong-{self.name}", "SecretKey": secrets[self.name], **IDENTITY}
        self._officer = f"{OFFICER}:{secrets['lgsp_officer']}"
        super().__init__(store)

    def seed(self) -> None:
        """Nothing of its own is stored."""

    def operation(self, call: Call) -> str:
        """``token``, ``dmdc`` or ``dancu``."""
        return call.path.removeprefix(self.prefix).strip("/").split("/")[0] or "index"

    def expired(self) -> Response:
        """Answer as to a second token that has run out."""
        return _refuse(401, "Token không hợp lệ hoặc đã hết hạn")

    def error_in_200(self) -> Response:
        """Answer with the family's failure inside a success."""
        return _envelope(500, "ERROR", "Lỗi hệ thống", None, http=200)

    def app(self) -> ASGIApp:
        """Return the app with its paths."""
        return Starlette(
            routes=[
                Route("/lgsp/token", self._token, methods=["POST"]),
                Route("/lgsp/dmdc/{list}", self._list, methods=["GET"]),
                Route("/lgsp/dancu", self._population.describe, methods=["GET"]),
                Route("/lgsp/dancu", self._pass_on, methods=["POST"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        if not self._identified(request.headers.get("lgspaccesstoken", "")):
            return _refuse(401, "Thông tin định danh không đúng")
        if (await request.body()).decode("utf-8", "replace") != "grant_type=client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        return self._issuer.hand_out()

    async def _list(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        name = request.path_params["list"]
        if name not in _KNOWN:
            return _refuse(404, f"Không có danh mục {name}")
        if name != UNITS:
            return _refuse(403, f"Ứng dụng chưa được cấp quyền dùng danh mục {name}")
        try:
            number, size = int(request.query_params["trang"]), int(request.query_params["soBanGhi"])
        except (KeyError, ValueError):
            number = size = 0
        if number < 1 or not 1 <= size <= _MAX_PAGE:
            return _envelope(400, "ERROR", f"trang >= 1, 1 <= soBanGhi <= {_MAX_PAGE}", None)
        rows = self._units.page(UNITS, kind="xa", limit=size, offset=(number - 1) * size)
        if fault_of(request) == "duplicate_page":
            rows = [*rows, *rows]
        found = {"data": [row.body for row in rows], "tongSo": self._units.count(UNITS, kind="xa")}
        return _envelope(200, "SUCCESS", "Thành công", found)

    async def _pass_on(self, request: Request) -> Response:
        """Hand the text in ``data`` to the population database, in the officer's name."""
        try:
            body = json.loads(await request.body())
            given = {name: str(body[name]) for name in ("accessToken", "lgspAccessToken", "AuthHash", "data")}
        except (ValueError, KeyError, TypeError):
            return _envelope(400, "ERROR", "Thiếu accessToken, lgspAccessToken, AuthHash hoặc data", None)
        bearer, officer = given["accessToken"].removeprefix("Bearer "), _decoded(given["AuthHash"])
        if not self._identified(given["lgspAccessToken"]) or not self._issuer.granted(bearer):
            return _refuse(401, "Thông tin định danh không đúng hoặc token đã hết hạn")
        if not hmac.compare_digest(officer.encode(), self._officer.encode()):
            return _refuse(401, "Khóa cán bộ không đúng")
        return await self._population.answer(request, given["data"].encode())

    def _refused(self, request: Request) -> Response | None:
        """Check the identity in either header, and the second token in either of its own."""
        headers = request.headers
        identity, token = headers.get("lgspaccesstoken"), headers.get("x-authentication-token")
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if identity is None and not bearer:  # Authorization without a scheme word
            known = self._identified(scheme) and (token is None or self._issuer.granted(token))
            return None if known else _refuse(401, "Thông tin định danh không đúng")
        if identity is None or not self._identified(identity):
            return _refuse(401, "Thông tin định danh không đúng")
        second = token if token is not None else bearer if scheme == "Bearer" else ""
        return None if self._issuer.granted(second) else self.expired()

    def _identified(self, text: str) -> bool:
        """Tell whether a text is base64 of the five names in their order, with the right values."""
        try:
            pairs = json.loads(_decoded(text), object_pairs_hook=list)
        except ValueError:
            return False
        expected = [(name, self._identity[name]) for name in _NAMES]
        return hmac.compare_digest(repr(pairs).encode(), repr(expected).encode())


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _refuse(status: int, description: str) -> JSONResponse:
    return _envelope(status, "ERROR", description, None)


def _envelope(code: int, status: str, description: str, result: Any, *, http: int = 0) -> JSONResponse:
    body = {
        "StatusCode": code,
        "Status": status,
        "Description": description,
        "ThrowException": False,
        "ResultObject": result,
    }
    return JSONResponse(body, http or code)
