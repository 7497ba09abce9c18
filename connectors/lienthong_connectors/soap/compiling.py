"""From zeep's view of a WSDL to compiled operations. The only module beside `wsdl` that needs zeep."""

from __future__ import annotations

from typing import Any, Final, Literal, cast

from lxml import etree
from zeep.wsdl.bindings.soap import SoapBinding
from zeep.xsd import elements as xsd_elements
from zeep.xsd.elements.indicators import All, Choice, OrderIndicator
from zeep.xsd.elements.indicators import Group as NamedGroup
from zeep.xsd.types import AnySimpleType, ComplexType, builtins

from lienthong.errors import Misconfigured
from lienthong_connectors.soap.described import (
    ANY,
    Attribute,
    Described,
    Element,
    Group,
    Kind,
    Message,
)
from lienthong_connectors.soap.documents import XSD
from lienthong_connectors.soap.wsdl import Description, find_binding, version_of

_WSDL: Final = "{http://schemas.xmlsoap.org/wsdl/}"
_SOAP: Final = {
    "1.1": "{http://schemas.xmlsoap.org/wsdl/soap/}",
    "1.2": "{http://schemas.xmlsoap.org/wsdl/soap12/}",
}
_ACTIONS: Final = (
    "{http://www.w3.org/2007/05/addressing/metadata}Action",
    "{http://www.w3.org/2006/05/addressing/wsdl}Action",
    "{http://schemas.xmlsoap.org/ws/2004/08/addressing}Action",
)
_HINT: Final = "ask the agency for a WSDL that follows the WS-I Basic Profile"


def compile_operation(
    description: Description, name: str, *, service: str = "", port: str = "", version: str = ""
) -> Described:
    """Compile one operation.

    Raises `Misconfigured`, naming what there is, where service, port, version or operation does not
    fit, and what is wrong with an operation that cannot be called (rpc/encoded, for one).
    """
    binding = find_binding(description, name, service, port, version)
    return _Compiler(description, binding, name).described()


