"""One request and its answer: sent, verified where it is signed, read as a stream, checked."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from lienthong.connector import Malformed, in_doubt
from lienthong.errors import LienThongError, ProtocolViolation
from lienthong.records import Record
from lienthong_connectors.http.clock import asked_at
from lienthong_connectors.http.route import Blocks
from lienthong_connectors.soap.addressing import SPACES, check_relation
from lienthong_connectors.soap.attachments_in import Package
from lienthong_connectors.soap.attachments_out import Packing
from lienthong_connectors.soap.described import Described
from lienthong_connectors.soap.encoded_in import Unresolved, written_out
from lienthong_connectors.soap.envelope import NAMESPACES, Envelope
from lienthong_connectors.soap.security import WSSE, Security
from lienthong_connectors.soap.shapes import shapes_of, types_of
from lienthong_connectors.soap.transport import Heard, Wire
from lienthong_connectors.soap.unpacking import unpacked
from lienthong_connectors.xml.reader import RecordReader, XmlLimits
from lienthong_connectors.xml.shape import refuse

RECEIVER: Final = frozenset(
    {
        "",
        "http://schemas.xmlsoap.org/soap/actor/next",
        f"{NAMESPACES['1.2']}/role/next",
        f"{NAMESPACES['1.2']}/role/ultimateReceiver",
    }
)
"""Roles that the receiver of an answer plays."""

_MEDIA: Final = {"1.1": "text/xml", "1.2": "application/soap+xml"}
_VISIBLE: Final = "".join(map(chr, range(0x20, 0x7F)))
_ENVELOPES: Final = {f"{{{namespace}}}Envelope" for namespace in NAMESPACES.values()}
_PARTS: Final = ("Header", "Body")
#: Statuses whose meaning no fault beside them changes.
_FINAL: Final = frozenset({401, 403, 429})
_ADDRESSING: Final = tuple(SPACES.values())


@dataclass(frozen=True, slots=True)
class Asking:
    """Who is asked: the wire, the role's settings, WS-Security, attachments, and what messages call it.

    ``way`` are the header blocks that the way to the service asked for.
    """

    wire: Wire
    settings: Any
    security: Security
    packing: Packing | None
    where: str
    way: Blocks | None = None


class Answering:
    """One request under way: iterate for the records, then ask for the rest.

    ``delivery`` tells whether the request asks for an effect, ``body`` is the Body's first element
    as a JSON value (records left out), ``fault`` the Fault where there was one, ``digest`` the
    SHA-256 (hex) of the answer's bytes, ``signed_by`` the agency whose signature was verified,
    ``clock`` what the service's clock said as it was asked. ``not_taken``: so the status alone says.
    """

    def __init__(
        self,
        asking: Asking,
        operation: Described,
        envelope: Envelope,
        record: str | None = None,
        *,
        delivery: bool = False,
        identity: str = "",
    ) -> None:
        self._asking, self._operation, self._record = asking, operation, record
        self._envelope, self.delivery, self._identity = envelope, delivery, identity
        self.body: Any = {}
        self.fault: Any = None
        self.status, self.not_taken = 0, False
        self.clock: datetime | None = None
        self.digest = self.signed_by = ""
        self._signature = b""
        self._demanded: tuple[str, ...] = ()
        self._header: dict[str, Any] = {}

    def __iter__(self) -> Iterator[list[Record | Malformed]]:
        """Yield records as they arrive; afterwards the other attributes are set.

        Raises what `Wire.post` raises, `ProtocolViolation`, `SignatureInvalid`, and what the HTTP
        status means where there is no envelope with a fault (`lienthong.connector.statuses`). For a
        delivery, a success that cannot be read is an `OutcomeUnknown`.
        """
        asking, operation = self._asking, self._operation
        sealed, self._signature = asking.security.outgoing(self._envelope)
        sent = sealed
        headers = _bound(operation)
        if asking.packing is not None:
            sealed, headers, sent = asking.packing.packed(sealed, headers)
        begun = time.monotonic()
        with asking.wire.post(sealed, headers, label=operation.name, delivery=self.delivery) as heard:
            self.status, self.clock = heard.status, asked_at(heard.incoming.headers, begun)
            try:
                package = Package(heard, asking.packing, where=asking.where, delivery=self.delivery)
                read = self._read(package.heard, packed=package.multipart)
                yield from package.settled(read, lambda: self.body)
                self.body = package.resolve(self.body)
                if asking.way is not None:
                    where, delivery = asking.where, self.delivery and not self.not_taken
                    asking.way.judge(self._header, self.fault, sent, where=where, delivery=delivery)
            except ProtocolViolation as error:
                raise self._unreadable(heard, error) from None

    def whole(self) -> Answering:
        """Read everything and return this object."""
        for _ in self:
            pass
        return self

    def _unreadable(self, heard: Heard, error: ProtocolViolation) -> LienThongError:
        """Return what an answer means that is no envelope: of a failure its status speaks."""
        failed = heard.error(where=self._asking.where, delivery=self.delivery)
        if failed is not None:
            return failed
        return in_doubt(error, self._asking.where) if self.delivery else error

    def _read(self, heard: Heard, *, packed: bool) -> Iterator[list[Record | Malformed]]:
        where = self._asking.where
        error = heard.error(where=where, delivery=self.delivery)
        self.not_taken = heard.not_taken
        if error is not None and (not heard.is_xml or heard.status in _FINAL):
            raise error
        if not heard.is_xml:
            raise ProtocolViolation(
                f"the answer is not XML but {heard.media[:60] or 'untyped'} (status {heard.status})",
                where=where,
                hint="check the connection's host and path",
            )
        settings = self._asking.settings
        limits = XmlLimits(settings.max_answer_bytes, settings.max_record_bytes, settings.max_depth)
        shapes, types = shapes_of(self._operation, self._record), types_of(self._operation)
        lists = frozenset(settings.lists)
        pieces, charset = self._pieces(heard), heard.charset
        encoded, references = self._operation.encoded, settings.references
        if encoded or references or not self._operation.kinds:
            pieces, charset = written_out(
                pieces,
                charset,
                encoded=encoded,
                references=references,
                depth=settings.max_depth,
                record=self._record,
            )
        outside = None if settings.unpack else self._record  # else records stand in the texts
        parser = RecordReader(outside, shapes, limits, charset, lists, types=types)
        unresolved = Unresolved()
        for data in pieces:
            unresolved.seen(data)
            records = parser.feed(data)
            if records:
                _check_root(parser.root_tag)
                unresolved.check(records, included=parser.included and not packed)
                yield records
        self._take(parser.close(), parser.root_tag, parser.parts)
        unresolved.check(self.body, included=parser.included and not packed)
        if settings.unpack and self.fault is None:
            self.body, records = unpacked(self.body, settings.unpack, self._record, limits, lists)
            if records:
                yield records
        if error is not None and self.fault is None:
            raise error

    def _pieces(self, heard: Heard) -> Iterator[bytes]:
        """Yield the answer's bytes, hashed; a signed one only once it is verified."""
        state = hashlib.sha256()
        policy = self._asking.security.verify
        if policy is None:
            for data in heard.incoming.chunks():
                state.update(data)
                yield data
        else:
            held: list[bytes] = []
            size = 0
            for data in heard.incoming.chunks():
                size += len(data)
                if size > policy.max_bytes:
                    refuse(f"a signed answer is larger than {policy.max_bytes} bytes", "size")
                held.append(data)
                state.update(data)
            depth, whole = self._asking.settings.max_depth, b"".join(held)
            plain, self.signed_by, self._demanded = self._asking.security.open(
                whole, self._signature, max_depth=depth
            )
            if self._asking.way is not None:  # hops add their blocks beside what the service signed
                self._header = header_of(whole)
            yield plain
        self.digest = state.hexdigest()

    def _take(self, frame: dict[str, Any], root: str, parts: AbstractSet[str]) -> None:
        _check_root(root)
        space = root[: -len("Envelope")]
        if not set(frame) <= {f"{space}{part}" for part in _PARTS} or f"{space}Body" not in frame:
            refuse("the answer is not an envelope with one Body", "envelope")
        header, body = frame.get(f"{space}Header") or {}, frame[f"{space}Body"] or {}
        self.fault = body.get("Fault", {}) if f"{space}Fault" in parts else None
        header = header if isinstance(header, dict) else {}
        self._header = self._header or header
        self._check_header(header, space)
        self._check_body(parts)
        several = len(self._operation.answer.body) > 1 if self._operation.answer is not None else False
        self.body = body if several and self.fault is None else next(iter(body.values()), {})

    def _check_header(self, header: dict[str, Any], space: str) -> None:
        """Check what the header demands of us, whose answer it is, and when it was made."""
        asking = self._asking
        understood = {*asking.settings.understands, f"{{{WSSE}}}Security"}
        addressing = asking.settings.addressing
        for name in (*self._demanded, *_demanded(header, space)):
            known = name in understood or (addressing is not None and name[1:].startswith(_ADDRESSING))
            if not known or (name.endswith("}Security") and asking.security.settings is None):
                raise ProtocolViolation(
                    f"the answer demands that its header {name[:200]} be understood",
                    where=asking.where,
                    hint="ask the agency what it means; if nothing to us, name it in understands",
                    reason="must-understand",
                )
        if addressing is not None and self._identity:
            fault = self.fault is not None
            check_relation(addressing, header, self._identity, where=asking.where, fault=fault)
        asking.security.check_timestamp(header)

    def _check_body(self, parts: AbstractSet[str]) -> None:
        """Check the wrapper of an rpc/literal answer (WS-I Basic Profile 1.1, R2729 and R2735)."""
        operation = self._operation
        if (
            operation.style == "rpc"
            and not operation.encoded
            and operation.answer is not None
            and self.fault is None
        ):
            wanted = operation.answer.body[0].name
            if parts and wanted not in parts:
                raise ProtocolViolation(
                    f"the answer is not wrapped in {wanted}, as rpc/literal demands",
                    where=self._asking.where,
                    hint="compare the service's WSDL with the one that is used",
                    reason="wrapper",
                )


