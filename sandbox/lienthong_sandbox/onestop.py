"""The provincial one-stop system, ``/motcua``: dossiers, applicants, civil registrations."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox import applicants, dossiers, jobs, registrations
from lienthong_sandbox.notary import Notary
from lienthong_sandbox.store import Row, Store, document
from lienthong_sandbox.system import Call, System, fault_of
from lienthong_sandbox.times import now, onestop, parse_iso, to_ms
from lienthong_sandbox.tokens import Issuer, unauthorized

KEYS = {"hoso": "DocCode", "nguoinop": "MaYeuCau", "hotich": "MaHoSo"}
"""The lists of the system and the field that identifies a record in each."""
RESULTS = ("KHOP", "KHONG_KHOP", "KHONG_TIM_THAY", "KHONG_HOP_LE")
"""Verification results that ``POST /motcua/api/xacthuc`` takes."""
_MAX_PAGE, _MAX_BATCH = 1000, 1000
Record = dict[str, Any]


class OneStop(System):
    """The one-stop system; every path but the token needs a bearer token of its own issuer."""

    name, prefix, title = "one_stop", "/motcua", "Hệ thống một cửa điện tử tỉnh"

    def __init__(self, store: Store, issuer: Issuer, communes: tuple[str, ...], population: int) -> None:
        """Seed with persons living in ``communes``, the first ``population`` of whom are registered."""
        self._issuer, self._communes, self._population = issuer, communes, population
        super().__init__(store)
        self._jobs = jobs.Jobs(store, "/motcua/api/viec", self._work)

    def seed(self) -> None:
        """Store dossiers, applicants and registrations."""
        self.store.put_many("hoso", dossiers.rows(self._communes))
        self.store.put_many("nguoinop", applicants.rows(self._communes, self._population))
        self.store.put_many("hotich", registrations.rows(self._communes))

    def defects(self) -> dict[str, str]:
        """Return the malformed records of all three lists."""
        return {**dossiers.defects(), **applicants.defects(), **registrations.defects()}

    def operation(self, call: Call) -> str:
        """``token``, ``hoso``, ``nguoinop``, ``hotich``, ``xacthuc``, ``xacthuc-status`` or ``viec``."""
        if call.path.endswith("/token"):
            return "token"
        name = call.path.removeprefix("/motcua/api/").split("/")[0]
        return "xacthuc-status" if name == "xacthuc" and call.method == "GET" else name

    def app(self) -> ASGIApp:
        """Return the app with its paths."""
        return Starlette(
            routes=[
                Route("/motcua/oauth2/token", self._issuer.grant, methods=["POST"]),
                Route("/motcua/api/xacthuc", self._take, methods=["POST"]),
                Route("/motcua/api/xacthuc/{key}", self._status, methods=["GET"]),
                Route("/motcua/api/viec/{name}", self._job, methods=["GET"]),
                Route("/motcua/api/{list}", self._list, methods=["GET"]),
            ]
        )

    def upsert(self, collection: str, records: list[Record]) -> int:
        """Insert or replace records of a list; ``UpdatedAt`` becomes the present moment."""
        if collection not in KEYS:
            raise ValueError(f"one_stop has the lists {', '.join(KEYS)}, not {collection!r}")
        moment = now()
        rows = [
            document(str(r[KEYS[collection]]), to_ms(moment), r | {"UpdatedAt": onestop(moment)})
            for r in records
        ]
        self.store.put_many(collection, rows)
        return len(rows)

    notary: Notary | None = None
    """Where set, results are taken only in requests that an agency signed."""

    async def _list(self, request: Request) -> Response:
        if not self._issuer.accepts(request):
            return unauthorized()
        name, query = request.path_params["list"], request.query_params
        if name not in KEYS:
            return JSONResponse({"Status": 404, "Message": f"Không có danh sách {name}"}, 404)
        try:
            limit = min(int(query.get("limit", "100")), _MAX_PAGE)
            since = to_ms(parse_iso(query["updated_since"])) if query.get("updated_since") else None
            after, before = _position(query.get("cursor", ""))
        except ValueError:
            return JSONResponse(
                {"Status": 400, "Message": "cursor, limit hoặc updated_since không hợp lệ"}, 400
            )
        found = self.store.page(name, since=since, after=after, limit=max(1, limit) + 1)
        rows, more = found[:limit], len(found) > limit
        following = _cursor(rows[-1], after) if more else None
        shown = rows
        if fault_of(request) == "duplicate_page":
            earlier = self.store.page(name, since=since, after=before, limit=limit) if after else rows
            shown = [*earlier, *rows]
        records = [row.body for row in shown]
        if fault_of(request) == "malformed_record" and records:
            records.insert(0, records[0] | {KEYS[name]: None})
        body = {"Status": 1, "Message": "OK", "Data": records, "NextCursor": following}
        headers = (
            {"Link": f'<{request.url.include_query_params(cursor=following)}>; rel="next"'}
            if following
            else {}
        )
        return JSONResponse(body, headers=headers)

    async def _take(self, request: Request) -> Response:
        if not self._issuer.accepts(request):
            return unauthorized()
        raw = await request.body()
        if self.notary is not None and self.notary.signer_of(request, raw) is None:
            return JSONResponse({"Status": 401, "Message": "Yêu cầu không có chữ ký số hợp lệ"}, 401)
        key = request.headers.get("idempotency-key")
        digest = hashlib.sha256(raw).hexdigest()
        if key and (stored := self.store.answer(key)):
            if stored[0] != digest:
                message = "Idempotency-Key đã dùng cho một nội dung khác"
                return JSONResponse({"Status": 422, "Message": message}, 422)
            return Response(
                stored[1], 200, media_type="application/json", headers={"Idempotency-Replayed": "true"}
            )
        try:
            batch = json.loads(raw)
        except ValueError:
            batch = None
        if not isinstance(batch, list) or not 0 < len(batch) <= _MAX_BATCH:
            message = f"Nội dung phải là mảng từ 1 đến {_MAX_BATCH} kết quả"
            return JSONResponse({"Status": 400, "Message": message}, 400)
        if jobs.wanted(request):
            return self._jobs.accept(request, batch, key)
        busy = fault_of(request) == "partial_acceptance"
        with self.store.transaction():
            answers = [self._one(i, item, key, busy and i % 2 == 1) for i, item in enumerate(batch)]
            body = json.dumps(answers, ensure_ascii=False)
            if key:
                self.store.save_answer(key, digest, body)
        return Response(body, 200, media_type="application/json")

    async def _job(self, request: Request) -> Response:
        return self._jobs.answer(request) if self._issuer.accepts(request) else unauthorized()

    def _work(self, batch: list[Any], key: str | None) -> list[Record]:
        """Do what `_take` does, later."""
        return [self._one(index, item, key, busy=False) for index, item in enumerate(batch)]

    def _one(self, index: int, item: object, key: str | None, busy: bool) -> Record:
        """Take one verification result; the answer says what became of it."""
        if not isinstance(item, dict):
            return _answer(index, 400, "SAI_DINH_DANG", "Kết quả phải là một đối tượng")
        if missing := [f for f in ("MaYeuCau", "DocCode", "SoDinhDanh", "KetQua") if not item.get(f)]:
            return _answer(index, 400, "THIEU_TRUONG", f"Thiếu trường: {', '.join(missing)}")
        if item["KetQua"] not in RESULTS:
            return _answer(index, 400, "SAI_KET_QUA", f"KetQua phải là một trong: {', '.join(RESULTS)}")
        if self.store.get("nguoinop", str(item["MaYeuCau"])) is None:
            return _answer(index, 404, "KHONG_CO_YEU_CAU", "Mã yêu cầu không tồn tại")
        if busy:
            return _answer(index, 503, "DANG_BAN", "Hồ sơ đang được xử lý, gửi lại sau")
        request_id = str(item["MaYeuCau"])
        fresh = self.store.get("xacthuc", request_id) is None
        self.store.put("xacthuc", document(request_id, to_ms(now()), item))
        self.store.note("xacthuc", request_id, key, KetQua=item["KetQua"])
        return _answer(index, 201 if fresh else 200, "OK", "Đã ghi nhận")

    async def _status(self, request: Request) -> Response:
        if not self._issuer.accepts(request):
            return unauthorized()
        stored = self.store.answer(request.path_params["key"])
        if stored is None:
            return JSONResponse({"Status": 404, "Message": "Chưa từng nhận khóa này"}, 404)
        body = {
            "Status": 1,
            "Key": request.path_params["key"],
            "Digest": stored[0],
            "Results": json.loads(stored[1]),
        }
        return JSONResponse(body)

    def verified(self) -> Iterable[Record]:
        """Return the verification results taken so far, oldest first."""
        return [row.body for row in self.store.page("xacthuc")]


def _answer(index: int, status: int, code: str, message: str) -> Record:
    return {"index": index, "status": status, "code": code, "message": message}


def _cursor(last: Row, before: tuple[int, str] | None) -> str:
    """Return an opaque position: behind ``last``, having started behind ``before``."""
    text = json.dumps([[last.updated_ms, last.key], list(before) if before else None])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[tuple[int, str] | None, tuple[int, str] | None]:
    """Read a cursor back; ``ValueError`` when it is not one of ours."""
    if not cursor:
        return None, None
    try:
        after, before = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return (int(after[0]), str(after[1])), (int(before[0]), str(before[1])) if before else None
    except (binascii.Error, TypeError, IndexError, UnicodeDecodeError) as error:
        raise ValueError("not a cursor") from error
