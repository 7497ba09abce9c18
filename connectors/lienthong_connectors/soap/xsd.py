"""XML Schema components of a description, looked up by name, with content models flattened.

zeep builds requests well but forgets facets, documentation and what is optional in a choice; what a
contract needs is therefore read from the schema documents themselves (XML Schema 1.0, part 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from lienthong_connectors.soap.documents import XSD

_SCHEMA: Final = f"{{{XSD}}}schema"
_KINDS: Final = ("element", "simpleType", "complexType", "group", "attributeGroup", "attribute")
_GROUPS: Final = ("sequence", "choice", "all")


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of a schema with the target namespace that holds for it (an including schema may lend it)."""

    xml: etree._Element
    space: str

    @property
    def kind(self) -> str:
        """Its local name: ``element``, ``sequence``, …; empty for what is not XML Schema."""
        return _kind(self.xml)

    def get(self, name: str) -> str:
        """Return an attribute, empty where it is absent."""
        return self.xml.get(name, "")

    def children(self, *kinds: str) -> Iterator[Node]:
        """Yield the children of some kinds, of any where none is named."""
        for child in self.xml:
            if _kind(child) and (not kinds or _kind(child) in kinds):
                yield Node(child, self.space)

    def first(self, *kinds: str) -> Node | None:
        """Return the first child of some kinds."""
        return next(self.children(*kinds), None)

    def name_of(self, said: str) -> str:
        """Return a QName of this place as a Clark name."""
        prefix, colon, local = said.strip().rpartition(":")
        space = self.xml.nsmap.get(prefix if colon else None)
        if space is None and not colon and not _root(self.xml).get("targetNamespace"):
            space = self.space
        return f"{{{space}}}{local}" if space else local

    @property
    def documentation(self) -> str:
        """The text of its first documentation, on one line."""
        found = self.xml.find(f"{{{XSD}}}annotation/{{{XSD}}}documentation")
        return "" if found is None else " ".join("".join(str(text) for text in found.itertext()).split())


@dataclass(frozen=True, slots=True)
class Member:
    """An element or attribute as it stands in a complex type.

    ``least`` and ``most`` are how often it comes (most None: without bound) with all groups around
    it taken into account. ``node`` is its declaration, references followed.
    """

    node: Node
    least: int
    most: int | None

    @property
    def name(self) -> str:
        """Its local name."""
        return self.node.get("name")


@dataclass(slots=True)
class Content:
    """What a complex type holds: elements, attributes, and the type of its text where it has some.

    ``text`` is the node whose base is the text's type; ``open``: other elements or attributes may come.
    """

    elements: list[Member] = field(default_factory=list)
    attributes: list[Member] = field(default_factory=list)
    text: Node | None = None
    open: bool = False


