"""From a compiled operation to the shapes by which its answers are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lienthong_connectors.soap.described import Described, Element, Kind
from lienthong_connectors.soap.documents import XSD
from lienthong_connectors.xml.shape import Converter, Shape, as_boolean, as_container, as_integer, local

_CONVERTERS: Final[dict[str, Converter]] = {"integer": as_integer, "boolean": as_boolean}
# of XML Schema 1.0, part 2, section 3.3, what derives from integer
_SIZES: Final = ("integer", "long", "int", "short", "byte")
_SIGNS: Final = ("nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger")
_UNSIGNED: Final = ("unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte")
_BUILT_IN: Final[dict[str, Converter]] = {
    **{f"{{{XSD}}}{name}": as_integer for name in (*_SIZES, *_SIGNS, *_UNSIGNED)},
    f"{{{XSD}}}boolean": as_boolean,
}


def types_of(operation: Described) -> dict[str, Shape]:
    """Return the shapes of types that xsi:type may name in an answer, by Clark name, if there is a WSDL."""
    return _Maker(operation).types() if operation.kinds else {}


def shapes_of(operation: Described, record: str | None) -> dict[str, Shape]:
    """Return the shapes of an answer's Body elements and of its record element, by Clark name."""
    if operation.answer is None:
        return {}
    maker = _Maker(operation)
    found = {one.name: maker.shape(one) for one in operation.answer.body}
    if record is not None:
        for element in _descendants(operation, operation.answer.body, set()):
            if record in (element.name, local(element.name)):
                found.setdefault(element.name, maker.shape(element))
    return found


class _Maker:
    """Makes shapes; elements of one kind share their children, so that types may recur."""

    def __init__(self, operation: Described) -> None:
        self._operation = operation
        self._models: dict[int, Shape] = {}
        self._names = {kind: name for name, kind in operation.derived.items()}

    def shape(self, element: Element, *, many: bool = False) -> Shape:
        """Return an element's shape; ``many`` where something around it repeats."""
        kind = self._operation.kind(element)
        shape = Shape(local(element.name), many=many or element.most != 1)
        if kind is None:
            return shape
        shape.type = self._names.get(element.kind, "")
        model = self._models.get(element.kind)
        if model is None:
            model = self._models[element.kind] = Shape("")
            self._fill(model, kind)
        shape.kids, shape.attributes, shape.convert = model.kids, model.attributes, model.convert
        shape.plain = kind.text is not None and not kind.attributes
        return shape

    def types(self) -> dict[str, Shape]:
        """Return the shapes of derived types, and of XML Schema's own numbers and truth values."""
        found = {name: Shape("", convert=convert, plain=True) for name, convert in _BUILT_IN.items()}
        for name, kind in self._operation.derived.items():
            found[name] = self.shape(Element(name, "", kind))
        return found

    def _fill(self, shape: Shape, kind: Kind) -> None:
        for one in kind.attributes:
            if one.text:
                shape.attributes[one.name] = _CONVERTERS[one.text]
        if kind.text is not None:
            shape.convert = _CONVERTERS.get(kind.text)
            return
        shape.convert = as_container
        for child, many in kind.content.elements() if kind.content is not None else ():
            if child.name in shape.kids:
                shape.kids[child.name].many = True
            else:
                shape.kids[child.name] = self.shape(child, many=many)


def _descendants(operation: Described, elements: tuple[Element, ...], seen: set[int]) -> Iterator[Element]:
    for element in elements:
        yield element
        kind = operation.kind(element)
        if kind is not None and kind.content is not None and element.kind not in seen:
            seen.add(element.kind)
            yield from _descendants(operation, tuple(one for one, _ in kind.content.elements()), seen)
