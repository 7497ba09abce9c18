"""A SOAP service made from a WSDL: checks requests against its schemas and answers plausibly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong.errors import ProtocolViolation
from lienthong_connectors.soap.compiling import compile_operation
from lienthong_connectors.soap.contract import Contracts
from lienthong_connectors.soap.described import Described
from lienthong_connectors.soap.location import locate
from lienthong_connectors.soap.shapes import shapes_of
from lienthong_connectors.soap.wsdl import describe, operations_of
from lienthong_connectors.xml.reader import RecordReader, XmlLimits
from lienthong_sandbox import soap
from lienthong_sandbox.made.values import Maker
from lienthong_sandbox.made.writing import Writer
from lienthong_sandbox.soap import SOAP11, SOAP12, SoapError
from lienthong_sandbox.store import Store
from lienthong_sandbox.system import Call, System

_VERSIONS = {"1.1": SOAP11, "1.2": SOAP12}
_LIMITS = XmlLimits(64 << 20, 64 << 20, 64)


@dataclass(frozen=True, slots=True)
class Served:
    """One operation, compiled, and the schemas of its messages."""

    described: Described
    version: str
    asked: Mapping[str, Any]
    answered: Mapping[str, Any]

    @property
    def element(self) -> str:
        """Clark name of the request's element in the Body."""
        return self.described.request.body[0].name


class MadeSoap(System):
    """A counterpart that answers every operation of a WSDL; lists hold ``records`` elements."""

    name, prefix, title = "made", "/made", "Described by a WSDL"
    inner = frozenset()

    def __init__(
        self, store: Store, wsdl: Path, records: int, fixed: Mapping[str, Any] | None = None
    ) -> None:
        """Serve the operations of ``wsdl``, a file or a catalogue's folder; raises `Misconfigured`."""
        described = describe(locate(str(wsdl), ""), "", _nothing)
        contracts = Contracts.of(described)
        self._served: list[Served] = []
        for port, operation, version in operations_of(described.document):
            compiled = compile_operation(described, operation.name, port=port, version=version)
            asked, answered = (
                contracts.message(message)[1] for message in (operation.input, operation.output)
            )
            if compiled.request.body:
                self._served.append(Served(compiled, version, asked, answered))
        if not self._served:
            raise ValueError("the WSDL has no SOAP operation")
        self._maker = Maker({}, fixed=fixed, rows=records, optional=1.0)
        super().__init__(store)

    def seed(self) -> None:
        """Keep nothing: answers are made up as they are asked for."""

    def paths(self) -> list[tuple[str, str]]:
        """Return the operations: what each is called, and its path."""
        return [(f"{one.described.name} (SOAP {one.version})", "") for one in self._served]

    def operation(self, call: Call) -> str:
        """Name of the operation that the Body's element calls."""
        wanted = soap.operation_of(call.body)
        return next(
            (str(one.described.name) for one in self._served if one.element.rpartition("}")[2] == wanted),
            "unknown",
        )

    def error_in_200(self) -> Response:
        """Answer with a fault that HTTP calls a success."""
        space = _VERSIONS[self._served[0].version]
        return soap.fault_response(SoapError("99", "Lỗi hệ thống", 200, sender=False), space)

    def app(self) -> ASGIApp:
        """Return the app with its one path."""
        return Starlette(routes=[Route(self.prefix, self._serve, methods=["POST"])])

    async def _serve(self, request: Request) -> Response:
        raw = await request.body()
        version = "1.2" if SOAP12.encode() in raw else "1.1"
        space = _VERSIONS[version]
        try:
            served = self._find(soap.parse(raw, space), version, _action(request))
            value = self._read(served, raw)
            self.store.note(str(served.described.name), "", request.headers.get("x-request-id"))
            if served.described.answer is None:
                return Response(status_code=202)
            content = self._written(served, value, space)
        except SoapError as fault:
            return soap.fault_response(fault, space)
        return Response(content, media_type=soap.media_type(space))

    def _find(self, element: etree._Element, version: str, action: str) -> Served:
        """Return the operation of a Body's element; of several the one with the action asked for."""
        found = [one for one in self._served if (one.version, one.element) == (version, element.tag)]
        if not found:
            raise SoapError("99", f"there is no operation {etree.QName(element).localname} in SOAP {version}")
        return next((one for one in found if one.described.action == action), found[0])

    def _read(self, served: Served, raw: bytes) -> Any:
        """Return the request as JSON; refuse what its schema does not allow, by path and rule."""
        shapes = shapes_of(replace(served.described, answer=served.described.request), None)
        reader = RecordReader(None, shapes, _LIMITS, None, frozenset())
        try:
            reader.feed(raw)
            frame = reader.close()
        except ProtocolViolation as error:
            raise SoapError("99", error.message) from None
        content = next(item for name, item in frame.items() if name.endswith("}Body"))
        value: Any = next(iter(content.values()), {})
        checker = Draft202012Validator(dict(served.asked), format_checker=FormatChecker())
        wrong = [
            f"{'/'.join(map(str, error.absolute_path))}: {error.validator} {error.validator_value!r}"
            for error in checker.iter_errors(value if isinstance(value, dict) else {})
        ]
        if wrong:
            raise SoapError("99", "; ".join(wrong[:5])[:500])
        return value

    def _written(self, served: Served, asked: Any, space: str) -> bytes:
        """Return the envelope of a made-up answer; members that the request has, too, are repeated."""
        answer = self._maker.record(served.answered)
        if isinstance(asked, dict) and isinstance(answer, dict):
            answer |= {name: asked[name] for name in answer.keys() & asked.keys()}
        envelope = etree.Element(f"{{{space}}}Envelope", nsmap={"s": space})
        body = etree.SubElement(envelope, f"{{{space}}}Body")
        writer = Writer(served.described)
        for element in served.described.answer.body if served.described.answer else ():
            body.append(writer.element(element, answer))
        return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def _action(request: Request) -> str:
    """Return the SOAPAction: a header in SOAP 1.1, a parameter of the content type in 1.2."""
    said = re.search(r'action="?([^";]*)', request.headers.get("content-type", ""))
    return said.group(1) if said else request.headers.get("soapaction", "").strip('"')


def _nothing(url: str) -> bytes:
    """Refuse to fetch: a counterpart is made from files."""
    raise OSError(url)
