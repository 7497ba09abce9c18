"""The national document bus behind its REST actions, ``/vxp`` (auth dialect E).

A province lists what it received, gets each document, hands it to its own document system, and
says ``done`` or ``fail``; it sends edXML files of at most 50 MB. Parameters travel as signed headers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox.edxml import LARGEST, TITLES, document_text
from lienthong_sandbox.store import BAD, Row, Store, document
from lienthong_sandbox.system import Call, System, fault_of
from lienthong_sandbox.times import VN, iso, now, to_ms
from lienthong_sandbox.vxp_gate import Refusal, signed_headers

SYSTEM = "000.00.01.H21"
"""Our system at the bus."""
RECEIVED, SENT = "nhan", "gui"
STATES = ("processing", "done", "fail")
"""What a receiver may say of a document."""

Record = dict[str, Any]


class Vxp(System):
    """The bus: documents for us, and those that we sent."""

    name, prefix, title = "vxp", "/vxp", "Trục liên thông văn bản quốc gia (VXP)"

    def __init__(self, store: Store, secret: str) -> None:
        """Know one system, by the secret that it signs headers with."""
        self._secret = secret
        super().__init__(store)

    def seed(self) -> None:
        """Store twelve documents for us, one of which has no sender."""
        start = now().astimezone(VN).replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=2)
        rows = []
        for number, title in enumerate(TITLES, 1):
            moment = start + timedelta(minutes=17 * number)
            code = f"{number:02d}/2025/QD-UBND"
            text = document_text(code, title, f"000.{number:02d}.00.G{number:02d}", SYSTEM)
            item = {
                "docId": str(240_000 + number),
                "serviceType": "eDoc",
                "messageType": "edoc",
                "created_time": iso(moment),
                "updated_time": iso(moment),
                "from": "" if number == len(TITLES) else f"000.{number:02d}.00.G{number:02d}",
                "to": SYSTEM,
                "status": "sent",
                "status_desc": "Đã gửi",
            }
            kind = BAD if number == len(TITLES) else ""
            rows.append(document(item["docId"], to_ms(moment), item | {"edxml": text}, kind))
        self.store.put_many(RECEIVED, rows)

    def defects(self) -> dict[str, str]:
        """Return the document without a sender."""
        return {row.key: "from is empty" for row in self.store.page(RECEIVED, kind=BAD)}

    def operation(self, call: Call) -> str:
        """Name of the action."""
        return call.path.removeprefix(self.prefix).strip("/") or "index"

    def expired(self) -> Response:
        """Answer as to headers that were signed too long ago."""
        return _fail(401, "Timestamp đã quá hạn")

    def error_in_200(self) -> Response:
        """Answer with the bus's general failure."""
        return _fail(200, "Lỗi hệ thống, vui lòng thử lại sau")

    def app(self) -> ASGIApp:
        """Return the app with its actions."""
        both, post = ["GET", "POST"], ["POST"]
        actions: dict[str, tuple[Callable[[Request, dict[str, str], bytes], Response], list[str]]] = {
            "getReceivedEdocList": (self._list, both),
            "getSentEdocList": (self._sent, both),
            "countReceiveEdoc": (self._count, ["GET"]),
            "getEdoc": (self._get, both),
            "downloadEdoc": (self._get, ["GET"]),
            "updateStatus": (self._update, post),
            "sendEdoc": (self._send, post),
        }
        return Starlette(
            routes=[
                Route(f"{self.prefix}/{name}", self._guarded(act), methods=methods)
                for name, (act, methods) in actions.items()
            ]
        )

    def _guarded(self, act: Callable[[Request, dict[str, str], bytes], Response]) -> Callable[[Request], Any]:
        """Check the signed headers and the file's size before an action."""

        async def handle(request: Request) -> Response:
            body = await request.body()
            try:
                given = signed_headers(request.headers, body, SYSTEM, self._secret)
            except Refusal as refusal:
                return _fail(401, str(refusal))
            return act(request, given, body)

        return handle

    def _list(self, request: Request, given: dict[str, str], _: bytes) -> Response:
        """Return what was received and is not yet done with."""
        rows = [row for row in self.store.page(RECEIVED) if row.body["status"] not in {"done", "fail"}]
        if fault_of(request) == "duplicate_page":
            rows = [*rows, *rows]
        kind = given.get("messagetype", "edoc")
        return _ok(data=[_shown(row) for row in rows if row.body["messageType"] == kind])

    def _sent(self, *_: object) -> Response:
        return _ok(data=[_shown(row) for row in self.store.page(SENT)])

    def _count(self, *_: object) -> Response:
        waiting = [row for row in self.store.page(RECEIVED) if row.body["status"] == "sent"]
        return _ok(data=len(waiting))

    def _get(self, _: Request, given: dict[str, str], __: bytes) -> Response:
        """Return the edXML file of a document."""
        row = self.store.get(RECEIVED, given.get("docId", ""))
        if row is None:
            return _fail(200, "Không tìm thấy văn bản")
        return Response(row.body["edxml"], media_type="application/octet-stream")

    def _update(self, request: Request, given: dict[str, str], _: bytes) -> Response:
        row, status = self.store.get(RECEIVED, given.get("docId", "")), given.get("status", "")
        if row is None:
            return _fail(200, "Không tìm thấy văn bản")
        if status not in STATES:
            return _fail(200, f"status phải là {', '.join(STATES)}")
        moment = now()
        changed = row.body | {"status": status, "updated_time": iso(moment)}
        self.store.put(RECEIVED, document(row.key, to_ms(moment), changed, row.kind))
        self.store.note("updateStatus", row.key, request.headers.get("x-request-id"), status=status)
        return _ok(DocId=row.key)

    def _send(self, request: Request, given: dict[str, str], body: bytes) -> Response:
        """Take one edXML file."""
        if len(body) > LARGEST:
            return _fail(413, "Tệp lớn hơn 50 MB")
        if "hash-file" not in given:
            return _fail(200, "Thiếu hash-file")
        if b"edXML" not in body[:4096]:
            return _fail(200, "Nội dung không phải edXML")
        key, moment = str(250_000 + self.store.count(SENT) + 1), now()
        item = {"senderDocId": key, "fromCode": given.get("from", SYSTEM), "sentTime": iso(moment)}
        item |= {"sendStatus": "done", "sendStatusDesc": "Đã gửi", "hash": given["hash-file"]}
        self.store.put(SENT, document(key, to_ms(moment), item))
        self.store.note("sendEdoc", key, request.headers.get("x-request-id"), size=len(body))
        return _ok(DocId=key)


def _shown(row: Row) -> Record:
    return {name: value for name, value in row.body.items() if name != "edxml"}


def _ok(**more: Any) -> JSONResponse:
    return JSONResponse({"status": "OK", "ErrorCode": "0", "ErrorDesc": "SUCCESS", **more})


def _fail(status: int, why: str) -> JSONResponse:
    return JSONResponse({"status": "FAIL", "ErrorCode": "100", "ErrorDesc": why}, status)
