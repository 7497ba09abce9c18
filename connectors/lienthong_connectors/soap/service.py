"""A SOAP service as the three roles use it: operations, one request, one answer."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from lienthong.connector import Connection, Context
from lienthong.errors import Misconfigured, OutcomeUnknown, ProtocolViolation, SignatureInvalid
from lienthong.records import Record
from lienthong_connectors.soap.catalogue import is_catalogue
from lienthong_connectors.soap.envelope import (
    NAMESPACES,
    DescribedOperation,
    Operation,
    PlainOperation,
    check_members,
    finish,
)
from lienthong_connectors.soap.template import Template
from lienthong_connectors.soap.transport import Heard, Wire
from lienthong_connectors.soap.wsdl import Description, describe, find_binding, locate
from lienthong_connectors.xml.reader import RecordReader, XmlLimits
from lienthong_connectors.xml.shape import refuse

_MEDIA: Final = {"1.1": "text/xml", "1.2": "application/soap+xml"}
_ENVELOPES: Final = {f"{{{namespace}}}Envelope" for namespace in NAMESPACES.values()}
_PARTS: Final = ("Header", "Body")
_NOTHING: Final = ("lienthong-no-operation", "urn:lienthong:check", "urn:lienthong:check:no-operation")


class Request:
    """An operation with its compiled request and SOAP headers.

    ``delivers``: the operation must answer. The operation is looked up in the description when it
    is first needed, because a description may be at the service itself.
    """

    def __init__(
        self, service: Service, name: str, body: Template, headers: Template, *, delivers: bool
    ) -> None:
        self._service, self._name, self._delivers = service, name, delivers
        self._body, self._headers = body, headers
        self.names = body.names | headers.names

    @cached_property
    def operation(self) -> Operation:
        """The operation; raises `Misconfigured`, naming what is wrong, where the request does not fit it."""
        found = self._service.operation(self._name)
        check_members(found, self._body.members)
        if self._delivers and found.one_way:
            raise Misconfigured(
                f"operation {self._name!r} has no answer, so a delivery could never be acknowledged",
                where=self._service.where,
                hint="use an operation that answers",
            )
        return found

    def envelope(self, scope: Mapping[str, Any]) -> bytes:
        """Return the envelope's bytes; raise `Refused` where the scope makes no valid request."""
        envelope = self.operation.body(self._body.fill(scope))
        return finish(envelope, self.operation.version, self._headers.fill(scope))

    def nothing(self, scope: Mapping[str, Any] | None) -> tuple[Operation, bytes]:
        """Return an operation that no service has, and the envelope that calls it.

        The SOAP headers are the request's own for this scope; None leaves them out.
        """
        nothing = PlainOperation(*_NOTHING, self.operation.version)
        headers = {} if scope is None else self._headers.fill(scope)
        return nothing, finish(nothing.body({}), nothing.version, headers)