class _Compiler:
    """Compiles one operation; kinds are numbered as they are met, so that types may recur."""

    def __init__(self, description: Description, binding: SoapBinding, name: str) -> None:
        self._description, self._name = description, name
        self._original = description.overloads.get(name, name)
        self._version = version_of(binding)
        self._soap = _SOAP[self._version]
        self._xml = self._find("binding", binding.name)
        self._port_type: Any = cast("Any", binding).port_type.name
        self._operation: Any = cast("Any", binding).get(name)
        self._style: Literal["document", "rpc"] = "rpc" if self._operation.style == "rpc" else "document"
        self._encoded = False
        self._kinds: list[Kind] = []
        self._known: dict[Any, int] = {}
        self._named: set[str] = set()
        self._open = False

    def described(self) -> Described:
        abstract = self._operation.abstract
        request = self._message("input", abstract.input_message)
        answer = None
        if abstract.output_message is not None:
            answer = self._message("output", abstract.output_message)
        derived = self._derived() if answer is not None else {}
        return Described(
            name=self._name,
            version=self._version,
            style=self._style,
            action=self._operation.soapaction or "",
            addressing=self._addressing(),
            request=request,
            answer=answer,
            kinds=tuple(self._kinds),
            encoded=self._encoded,
            derived=derived,
        )

    def _derived(self) -> dict[str, int]:
        """Return the named types that derive from a complex type in use, and from those that they use.

        If an element may be of any type, all of them may stand there.
        """
        bases = {one.qname.text: base_of(one) for one in self._description.document.types.types if one.qname}
        types = {one.qname.text: one for one in self._description.document.types.types if one.qname}
        found: dict[str, int] = {}
        while fresh := [
            name
            for name in sorted(bases)
            if name not in found
            and (bases[name] in self._named or (self._open and isinstance(types[name], ComplexType)))
        ]:
            for name in fresh:
                self._named.add(name)
                found[name] = self._kind(types[name])
        return found

    def _find(self, what: str, name: Any) -> etree._Element:
        """Return the operation's element in a binding or port type, which says more than zeep keeps."""
        wanted = etree.QName(name)
        for root in self._description.roots.values():
            if root.get("targetNamespace") != wanted.namespace:
                continue
            for one in root.iterfind(f"{_WSDL}{what}[@name='{wanted.localname}']"):
                for operation in one.iterfind(f"{_WSDL}operation[@name='{self._name}']"):
                    return operation
        raise self._wrong(f"is not in the WSDL's {what}")

    def _addressing(self) -> str:
        """Return the request's action: the declared one, else WS-Addressing 1.0 Metadata, section 4.4.4."""
        port_type = etree.QName(self._port_type)
        operation = self._find("portType", port_type)
        said = operation.find(f"{_WSDL}input")
        for name in _ACTIONS:
            if said is not None and said.get(name):
                return str(said.get(name))
        space = port_type.namespace or ""
        sign = ":" if space.startswith("urn:") else "/"
        ending = "" if operation.find(f"{_WSDL}output") is None else "Request"
        message = (None if said is None else said.get("name")) or f"{self._original}{ending}"
        return sign.join((space.rstrip(sign), port_type.localname, message))

    def _message(self, direction: str, abstract: Any) -> Message:
        holder = self._xml.find(f"{_WSDL}{direction}")
        body = None if holder is None else holder.find(f".//{self._soap}body")
        headers: list[Any] = [] if holder is None else list(holder.iterfind(f".//{self._soap}header"))
        encoded = body is not None and body.get("use", "literal") != "literal"
        if any(one.get("use", "literal") != "literal" for one in headers):
            raise self._wrong("declares a header in SOAP encoding, which is not supported: only literal is")
        if encoded and self._style != "rpc":
            raise self._wrong("is document/encoded, which is not supported: document/literal is")
        self._encoded = self._encoded or encoded
        blocks = tuple(self._header(one) for one in headers)
        away = {one.get("part") for one in headers if self._message_of(one) is abstract}
        parts = {name: part for name, part in abstract.parts.items() if name not in away}
        if body is not None and body.get("parts") is not None:
            parts = {name: self._part_of(parts, name) for name in str(body.get("parts")).split()}
        if self._style == "rpc":
            wrapper = self._wrapper(direction, body, parts, encoded=encoded)
            if encoded and direction == "input":
                self._check_simple(wrapper)
            return Message((wrapper,), blocks)
        return Message(tuple(self._part(name, part) for name, part in parts.items()), blocks)

    def _part_of(self, parts: dict[str, Any], name: str) -> Any:
        if name not in parts:
            raise self._wrong(f"names the message part {name!r}, which there is not")
        return parts[name]

    def _check_simple(self, wrapper: Element) -> None:
        """Refuse a request in SOAP encoding that holds more than simple values."""
        content = self._kinds[wrapper.kind].content
        for part, _ in content.elements() if content is not None else ():
            kind = None if part.kind == ANY else self._kinds[part.kind]
            if kind is None or kind.text is None:
                raise self._wrong(
                    f"takes a struct or an array in its part {part.member!r}: in rpc/encoded requests simple "
                    "types alone are written"
                )

    def _wrapper(
        self, direction: str, body: etree._Element | None, parts: dict[str, Any], *, encoded: bool
    ) -> Element:
        """Return the wrapper of an rpc message (WS-I Basic Profile 1.1, R2717, R2729, R2735)."""
        space = None if body is None else body.get("namespace")
        if not space and not encoded:
            raise self._wrong(f"is rpc/literal and its {direction} has no namespace (R2717)")
        items = tuple(self._part(name, part) for name, part in parts.items())
        self._kinds.append(Kind(content=Group("sequence", items)))
        name = self._original if direction == "input" else f"{self._original}Response"
        return Element(f"{{{space}}}{name}" if space else name, name, len(self._kinds) - 1)

    def _part(self, name: str, part: Any) -> Element:
        if part.element is not None:
            return Element(part.element.qname.text, name, self._kind(part.element.type))
        return Element(name, name, self._kind(part.type))

    def _header(self, said: etree._Element) -> Element:
        message, name = self._message_of(said), str(said.get("part"))
        part = None if message is None else message.parts.get(name)
        if part is None:
            raise self._wrong("declares a header whose message part there is not")
        return self._part(name, part)

    def _message_of(self, said: etree._Element) -> Any:
        """Return the message that a soap:header refers to."""
        prefix, _, name = str(said.get("message")).rpartition(":")
        clark = f"{{{said.nsmap.get(prefix or None, '')}}}{name}"
        for definition in self._description.document._definitions.values():
            if clark in definition.messages:
                return definition.messages[clark]
        return None

    def _kind(self, found: Any) -> int:
        """Return the number of a type's kind, compiling it at the first time."""
        if isinstance(found, AnySimpleType):
            text, base = _text_of(found), _base_of(found)
            return self._number((text, base), lambda: Kind(text=text, base=base))
        if not isinstance(found, ComplexType):
            self._open = True
            return ANY
        if id(found) not in self._known:
            if found.qname is not None:
                self._named.add(found.qname.text)
            at = self._number(id(found), Kind)
            self._kinds[at] = self._complex(found)
        return self._known[id(found)]

    def _number(self, key: Any, make: Any) -> int:
        if key not in self._known:
            self._known[key] = len(self._kinds)
            self._kinds.append(make())
        return self._known[key]

    def _complex(self, found: Any) -> Kind:
        content = found._element
        simple = isinstance(content, xsd_elements.Element) and isinstance(content.type, AnySimpleType)
        group = None if simple or content is None else self._group(_ordered(content), _Turns())
        taken = set() if group is None else {one.member for one, _ in group.elements()}
        attributes = tuple(
            Attribute(
                one.qname.text,
                f"@{one.qname.localname}" if one.qname.localname in taken else name,
                _text_of(one.type),
                bool(one.required),
            )
            for name, one in found.attributes
            if one.name
        )
        if simple:
            return Kind(_text_of(content.type), None, attributes, base=_base_of(content.type))
        items = getattr(found._array_type, "array_type", None)
        if items is not None:  # an array of SOAP encoding; its items are called so when they are read
            item = Element("item", "item", self._kind(items), 0, 0)
            return Kind(None, Group("sequence", (item,)))
        return Kind(None, group, attributes, _is_open(content))

    def _group(self, found: Any, turns: _Turns) -> Group:
        """Compile a content model; repeated groups and wildcards are named as zeep names them."""
        least, most = _occurs(found)
        member = turns.next() if most != 1 else ""
        inner = _Turns()
        items: list[Element | Group] = []
        for item in _items(found):
            if isinstance(item, xsd_elements.Any):
                inner.next()
            elif isinstance(item, xsd_elements.Element):
                low, high = _occurs(item)
                kind = self._kind(item.type)
                items.append(
                    Element(item.qname.text, item.attr_name, kind, low, high, nillable=bool(item.nillable))
                )
            elif isinstance(item, (OrderIndicator, NamedGroup)):
                items.append(self._group(item, inner))
        orders: Any = {Choice: "choice", All: "all"}
        order = orders.get(type(found), "sequence")
        return Group(order, tuple(items), least, most, member)

    def _wrong(self, what: str) -> Misconfigured:
        return Misconfigured(
            f"operation {self._name!r} {what}", where=self._description.documents.main, hint=_HINT
        )


