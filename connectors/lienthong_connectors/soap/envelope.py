"""Envelopes: built from a WSDL by zeep, or plainly where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import zeep
from lxml import etree

from lienthong.errors import Misconfigured, Reason, Refused
from lienthong_connectors.soap.schema import Names, shapes_of
from lienthong_connectors.soap.template import put_members
from lienthong_connectors.soap.wsdl import version_of
from lienthong_connectors.xml.shape import Shape

NAMESPACES: Final = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
"""Envelope namespace by SOAP version."""


class Operation(Protocol):
    """One operation of a service: how its request is written and what its answer looks like."""

    @property
    def name(self) -> str:
        """Name of the operation."""
        ...

    @property
    def version(self) -> str:
        """SOAP version, ``1.1`` or ``1.2``."""
        ...

    @property
    def action(self) -> str:
        """The SOAPAction, empty where there is none."""
        ...

    @property
    def one_way(self) -> bool:
        """Whether there is no answer."""
        ...

    def body(self, request: Mapping[str, Any]) -> etree._Element:
        """Return an envelope whose Body holds the request."""
        ...

    def shapes(self, record: str | None) -> dict[str, Shape]:
        """Return what is known of the answer's elements, by Clark name."""
        ...

    def wrong_member(self, path: str) -> tuple[str, list[str]] | None:
        """Return a dotted path's first part that the request cannot have, with what it can."""
        ...


@dataclass(frozen=True, slots=True)
class DescribedOperation:
    """An operation of a WSDL: zeep orders the members and knows their namespaces."""

    binding: Any
    name: str
    action: str
    version: str = ""
    one_way: bool = False
    _names: list[Names] = field(default_factory=list)

    @classmethod
    def of(cls, binding: Any, name: str, action: str) -> DescribedOperation:
        """Return the operation of a binding; ``action`` goes before the WSDL's own."""
        operation = binding.get(name)
        names = [Names(operation.input.body)] if operation.input is not None and operation.input.body else []
        one_way = operation.output is None or operation.abstract.output_message is None
        return cls(binding, name, action or operation.soapaction or "", version_of(binding), one_way, names)

    def body(self, request: Mapping[str, Any]) -> etree._Element:
        """Return the envelope; raise `Refused` where a required member came to nothing."""
        try:
            envelope: etree._Element = self.binding.get(self.name).create(**request).content
        except zeep.exceptions.ValidationError as error:
            path = ".".join(str(part) for part in (error.path or ()))
            raise unfit(path or _element(str(error)), "a required member is missing") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise unfit("", f"a value does not fit its type ({type(error).__name__})") from None
        return envelope

    def shapes(self, record: str | None) -> dict[str, Shape]:
        """Return the shapes of the answer's Body element and record element."""
        output = self.binding.get(self.name).output
        return {} if output is None or not output.body else shapes_of(output.body, record)

    def wrong_member(self, path: str) -> tuple[str, list[str]] | None:
        """Look a path up in the schema."""
        return self._names[0].wrong(path) if self._names else (path, [])


@dataclass(frozen=True, slots=True)
class PlainOperation:
    """An operation without a WSDL: members become elements of the namespace in their given order."""

    name: str
    namespace: str
    action: str
    version: str
    lists: frozenset[str] = frozenset()
    one_way: bool = False

    def body(self, request: Mapping[str, Any]) -> etree._Element:
        """Return the envelope; raise `Refused` where a text holds what XML cannot carry."""
        space = NAMESPACES[self.version]
        envelope = etree.Element(f"{{{space}}}Envelope", nsmap={"soap": space})
        body = etree.SubElement(envelope, f"{{{space}}}Body")
        tag = f"{{{self.namespace}}}{self.name}" if self.namespace else self.name
        nsmap: Any = {None: self.namespace} if self.namespace else None
        call = etree.SubElement(body, tag, nsmap=nsmap)
        try:
            put_members(call, request, self.namespace)
        except ValueError:
            raise unfit("", "a text holds characters that XML cannot carry") from None
        return envelope

    def shapes(self, record: str | None) -> dict[str, Shape]:  # noqa: ARG002 - nothing is known
        """Return nothing: shapes are learned."""
        return {}

    def wrong_member(self, path: str) -> tuple[str, list[str]] | None:  # noqa: ARG002 - nothing is known
        """Accept every path."""
        return None


def finish(envelope: etree._Element, version: str, headers: Mapping[str, Any]) -> bytes:
    """Put SOAP headers (Clark name to text or mapping) into an envelope and return its bytes."""
    if headers:
        space = NAMESPACES[version]
        header = envelope.find(f"{{{space}}}Header")
        if header is None:
            header = etree.Element(f"{{{space}}}Header")
            envelope.insert(0, header)
        for name, value in headers.items():
            namespace = name[1:].partition("}")[0] if name.startswith("{") else ""
            put_members(header, {name: value}, namespace)
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def check_members(operation: Operation, members: frozenset[str]) -> None:
    """Raise `Misconfigured`, naming the member, where a request names what the operation has not."""
    for path in sorted(members):
        wrong = operation.wrong_member(path)
        if wrong is not None:
            part, there = wrong
            raise Misconfigured(
                f"operation {operation.name!r} has no member {part!r}",
                where=f"option request, {path}",
                hint=f"there is: {', '.join(there) or 'nothing below'}",
            )


def unfit(path: str, what: str) -> Refused:
    """Return the refusal of a record from which no request can be made."""
    member = f" ({path})" if path else ""
    reason = Reason(
        "",
        "target.request",
        f"không lập được thông điệp từ bản ghi{member}",
        f"no request can be made of this record: {what}{member}",
    )
    return Refused(f"no request can be made: {what}{member}", reasons=(reason,))


def _element(message: str) -> str:
    """Return the element that zeep's message names; its values are never part of it."""
    words = message.split()
    return words[2] if message.startswith("Missing element") and len(words) > 2 else ""