class Service:
    """One connection's service, with the settings of one role."""

    def __init__(self, settings: Any, connection: Connection, context: Context) -> None:
        self.settings, self._connection, self._context = settings, connection, context
        self.wire = Wire(connection, context, settings)
        self.where = f"{self.wire.where} {settings.operation}"
        self.extras = {str(k): v for k, v in connection.extra.items() if k in _SHOWN}
        self._check_security()
        name = settings.wsdl or str(connection.option("wsdl", ""))
        self.location = locate(name, self.wire.url) if name else ""

    @property
    def remote(self) -> bool:
        """Whether the description is at a service, so that it is read when it is first needed."""
        return self.location.startswith(("http://", "https://"))

    def request(
        self, operation: str, request: Mapping[str, Any], known: frozenset[str], *, delivers: bool = False
    ) -> Request:
        """Compile a request of an operation.

        Raises `Misconfigured`, naming what is wrong, for an unknown reference and, where the
        description is local, for an unknown operation or member.
        """
        body = Template(request, known | {"connection"}, self.where)
        headers = Template(self.settings.soap_headers, known | {"connection"}, self.where)
        compiled = Request(self, operation, body, headers, delivers=delivers)
        if not self.remote:
            compiled.operation  # noqa: B018 - finds mistakes now
        return compiled

    def answer(
        self, request: Request, scope: Mapping[str, Any], *, record: str | None = None, delivery: bool = False
    ) -> Answering:
        """Send a request; the answer is read by iterating over what is returned."""
        envelope = request.envelope({**scope, "connection": self.extras})
        return Answering(self, request.operation, envelope, record, delivery)

    def knock(self, request: Request, *, anonymous: bool = False) -> Answering:
        """Call an operation that no service has, which shows what the service says to who we are.

        ``anonymous``: without the connection's credentials and headers.
        """
        service, scope = self, {"connection": self.extras, "records": []}
        if anonymous:
            service = copy.copy(self)
            service.wire = self.wire.anonymous()
        nothing, envelope = request.nothing(None if anonymous else scope)
        return Answering(service, nothing, envelope, None, delivery=False)

    def close(self) -> None:
        """Close all connections."""
        self.wire.close()

    def headers(self, operation: Operation) -> dict[str, str]:
        """Return the HTTP headers that bind SOAP to HTTP in the operation's version."""
        media, action = _MEDIA[operation.version], operation.action
        headers = {"Accept": f"{media}, application/xml;q=0.9", "Accept-Encoding": "gzip, deflate"}
        if operation.version == "1.1":
            return headers | {"Content-Type": f"{media}; charset=utf-8", "SOAPAction": f'"{action}"'}
        parameter = f'; action="{action}"' if action else ""
        return headers | {"Content-Type": f"{media}; charset=utf-8{parameter}"}

    def sealed(self, envelope: bytes) -> bytes:
        """Return the envelope signed, where the settings ask for it."""
        security = self.settings.security
        if security is None or not security.sign:
            return envelope
        from lienthong.signing import wsse

        assert self._context.signer is not None  # noqa: S101 - checked when opened
        return wsse.sign(envelope, self._context.signer, policy=wsse.SignPolicy())

    def opened(self, answer: bytes) -> tuple[bytes, str]:
        """Verify a signed answer; return an envelope of nothing but the signed Body, and who signed.

        Raises `SignatureInvalid`.
        """
        from lxml import etree

        from lienthong.signing import wsse

        security = self.settings.security
        assert self._context.trust is not None  # noqa: S101 - checked when opened
        policy = wsse.VerifyPolicy(
            headers=security.cover,
            max_age=security.max_age,
            max_bytes=security.max_bytes,
            max_depth=self.settings.max_depth,
        )
        verified = wsse.verify(answer, trust=self._context.trust, policy=policy)
        if security.signed_by and verified.agency != security.signed_by:
            raise SignatureInvalid(
                "the answer was signed by another agency than expected",
                where=self.where,
                hint="check signed_by of the settings and whom the address belongs to",
                reason="signer",
            )
        space = str(verified.body.tag)[1:].partition("}")[0]
        body = etree.tostring(verified.body)
        return b'<Envelope xmlns="' + space.encode() + b'">' + body + b"</Envelope>", verified.agency

    def operation(self, name: str) -> Operation:
        """Return an operation as the description has it, or a plain one where there is none."""
        settings = self.settings
        version = settings.soap_version or str(self._connection.option("soap_version", ""))
        if self.description is not None:
            wanted = settings.soap_version
            binding = find_binding(self.description.document, name, settings.service, settings.port, wanted)
            return DescribedOperation.of(binding, name, settings.action)
        return PlainOperation(
            name, settings.namespace, settings.action, version or "1.1", frozenset(settings.lists)
        )

    @property
    def pinned(self) -> bool:
        """Whether the description is one that was kept: by its digest, or in a catalogue."""
        return bool(self.location) and (bool(self.settings.wsdl_digest) or is_catalogue(self.location))

    @cached_property
    def description(self) -> Description | None:
        """The service's description, None where there is none; raises as `describe` does."""
        if not self.location:
            return None
        pin = self.settings.wsdl_digest
        return describe(self.location, self.wire.client.base, self.wire.get, pin=pin)

    def _check_security(self) -> None:
        security = self.settings.security
        for wanted, have, what in (
            (security and security.sign, self._context.signer, "a signing key"),
            (security and security.verify, self._context.trust, "trusted certificates"),
        ):
            if wanted and have is None:
                raise Misconfigured(
                    f"WS-Security needs {what}, and there is none",
                    where=self.where,
                    hint="configure the agency's key and the partner's authority, or security=None",
                )