def base_of(kind: Any) -> str:
    """Return the Clark name of the type that a complex type extends or restricts, empty if there is none."""
    base = getattr(kind, "_extension", None) or getattr(kind, "_restriction", None)
    name = getattr(base, "qname", None)
    return "" if name is None else str(name.text)


class _Turns:
    """Counts the members ``_value_1``, ``_value_2`` of one level."""

    def __init__(self) -> None:
        self._count = 0

    def next(self) -> str:
        self._count += 1
        return f"_value_{self._count}"


def _text_of(kind: Any) -> str:
    """Return the word for a simple type: integers and booleans are told apart, all else is text.

    Dates stay as they are written, and so do decimals and floats, which JSON cannot carry exactly.
    """
    if isinstance(kind, builtins.Integer):
        return "integer"
    return "boolean" if isinstance(kind, builtins.Boolean) else ""


def _base_of(kind: Any) -> str:
    """Return the type of XML Schema that a simple type is, or is derived from."""
    for one in type(kind).__mro__:
        name = getattr(one, "_default_qname", None)
        if name is not None and name.namespace == XSD:
            return str(name.localname)
    return "string"


def _ordered(content: Any) -> Any:
    return content if isinstance(content, (OrderIndicator, NamedGroup)) else [content]


def _items(content: Any) -> list[Any]:
    return [content.child] if isinstance(content, NamedGroup) else list(content)


def _is_open(content: Any) -> bool:
    if isinstance(content, xsd_elements.Any):
        return True
    return isinstance(content, (OrderIndicator, NamedGroup)) and any(
        _is_open(item) for item in _items(content)
    )


def _occurs(particle: Any) -> tuple[int, int]:
    """Return how often a particle comes at least and at most, 0 for without bound."""
    most = getattr(particle, "max_occurs", 1)
    return int(getattr(particle, "min_occurs", 1)), 0 if most == "unbounded" else int(most)