def header_of(envelope: bytes) -> dict[str, Any]:
    """Return the header blocks of a whole envelope by their full names."""
    parser = RecordReader(None, {}, XmlLimits(), None, frozenset())
    parser.feed(envelope)
    found = next((value for name, value in parser.close().items() if name.endswith("}Header")), None)
    return found if isinstance(found, dict) else {}


def _demanded(header: Mapping[str, Any], space: str) -> Iterator[str]:
    """Yield the names of header blocks that say mustUnderstand to us, by full name."""
    for name, value in header.items():
        for one in value if isinstance(value, list) else [value]:
            said = one if isinstance(one, Mapping) else {}
            role = said.get(f"{space}actor", said.get(f"{space}role", ""))
            if said.get(f"{space}mustUnderstand") in ("1", "true") and role in RECEIVER:
                yield name


def _bound(operation: Described) -> dict[str, str]:
    """Return the HTTP headers that bind SOAP to HTTP in the operation's version."""
    media = _MEDIA[operation.version]
    action = quote(operation.action, safe=_VISIBLE)  # an IRI in a WSDL; headers are ASCII
    headers = {"Accept": f"{media}, application/xml;q=0.9"}
    if operation.version == "1.1":
        return headers | {"Content-Type": f"{media}; charset=utf-8", "SOAPAction": f'"{action}"'}
    parameter = f'; action="{action}"' if action else ""
    return headers | {"Content-Type": f"{media}; charset=utf-8{parameter}"}


def _check_root(tag: str) -> None:
    if tag not in _ENVELOPES:
        refuse("the answer is not a SOAP envelope", "envelope")
