"""A message as a JSON Schema: the shape that the reader gives records and that requests take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from lienthong_connectors.soap.documents import XSD
from lienthong_connectors.soap.facets import Schema, can_be_empty, restricted, simple
from lienthong_connectors.soap.xsd import Content, Member, Node, Schemas
from lienthong_connectors.xml.shape import TEXT_MEMBER

if TYPE_CHECKING:
    from lienthong_connectors.soap.wsdl import Description

_LONGEST_TEXT: Final = 200
_DEEPEST: Final = 12
_ARRAY_TYPE: Final = "{http://schemas.xmlsoap.org/wsdl/}arrayType"
_ENCODED: Final = "{http://schemas.xmlsoap.org/soap/encoding/}"
#: Most members of one message that are described.
MOST_MEMBERS: Final = 5_000
_Place = tuple[int, str]
_Key = tuple[_Place, frozenset[str]]
_INT: Final = (-(2**31), 2**31 - 1)


class Contracts:
    """JSON Schemas of the messages of one description; a type is written out once, however often it is used.

    ``originals`` are the names of operations that were told apart. Of a message with more than
    `MOST_MEMBERS` members (types that hold each other in ever new ways) the innermost are left open.
    """

    def __init__(self, schemas: Schemas, originals: Mapping[str, str] | None = None) -> None:
        self._schemas, self._originals = schemas, originals or {}
        self._known: dict[_Key, tuple[Schema, int]] = {}
        self._elements: dict[str, Schema] = {}
        self._contents: dict[_Place, Content] = {}
        self._inner: dict[_Place, list[tuple[str, Node]]] = {}
        self._reached: dict[_Place, frozenset[str]] = {}
        self._cut = False
        self._members = 0

    @classmethod
    def of(cls, description: Description) -> Contracts:
        """Return the contracts of a description."""
        return cls(Schemas(description.roots), description.overloads)

    def message(self, message: Any) -> tuple[str, Schema]:
        """Return the name of a message's Body element (zeep's input or output) and its schema.

        A message without parts has the schema of an empty object.
        """
        self._members, self._cut = 0, False
        if message is None or message.body is None or message.abstract is None:
            return "", {"type": "object", "properties": {}}
        parts = message.abstract.parts
        qname = message.body.qname
        element = self._schemas.find("element", qname.text)
        if element is not None and any(part.element is not None for part in parts.values()):
            return qname.localname, self.element(qname.text)
        properties: dict[str, Schema] = {}
        for name, part in parts.items():
            kind = part.element.qname.text if part.element is not None else part.type.qname.text
            properties[name] = self._part(part, kind)
        required = [name for name, schema in properties.items() if _surely_there(schema)]
        answers = "Response" if message.type == "output" else ""  # WS-I Basic Profile 1.1, R2729
        name = str(message.operation.name)
        return f"{self._originals.get(name, name)}{answers}", _object(properties, required)

    def element(self, name: str) -> Schema:
        """Return the schema of a global element by its Clark name, an open one where there is none."""
        if name not in self._elements:
            self._members, self._cut = 0, False
            found = self._schemas.find("element", name)
            self._elements[name] = {} if found is None else self._element(found, ())
        return self._elements[name]

    def _part(self, part: Any, name: str) -> Schema:
        if part.element is not None:
            element = self._schemas.find("element", name)
            return {} if element is None else self._element(element, ())
        return self._type(name, self._schemas.find("type", name), ())

    def _element(self, node: Node, around: tuple[str, ...]) -> Schema:
        name, definition = self._schemas.type_of(node)
        schema = self._type(name, definition, around)
        if node.documentation:
            schema = {"description": node.documentation[:_LONGEST_TEXT], **schema}
        return schema

    def _type(self, name: str, definition: Node | None, around: tuple[str, ...]) -> Schema:
        if name.startswith(_ENCODED) and (definition is None or definition.first("simpleContent")):
            return simple(self._schemas, f"{{{XSD}}}{name.removeprefix(_ENCODED)}", None)
        if definition is None or definition.kind != "complexType":
            known = definition is not None or name.startswith(f"{{{XSD}}}")
            return simple(self._schemas, name, definition) if known else {}
        if (name and name in around) or len(around) > _DEEPEST:
            self._cut = self._cut or name not in around
            return {"type": "object"}  # a type within itself has no end: its inside is not described
        key = _place(definition), self._reach(definition) & frozenset(around)
        schema, size = self._known.get(key, ({}, 1))
        if self._members + size > MOST_MEMBERS:
            self._cut = True
            return {"type": "object"}
        if not schema:
            return self._first(key, name, definition, around)
        self._members += size
        return schema

    def _first(self, key: _Key, name: str, definition: Node, around: tuple[str, ...]) -> Schema:
        """Write a type out, and remember it unless it was too deep or too large to be written out whole."""
        outer, before, self._cut = self._cut, self._members, False
        schema = self._complex(definition, (*around, name))
        if not self._cut:
            self._known[key] = schema, self._members - before
        self._cut = self._cut or outer
        return schema

    def _reach(self, definition: Node) -> frozenset[str]:
        """Return the names of the types that stand, however deep, inside a complex type."""
        known = self._reached.get(_place(definition))
        if known is not None:
            return known
        found: set[str] = set()
        seen = {_place(definition)}
        waiting = [definition]
        while waiting:
            for name, inner in self._inside(waiting.pop()):
                found.add(name)
                if _place(inner) not in seen:
                    seen.add(_place(inner))
                    waiting.append(inner)
        reach = frozenset(found - {""})
        self._reached[_place(definition)] = reach
        return reach

    def _inside(self, definition: Node) -> list[tuple[str, Node]]:
        """Return the complex types of a complex type's members, with their names."""
        known = self._inner.get(_place(definition))
        if known is None:
            content = self._content(definition)
            types = (self._schemas.type_of(one.node) for one in content.elements)
            known = [(name, one) for name, one in types if one is not None and one.kind == "complexType"]
            known = list({(name, _place(one)): (name, one) for name, one in known}.values())
            self._inner[_place(definition)] = known
        return known

    def _content(self, definition: Node) -> Content:
        """Return what a complex type holds, which is looked up once."""
        known = self._contents.get(_place(definition))
        if known is None:
            known = self._contents[_place(definition)] = self._schemas.content(definition)
        return known

    def _array(self, definition: Node, around: tuple[str, ...]) -> Schema | None:
        """Return the schema of an array of SOAP encoding, None for any other type."""
        inner = definition.first("complexContent")
        derived = inner.first("restriction") if inner is not None else None
        for one in derived.children("attribute") if derived is not None else ():
            said = one.get(_ARRAY_TYPE).partition("[")[0]
            if said:
                name = one.name_of(said)
                items = self._type(name, self._schemas.find("type", name), around)
                return _object({"item": {"type": "array", "items": items}}, [])
        return None

    def _complex(self, definition: Node, around: tuple[str, ...]) -> Schema:
        array = self._array(definition, around)
        if array is not None:
            return array
        content = self._content(definition)
        if content.text is not None and not content.elements:
            return self._text(content)
        properties: dict[str, Schema] = {}
        required: list[str] = []
        for member in (*content.elements, *content.attributes):
            name = f"@{member.name}" if member.name in properties else member.name
            if "." in name:
                continue  # no path could name it
            self._members += 1
            schema = self._member(member, around)
            properties[name] = schema
            if member.least and _surely_there(schema) and member.node.get("nillable") not in ("true", "1"):
                required.append(name)
        return _object(properties, required)

    def _text(self, content: Content) -> Schema:
        """Return the schema of a text with attributes: the text alone where none of them comes."""
        assert content.text is not None  # noqa: S101 - asked before
        text = restricted(self._schemas, content.text)
        if not content.attributes:
            return text
        properties = {member.name: self._member(member, ()) for member in content.attributes}
        required = [member.name for member in content.attributes if member.least]
        whole = _object({TEXT_MEMBER: text, **properties}, required)
        return whole if required else {**whole, "type": ["object", *_types(text)]}

    def _member(self, member: Member, around: tuple[str, ...]) -> Schema:
        schema = self._element(member.node, around)
        if member.most == 1:
            return schema
        nothing = can_be_empty(schema) or not _surely_there(schema) or member.node.get("nillable") == "true"
        items = _nullable(schema) if nothing else schema
        bounds = {"minItems": member.least or None, "maxItems": member.most}
        return {"type": "array", "items": items} | {word: most for word, most in bounds.items() if most}