class Answering:
    """One request under way: iterate for the records, then ask for the rest.

    ``delivery`` tells whether the request asks for an effect, ``body`` is the Body's first element
    as a JSON value (records left out), ``fault`` the Fault where there was one, ``digest`` the
    SHA-256 (hex) of the answer's bytes, ``signed_by`` the agency whose signature was verified.
    """

    def __init__(
        self, service: Service, operation: Operation, envelope: bytes, record: str | None, delivery: bool
    ) -> None:
        self._service, self._operation, self._record = service, operation, record
        self._envelope, self.delivery = envelope, delivery
        self.body: Any = {}
        self.fault: Any = None
        self.status = 0
        self.digest = self.signed_by = ""

    def __iter__(self) -> Iterator[list[Record]]:
        """Yield records as they arrive; afterwards the other attributes are set.

        Raises what `Wire.post` raises, `ProtocolViolation`, `SignatureInvalid`, and what the HTTP
        status means where there is no fault. For a delivery, an answer to a success that cannot be
        read is an `OutcomeUnknown`.
        """
        service = self._service
        headers = service.headers(self._operation)
        sealed = service.sealed(self._envelope)
        with service.wire.post(sealed, headers, label=self._operation.name, delivery=self.delivery) as heard:
            self.status = heard.status
            try:
                yield from self._read(heard)
            except ProtocolViolation as error:
                if not self.delivery or not 200 <= self.status < 300:
                    raise
                raise OutcomeUnknown(
                    f"the answer to a delivery cannot be read: {error.message}",
                    where=service.where,
                    hint="ask the target before repeating",
                ) from None

    def whole(self) -> Answering:
        """Read everything and return this object."""
        for _ in self:
            pass
        return self

    def _read(self, heard: Heard) -> Iterator[list[Record]]:
        where = self._service.where
        error = heard.error(where=where, delivery=self.delivery)
        if error is not None and (not heard.is_xml or heard.status in {401, 403, 429, 503}):
            raise error
        if not heard.is_xml:
            raise ProtocolViolation(
                f"the answer is not XML but {heard.media[:60] or 'untyped'} (status {heard.status})",
                where=where,
                hint="check the connection's host and path",
            )
        settings = self._service.settings
        limits = XmlLimits(settings.max_answer_bytes, settings.max_record_bytes, settings.max_depth)
        shapes = self._operation.shapes(self._record)
        parser = RecordReader(self._record, shapes, limits, heard.charset, frozenset(settings.lists))
        for data in self._pieces(heard):
            records = parser.feed(data)
            if records:
                _check_root(parser.root_tag)
                yield records
        self._take(parser.close(), parser.root_tag)
        if error is not None and self.fault is None:
            raise error

    def _pieces(self, heard: Heard) -> Iterator[bytes]:
        """Yield the answer's bytes, hashed; a signed one only once it is verified."""
        state = hashlib.sha256()
        security = self._service.settings.security
        if security is None or not security.verify:
            for data in heard.incoming.chunks():
                state.update(data)
                yield data
        else:
            held: list[bytes] = []
            size = 0
            for data in heard.incoming.chunks():
                size += len(data)
                if size > security.max_bytes:
                    refuse(f"a signed answer is larger than {security.max_bytes} bytes", "size")
                held.append(data)
                state.update(data)
            plain, self.signed_by = self._service.opened(b"".join(held))
            yield plain
        self.digest = state.hexdigest()

    def _take(self, frame: dict[str, Any], root: str) -> None:
        _check_root(root)
        space = root[: -len("Envelope")]
        if not set(frame) <= {f"{space}{part}" for part in _PARTS} or f"{space}Body" not in frame:
            refuse("the answer is not an envelope with one Body", "envelope")
        body = frame[f"{space}Body"]
        self.fault = body.get("Fault")
        self.body = next(iter(body.values()), {})


def _check_root(tag: str) -> None:
    if tag not in _ENVELOPES:
        refuse("the answer is not a SOAP envelope", "envelope")


_SHOWN = frozenset({"madonvi", "officer", "phone", "account", "dstcode", "partner_code"})
