"""The national shared catalogue, ``/dmdc``: administrative units and small code lists.

Shapes follow a provincial guide to the service: bare arrays from ``GET /dmdc/Category/{list}`` and
the answers to inserts. Paging, ``capNhatTu`` and ETags are additions of the sandbox.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox.store import Row, Store, document
from lienthong_sandbox.system import Call, System, fault_of
from lienthong_sandbox.times import now, parse_iso, to_ms
from lienthong_sandbox.tokens import Issuer, unauthorized
from lienthong_sandbox.units import defects, unit_key, unit_rows

UNITS = "donvihanhchinh"
LEVELS = {UNITS: None, "donvihanhchinhcap1": "tinh", "donvihanhchinhcap2": "xa", "donvihanhchinhcu": "xa-cu"}
"""The lists of administrative units and the CapDonVi each is limited to."""

_SMALL = {
    "magioitinh": {"0": "Chưa có thông tin", "1": "Nam", "2": "Nữ"},
    "madantoc": {"01": "Kinh", "02": "Tày", "03": "Thái", "10": "Gia Rai", "12": "Ba Na"},
    "matinhtranghonnhan": {
        "0": "Chưa có thông tin",
        "1": "Chưa kết hôn",
        "2": "Đã kết hôn",
        "3": "Đã ly hôn",
    },
}
_MAX_PAGE = 5000


class Catalogue(System):
    """The catalogue service; every path needs a bearer token of the gateway."""

    name, prefix, title = "national_catalogue", "/dmdc", "Danh mục dùng chung quốc gia"

    def __init__(self, store: Store, issuer: Issuer) -> None:
        """Accept the tokens of ``issuer``."""
        self._issuer = issuer
        super().__init__(store)

    def seed(self) -> None:
        """Store the 13,395 units, the three malformed ones and the small lists."""
        self.store.put_many(UNITS, unit_rows())
        for name, codes in _SMALL.items():
            rows = [document(k, 0, {"Ma": k, "Ten": v}, "ma") for k, v in codes.items()]
            self.store.put_many(name, rows)

    def defects(self) -> dict[str, str]:
        """Return the malformed units by key."""
        return defects()

    def operation(self, call: Call) -> str:
        """``Metadata``, ``Category`` or ``insert``."""
        return (
            "insert"
            if call.method == "POST"
            else call.path.split("/")[2]
            if call.path.count("/") > 1
            else "index"
        )

    def app(self) -> ASGIApp:
        """Return the app with its three paths."""
        return Starlette(
            routes=[
                Route("/dmdc/Metadata/{list}", self._metadata, methods=["GET"]),
                Route("/dmdc/Category/{list}", self._category, methods=["GET"]),
                Route("/dmdc/Category/{list}", self._insert, methods=["POST"]),
            ]
        )

    def upsert(self, collection: str, records: list[dict[str, Any]]) -> int:
        """Insert or replace rows of a list, stamped as changed now."""
        self.store.put_many(_home(collection), [_stamped(collection, r) for r in records])
        return len(records)

    def _refuse(self, request: Request) -> Response | None:
        if not self._issuer.accepts(request):
            return unauthorized()
        name = request.path_params["list"]
        if name not in LEVELS and name not in _SMALL:
            return JSONResponse({"MSG": f"Category {name} not found", "Count": 0}, 404)
        return None

    async def _metadata(self, request: Request) -> Response:
        if refused := self._refuse(request):
            return refused
        name = request.path_params["list"]
        if name in _SMALL:
            columns = {"Ma": "String", "Ten": "String"}
        else:
            columns = dict.fromkeys(
                ("MaDonVi", "TenDonVi", "TenDayDu", "CapDonVi", "MaDonViCha", "LoaiDonVi"), "String"
            )
            columns |= dict.fromkeys(("NgayHieuLuc", "NgayHetHieuLuc", "NgayCapNhat"), "DateTime")
            columns |= dict.fromkeys(("DienTich", "DanSo", "ViDo", "KinhDo"), "Number") | {
                "DonViKeThua": "Array"
            }
        return JSONResponse(
            [{"PropertyCode": c, "PropertyName": c, "PropertyType": t} for c, t in columns.items()]
        )

    async def _category(self, request: Request) -> Response:
        if refused := self._refuse(request):
            return refused
        name, query = request.path_params["list"], request.query_params
        try:
            since = to_ms(parse_iso(query["capNhatTu"])) if "capNhatTu" in query else None
            number, size = int(query.get("trang", "1")), int(query.get("soBanGhi", "500"))
        except ValueError:
            return _envelope(400, "error", {"message": "capNhatTu, trang hoặc soBanGhi không hợp lệ"})
        etag = self._etag(request)
        if fault_of(request) is None and request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        kind, home = LEVELS.get(name), _home(name)
        if "trang" not in query and "soBanGhi" not in query:
            rows = self.store.page(home, kind=kind, since=since)
            return _json("[" + _joined(_twisted(rows, [], fault_of(request))) + "]", etag)
        if number < 1 or not 1 <= size <= _MAX_PAGE:
            return _envelope(400, "error", {"message": f"trang >= 1, 1 <= soBanGhi <= {_MAX_PAGE}"})
        rows = self.store.page(home, kind=kind, since=since, limit=size, offset=(number - 1) * size)
        earlier = self.store.page(home, kind=kind, since=since, limit=size, offset=max(0, number - 2) * size)
        rows = _twisted(rows, earlier, fault_of(request))
        total = self.store.count(home, kind=kind, since=since)
        text = f'{{"data":[{_joined(rows)}],"tongSo":{total},"trang":{number}}}'
        head = json.dumps({"code": 200, "status": "success", "correlationId": secrets.token_hex(16)})
        return _json(f'{head[:-1]},"response":{text}}}', etag)

    def _etag(self, request: Request) -> str:
        state = (request.url.path, request.url.query, self.store.newest(_home(request.path_params["list"])))
        return f'"{hashlib.sha256(repr((*state, self.store.bad_rows)).encode()).hexdigest()[:32]}"'

    async def _insert(self, request: Request) -> Response:
        if refused := self._refuse(request):
            return refused
        name = request.path_params["list"]
        try:
            records = await request.json()
            rows = [_stamped(name, record) for record in records]
        except (ValueError, TypeError, KeyError):
            return JSONResponse({"MSG": "Data not insert: Body is not an array of rows", "Count": 0}, 400)
        seen: set[str] = set()
        for number, row in enumerate(rows):
            if row.key in seen or self.store.get(_home(name), row.key):
                message = f"Data not insert: Record {number}: {row.key.replace('|', ' ')} is duplicate"
                return JSONResponse({"MSG": message, "Count": 0})
            seen.add(row.key)
        self.store.put_many(_home(name), rows)
        for row in rows:
            self.store.note("insert", row.key, request.headers.get("x-request-id"), list=name)
        return JSONResponse({"MSG": "Done", "Count": len(rows)})


def _home(name: str) -> str:
    return UNITS if name in LEVELS else name


def _stamped(name: str, record: dict[str, Any]) -> Row:
    """Give a record its key, its kind and the present moment as moment of change."""
    moment: datetime = now()
    if name in LEVELS:
        fresh = record | {"NgayCapNhat": moment.isoformat(timespec="milliseconds")}
        return document(unit_key(fresh), to_ms(moment), fresh, str(record.get("CapDonVi", "")))
    return document(str(record["Ma"]), to_ms(moment), record, "ma")


def _twisted(rows: list[Row], earlier: list[Row], fault: str | None) -> list[Row]:
    """Repeat the page before, or slip in a row whose key is gone."""
    if fault == "duplicate_page":
        return [*earlier, *rows] if earlier != rows else [*rows, *rows]
    if fault == "malformed_record" and rows:
        return [document("", 0, rows[0].body | {"MaDonVi": None}), *rows]
    return rows


def _joined(rows: list[Row]) -> str:
    return ",".join(row.text for row in rows)


def _json(text: str, etag: str) -> Response:
    return Response(text, media_type="application/json", headers={"ETag": etag})


def _envelope(code: int, status: str, response: dict[str, Any]) -> JSONResponse:
    body = {"code": code, "status": status, "correlationId": secrets.token_hex(16), "response": response}
    return JSONResponse(body, code)
