"""A connector to a JSON service over HTTP, on plain sockets: the smallest one that the matrix lets pass."""

from __future__ import annotations

import json
import math
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, ClassVar, NoReturn
from urllib.parse import urlsplit

from lxml import etree

from lienthong.connector import (
    Answer,
    Batch,
    Connection,
    Context,
    End,
    Malformed,
    Page,
    Question,
    ReadRequest,
    SourceCapabilities,
    TargetCapabilities,
    in_doubt,
    option,
    status_error,
)
from lienthong.errors import (
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    ProtocolViolation,
    RateLimited,
    Reason,
    RequestRejected,
    TimedOut,
    Unavailable,
)

SIZE = 5


@dataclass
class Reply:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


class Open:
    """Speaks HTTP; every step is a method, so that a mutant can do one of them badly."""

    deadline = 1.0
    most_bytes = 1 << 20
    most_pages = 50

    def __init__(self, settings: Any, connection: Connection, context: Context) -> None:
        self.connection, self.context = connection, context
        self.token = ""

    def close(self) -> None:
        return

    # --- one request

    def call(self, method: str, path: str, body: Any = None, *, delivery: bool = False) -> Any:
        """Return the JSON of an answer."""
        if not self.token:
            self.token = self.login()
        reply = self.send(self.connection.host, method, path, body, delivery)
        if reply.status == 401 and self.may_renew():
            self.token = self.login()
            reply = self.send(self.connection.host, method, path, body, delivery)
        self.check(reply, delivery=delivery)
        try:
            return self.accepted(self.decode(self.text(reply)))
        except ProtocolViolation as error:
            raise (in_doubt(error) if delivery else error) from None

    renewals = 0

    def may_renew(self) -> bool:
        self.renewals += 1
        return self.renewals <= 2

    def login(self) -> str:
        reply = self.send(self.connection.host, "POST", "/token", None, delivery=False)
        return str(self.decode(self.text(reply))["access_token"])

    def send(self, base: str, method: str, path: str, body: Any, delivery: bool) -> Reply:
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(base).netloc}\r\nConnection: close\r\n"
        head += f"Authorization: Bearer {self.token}\r\nContent-Length: {len(data)}\r\n\r\n"
        link = self.connect(base)
        over = threading.Event()

        def expire() -> None:
            over.set()
            with suppress(OSError):
                socket.socket.shutdown(link, socket.SHUT_RDWR)

        timer = threading.Timer(self.deadline, expire)
        timer.start()
        try:
            link.sendall(head.encode() + data)
            with link.makefile("rb") as stream:
                return self.answer(stream)
        except ProtocolViolation as error:
            if delivery:
                raise OutcomeUnknown("the answer to a delivery cannot be read") from None
            raise error from None
        except (OSError, EOFError, ValueError):
            self.lost(delivery=delivery, late=over.is_set())
        finally:
            timer.cancel()
            link.close()

    def connect(self, base: str) -> socket.socket:
        parts = urlsplit(base)
        try:
            plain = socket.create_connection((parts.hostname or "", parts.port or 443), 2)
            return plain if parts.scheme == "http" else self.secured(plain, parts.hostname or "")
        except ssl.SSLError:
            raise Misconfigured("TLS could not be agreed", hint="check the certificate") from None
        except OSError:
            raise Unavailable("no connection could be made") from None

    def secured(self, plain: socket.socket, name: str) -> socket.socket:
        context = ssl.create_default_context(cafile=str(self.connection.option("ca_file")))
        return context.wrap_socket(plain, server_hostname=name)

    def lost(self, *, delivery: bool, late: bool) -> NoReturn:
        if delivery:
            raise OutcomeUnknown("the connection broke after the request left") from None
        raise (TimedOut("no answer in time") if late else Unavailable("the answer was cut")) from None

    # --- one answer

    def answer(self, stream: BinaryIO) -> Reply:
        while 100 <= (reply := self.one_answer(stream)).status < 200:  # what comes before the answer
            pass
        return reply

    def one_answer(self, stream: BinaryIO) -> Reply:
        lines = []
        while (line := stream.readline()) != b"\r\n":
            if not line.endswith(b"\r\n"):
                raise EOFError
            lines.append(line.decode("latin-1").strip())
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        status = int(lines[0].split()[1])
        return Reply(status, headers, b"" if status < 200 else self.body(stream, headers))

    def body(self, stream: BinaryIO, headers: dict[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            parts = b""
            while size := int(stream.readline(), 16):
                parts += stream.read(size) + stream.readline()[:0]
            return parts
        size = int(headers["content-length"])
        if size > self.most_bytes:
            raise ProtocolViolation("the answer is too large")
        data = stream.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def check(self, reply: Reply, *, delivery: bool) -> None:
        kind = self.meaning(reply, delivery=delivery)
        if kind is RateLimited:
            raise RateLimited("slow down", retry_after=self.wait(reply))
        if kind is not None:
            raise kind(f"status {reply.status}")

    def meaning(self, reply: Reply, *, delivery: bool) -> type[LienThongError] | None:
        return status_error(reply.status, delivery=delivery)

    def wait(self, reply: Reply) -> float:
        until, now = (parsedate_to_datetime(reply.headers[name]) for name in ("retry-after", "date"))
        return (until - now).total_seconds()

    def text(self, reply: Reply) -> str:
        media = reply.headers.get("content-type", "").replace(" ", "")
        if media.replace("utf-8", "utf8") not in ("application/json", "application/json;charset=utf8"):
            raise ProtocolViolation("the answer is not JSON in UTF-8")
        if "content-encoding" in reply.headers:
            raise ProtocolViolation("no content coding was asked for")
        try:
            return reply.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ProtocolViolation("the answer is not UTF-8") from None

    def decode(self, text: str) -> Any:
        try:
            value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
            json.dumps(value, ensure_ascii=False, default=str).encode()
        except (ValueError, RecursionError):
            raise ProtocolViolation("the answer is not exact JSON") from None
        return value

    #: Members of which an answer has one.
    says: ClassVar[tuple[str, ...]] = ("rows", "taken", "person")

    def accepted(self, value: Any) -> Any:
        if "error" in value:
            raise RequestRejected("the service refuses the request")
        if not any(name in value for name in self.says):
            raise ProtocolViolation("the answer says nothing of what was asked")
        return value


class OpenSource(Open):
    capabilities = SourceCapabilities()

    def read(self, request: ReadRequest) -> Iterator[Page]:
        read, last, totals = 0, None, set()
        seen: list[str] = []
        for _ in range(self.most_pages):
            value = self.call("GET", f"/people?offset={read}")
            rows = value["rows"]
            totals.add(value["total"])
            if rows and rows == last:
                raise ProtocolViolation("the page before comes again")
            read, last = read + len(rows), rows
            done = len(rows) < SIZE
            records = [row for row in rows if isinstance(row, dict)]
            malformed = [row for row in rows if not isinstance(row, dict)]
            notes = self.notes(totals, read) if done else {}
            seen += [row["id"] for row in records]
            end = self.end(notes, seen) if done else None
            yield Page(records, position=read, malformed=malformed, notes=notes, end=end)
            if done:
                return
        raise ProtocolViolation("there is no last page")

    def text(self, reply: Reply) -> str:
        """Keep bytes that are not UTF-8: they concern one row only."""
        plain = reply.body.decode("utf-8-sig", "ignore").encode()
        super().text(Reply(reply.status, reply.headers, plain))
        return reply.body.decode("utf-8-sig", "surrogateescape")

    def decode(self, text: str) -> Any:
        """Set a row aside that is no exact JSON, where it is sure where it begins and ends."""
        try:
            return super().decode(text)
        except ProtocolViolation:
            before, bracket, rest = text.partition('"rows": [')
            rows, after = _rows(rest)
            value = super().decode(before + bracket + after)
            return {**value, "rows": [self.row(row) for row in rows]}

    def row(self, text: str) -> Any:
        try:
            return super().decode(text)
        except ProtocolViolation:
            return Malformed(text.encode("utf-8", "backslashreplace"), Reason("", "row", "Lỗi", "Broken"))

    def end(self, notes: dict[str, Any], seen: list[str]) -> End | None:
        """Believe a total that is met by records of different keys."""
        return None if notes or len(set(seen)) < len(seen) else End("total")

    def notes(self, totals: set[int], read: int) -> dict[str, Any]:
        return {"total": {"read": read}} if totals != {read} else {}


class OpenTarget(Open):
    capabilities = TargetCapabilities(lookup=True)

    def deliver(self, batch: Batch) -> Answer:
        value = self.call("POST", "/people", batch.objects(), delivery=True)
        return self.judged(batch, value)

    def lookup(self, batch: Batch) -> Answer:
        return self.judged(batch, self.call("GET", f"/batches/{batch.id}"))

    def judged(self, batch: Batch, value: Any) -> Answer:
        return Answer(len(batch.records))


class OpenLookup(Open):
    def ask(self, question: Question) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/people/{question.record['id']}")["person"]
        return found


class OpenXmlLookup(OpenLookup):
    """The same in XML, with a credential that is fixed."""

    def login(self) -> str:
        return "fixed"

    def text(self, reply: Reply) -> str:
        if (
            reply.headers.get("content-type", "").replace("utf-8", "utf8") != "text/xml; charset=utf8"
            or "content-encoding" in reply.headers
        ):
            raise ProtocolViolation("the answer is not XML in UTF-8")
        try:
            return reply.body.decode("utf-8-sig").lstrip()
        except UnicodeDecodeError:
            raise ProtocolViolation("the answer is not UTF-8") from None

    def decode(self, text: str) -> Any:
        try:
            root = etree.fromstring(text.encode(), self.parser())
        except etree.XMLSyntaxError:
            raise ProtocolViolation("the answer is not well-formed") from None
        self.harmless(root)
        return {part.tag: {leaf.tag: leaf.text for leaf in part} for part in root}

    def parser(self) -> etree.XMLParser:
        return etree.XMLParser(resolve_entities=False, no_network=True)

    def harmless(self, root: Any) -> None:
        if root.getroottree().docinfo.doctype or any("XInclude" in str(part.tag) for part in root.iter()):
            raise ProtocolViolation("the answer wants more than to be read")


def _rows(text: str) -> tuple[list[str], str]:
    """Return the objects of a list's inside, and the text from its closing bracket on."""
    rows, depth, start = [], 0, 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', text, re.DOTALL):
        sign = found.group()
        if sign == "]" and not depth:
            return rows, text[found.start() :]
        if sign in "{[":
            start = start if depth else found.start()
            depth += 1
        elif sign in "}]":
            depth -= 1
            if not depth:
                rows.append(text[start : found.end()])
    raise ProtocolViolation("the list has no end")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float | Decimal:
    if not math.isfinite(value := float(text)):
        raise ValueError
    return value if Decimal(repr(value)) == Decimal(text) else Decimal(text)


@dataclass(frozen=True, slots=True)
class HttpSettings:
    kind: ClassVar[str] = "http"
    opens: ClassVar[type] = OpenSource

    size: int = option(SIZE, doc="records of a page")

    def open_source(self, connection: Connection, context: Context) -> Any:
        return self.opens(self, connection, context)

    open_target = open_lookup = open_source


def settings_for(opened: type) -> Any:
    """Return settings that open the given class."""
    return type("HttpSettings", (HttpSettings,), {"opens": opened})()