def _place(definition: Node) -> _Place:
    """Return what tells a definition from others: where it stands, and the namespace that is lent to it."""
    return id(definition.xml), definition.space


def leaves(schema: Schema, path: str = "", *, required: bool = True) -> Iterator[tuple[str, Schema, bool]]:
    """Yield (dotted path, schema, whether every record has it) of all members that have no members.

    A list is one leaf; what is inside it stands in its schema.
    """
    for name, child in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        has = required and name in schema.get("required", ())
        if child.get("properties") and child.get("type") == "object":
            yield from leaves(child, below, required=has)
        else:
            yield below, child, has


def lists(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield (dotted path, schema of an item) of all lists, outer ones first."""
    inner: list[tuple[str, Schema]] = []
    for name, child in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        if child.get("type") == "array":
            yield below, child["items"]
            inner.append((below, child["items"]))
        else:
            inner.append((below, child))
    for below, child in inner:
        yield from lists(child, below)


def in_words(schema: Schema) -> str:
    """Return a leaf's type in a few words: ``string, maxLength 20``."""
    shown = {
        word: value for word, value in schema.items() if word not in ("description", "items", "properties")
    }
    kinds = "/".join(_types(schema)) or "anything"
    if (shown.get("minimum"), shown.get("maximum")) == _INT:
        kinds, shown = "int", {word: shown[word] for word in shown if word not in ("minimum", "maximum")}
    check = shown.pop("x-lienthong", {}).get("check", "")
    rest = [f"{word} {_short(value)}" for word, value in shown.items() if word not in ("type", "required")]
    inside = f" of {in_words(schema['items'])}" if "items" in schema else ""
    return ", ".join(filter(None, [kinds + inside, check, *rest]))


def _short(value: Any) -> str:
    said = "/".join(map(str, value)) if isinstance(value, list) else str(value)
    return said if len(said) <= 40 else f"{said[:37]}..."


def _object(properties: dict[str, Schema], required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def _surely_there(schema: Schema) -> bool:
    """Tell whether a member that must come also has content: an element of optional parts may be empty."""
    return schema.get("type") != "object" or bool(schema.get("required"))


def _types(schema: Schema) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _nullable(schema: Schema) -> Schema:
    kinds = _types(schema)
    if not kinds or "null" in kinds:
        return schema
    widened = {**schema, "type": [*kinds, "null"]}
    if "enum" in widened:
        widened["enum"] = [*widened["enum"], None]
    return widened