class Schemas:
    """The global components of a description's documents."""

    def __init__(self, roots: Mapping[str, etree._Element]) -> None:
        self._roots = roots
        self._found: dict[tuple[str, str], Node] = {}
        self._seen: set[tuple[int, str]] = set()
        for root in roots.values():
            for schema in root.iter(_SCHEMA):
                if schema.get("targetNamespace") or schema is not root:
                    self._take(schema, schema.get("targetNamespace", ""))
        for root in roots.values():  # documents without namespace that nobody includes
            if root.tag == _SCHEMA and not any(seen == id(root) for seen, _ in self._seen):
                self._take(root, "")

    def find(self, kind: str, name: str) -> Node | None:
        """Return a global component by kind and Clark name; ``type`` stands for both kinds of types."""
        if kind == "type":
            return self.find("complexType", name) or self.find("simpleType", name)
        return self._found.get((kind, name))

    def type_of(self, node: Node) -> tuple[str, Node | None]:
        """Return the type of an element or attribute: its Clark name, and its definition.

        The name is empty for a type without name, the definition None for a built-in type.
        """
        own = node.first("complexType", "simpleType")
        if own is not None:
            return "", own
        if not node.get("type"):
            head = self.find("element", node.name_of(node.get("substitutionGroup")))
            any_type = "anySimpleType" if node.kind == "attribute" else "anyType"
            return self.type_of(head) if head else (f"{{{XSD}}}{any_type}", None)
        name = node.name_of(node.get("type"))
        return name, self.find("type", name)

    def content(self, kind: Node) -> Content:
        """Return what a complex type holds, what it inherits included."""
        content = Content()
        self._fill(kind, content, 0)
        return content

    def _take(self, schema: etree._Element, space: str) -> None:
        if (id(schema), space) in self._seen:
            return
        self._seen.add((id(schema), space))
        for child in schema:
            kind = _kind(child)
            if kind in _KINDS and child.get("name"):
                name = f"{{{space}}}{child.get('name')}" if space else child.get("name", "")
                self._found.setdefault((kind, name), Node(child, space))
            elif kind == "include":
                included = self._roots.get(child.get("schemaLocation", ""))
                if included is not None and included.tag == _SCHEMA:
                    self._take(included, included.get("targetNamespace") or space)

    def _fill(self, kind: Node, content: Content, depth: int) -> None:
        if depth > 20:
            return
        inner = kind.first("complexContent", "simpleContent")
        derived = inner.first("extension", "restriction") if inner is not None else None
        if inner is None or derived is None:
            self._own(kind, content)
            return
        base = self.find("complexType", derived.name_of(derived.get("base")))
        if base is not None:
            self._fill(base, content, depth + 1)
        if inner.kind == "simpleContent":
            content.text = derived if base is None or derived.kind == "restriction" else content.text
        elif derived.kind == "restriction":
            content.elements.clear()
        self._own(derived, content)

    def _own(self, holder: Node, content: Content) -> None:
        for group in holder.children(*_GROUPS, "group"):
            self._group(group, 1, 1, content)
        self._attributes(holder, content)

    def _attributes(self, holder: Node, content: Content) -> None:
        for item in holder.children("attribute", "attributeGroup", "anyAttribute"):
            if item.kind == "anyAttribute":
                content.open = True
                continue
            node = self.find(item.kind, item.name_of(item.get("ref"))) if item.get("ref") else item
            if node is None:
                continue
            if item.kind == "attributeGroup":
                self._attributes(node, content)
                continue
            others = [other for other in content.attributes if other.name != node.get("name")]
            content.attributes = others
            if item.get("use") != "prohibited":
                content.attributes.append(Member(node, int(item.get("use") == "required"), 1))

    def _group(self, group: Node, least: int, most: int | None, content: Content, depth: int = 0) -> None:
        """Add the elements of a group; ``least`` and ``most`` are how often the group may come."""
        if depth > 20:
            return
        own_least, own_most = _occurs(group)
        least, most = least * own_least, None if most is None or own_most is None else most * own_most
        if group.kind == "group":
            named = self.find("group", group.name_of(group.get("ref")))
            for inner in named.children(*_GROUPS) if named else ():
                self._group(inner, least, most, content, depth + 1)
            return
        alternatives = sum(1 for _ in group.children("element", "any", "group", *_GROUPS)) > 1
        inside = 0 if group.kind == "choice" and alternatives else least
        for item in group.children("element", "any", "group", *_GROUPS):
            if item.kind == "any":
                content.open = True
            elif item.kind == "element":
                self._element(item, inside, most, content)
            else:
                self._group(item, inside, most, content, depth + 1)

    def _element(self, item: Node, least: int, most: int | None, content: Content) -> None:
        node = self.find("element", item.name_of(item.get("ref"))) if item.get("ref") else item
        own_least, own_most = _occurs(item)
        if node is None or own_most == 0:
            return
        member = Member(
            node, least * own_least, None if most is None or own_most is None else most * own_most
        )
        for index, other in enumerate(content.elements):
            if other.name == member.name:  # the same element in several places comes several times
                content.elements[index] = Member(other.node, min(other.least, member.least), None)
                return
        content.elements.append(member)


def _occurs(node: Node) -> tuple[int, int | None]:
    most = node.get("maxOccurs") or "1"
    return int(node.get("minOccurs") or "1"), None if most == "unbounded" else int(most)


def _kind(xml: etree._Element) -> str:
    tag = xml.tag if isinstance(xml.tag, str) else ""
    return tag.removeprefix(f"{{{XSD}}}") if tag.startswith(f"{{{XSD}}}") else ""


def _root(xml: etree._Element) -> etree._Element:
    """Return the schema element around a piece."""
    return next((item for item in xml.iterancestors(_SCHEMA)), xml)
