"""From zeep's schema types to shapes of answers and to the names a request may use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zeep.xsd import elements as xsd_elements
from zeep.xsd.elements.indicators import Group, OrderIndicator
from zeep.xsd.types import AnySimpleType, ComplexType, builtins

from lienthong_connectors.xml.shape import Converter, Shape, as_boolean, as_container, as_integer, local


def shapes_of(root: Any, record: str | None) -> dict[str, Shape]:
    """Return the shapes of an answer's Body element and of its record element, by Clark name."""
    known: dict[int, Shape] = {}
    found = {root.qname.text: shape_of(root, known)}
    if record is not None:
        for element in _descendants(root, set()):
            if record in (element.qname.text, element.name):
                found.setdefault(element.qname.text, shape_of(element, known))
    return found


def shape_of(element: Any, known: dict[int, Shape], *, many: bool = False) -> Shape:
    """Return an element's shape; ``known`` holds the types met before, so that types may recur."""
    kind = element.type
    many = many or _repeats(element)
    shape = Shape(element.name, many=many)
    if isinstance(kind, AnySimpleType):
        shape.convert, shape.plain = converter(kind), True
        return shape
    if not isinstance(kind, ComplexType):
        return shape
    model = known.get(id(kind))
    if model is None:
        model = known[id(kind)] = Shape(element.name)
        _fill(model, kind, known)
    shape.kids, shape.attributes, shape.convert = model.kids, model.attributes, model.convert
    return shape


def _fill(shape: Shape, kind: Any, known: dict[int, Shape]) -> None:
    for _, attribute in kind.attributes:
        change = converter(attribute.type) if attribute.name else None
        if change is not None:
            shape.attributes[attribute.qname.text] = change
    content = kind._element
    if isinstance(content, xsd_elements.Element) and isinstance(content.type, AnySimpleType):
        shape.convert = converter(content.type)
        return
    shape.convert = as_container
    for child, many in _children(content, many=False):
        if child.qname.text not in shape.kids:
            shape.kids[child.qname.text] = shape_of(child, known, many=many)
        else:
            shape.kids[child.qname.text].many = True


def converter(kind: Any) -> Converter | None:
    """Return what turns a simple type's text into JSON: integers and booleans; all else stays text.

    Dates stay as they are written, and so do decimals and floats, which JSON cannot carry exactly.
    """
    if isinstance(kind, builtins.Integer):
        return as_integer
    return as_boolean if isinstance(kind, builtins.Boolean) else None


def paths_of(root: Any) -> Names:
    """Return the members that a request may have."""
    return Names(root)


class Names:
    """The member names of an element, asked by dotted path."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def wrong(self, path: str) -> tuple[str, list[str]] | None:
        """Return the first part of a path that the schema does not have, with what it has there."""
        kind = self._root.type
        for part in path.split("."):
            if not isinstance(kind, ComplexType):
                return (part, []) if isinstance(kind, AnySimpleType) else None
            there = {element.attr_name: element for element, _ in _children(kind._element, many=False)}
            attributes = {name for name, _ in kind.attributes}
            if part not in there:
                known = part in attributes or part == "_value_1" or _is_open(kind._element)
                return None if known else (part, sorted({*there, *attributes}))
            kind = there[part].type
        return None


def _is_open(content: Any) -> bool:
    if isinstance(content, xsd_elements.Any):
        return True
    return isinstance(content, (OrderIndicator, Group)) and any(_is_open(item) for item in _items(content))


def _items(content: Any) -> list[Any]:
    return [content.child] if isinstance(content, Group) else list(content)


def _children(content: Any, *, many: bool) -> Iterator[tuple[Any, bool]]:
    """Yield the elements of a content model, and whether something around them repeats."""
    if isinstance(content, xsd_elements.Element):
        yield content, many or _repeats(content)
    elif isinstance(content, (OrderIndicator, Group)):
        inside = many or _repeats(content)
        for item in _items(content):
            yield from _children(item, many=inside)


def _descendants(element: Any, seen: set[int]) -> Iterator[Any]:
    kind = element.type
    if not isinstance(kind, ComplexType) or id(kind) in seen:
        return
    seen.add(id(kind))
    for child, _ in _children(kind._element, many=False):
        yield child
        yield from _descendants(child, seen)


def _repeats(particle: Any) -> bool:
    most = particle.max_occurs
    return most == "unbounded" or int(most) > 1


__all__ = ["Names", "converter", "local", "paths_of", "shape_of", "shapes_of"]
