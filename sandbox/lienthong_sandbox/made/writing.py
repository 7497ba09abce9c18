"""Made-up values written as XML in the order and the namespaces of their schema.

Of a choice the first alternative that has a value is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree
from zeep.xsd import elements as xsd
from zeep.xsd.elements.indicators import Choice, Group, OrderIndicator
from zeep.xsd.types import ComplexType

from lienthong_connectors.xml.shape import TEXT_MEMBER


def written(element: Any, value: Any) -> etree._Element:
    """Return the XML of a value for one of zeep's elements."""
    made = etree.Element(element.qname.text)
    _fill(made, element.type, value)
    return made


def _fill(made: etree._Element, kind: Any, value: Any) -> None:
    if not isinstance(kind, ComplexType) or not isinstance(value, Mapping):
        made.text = _text(value)
        return
    for name, attribute in kind.attributes:
        if attribute.qname is not None and value.get(str(name)) is not None:
            made.set(attribute.qname.text, _text(value[str(name)]) or "")
    content = kind._element
    if isinstance(content, xsd.Element) or TEXT_MEMBER in value:
        made.text = _text(value.get(TEXT_MEMBER))
        return
    _write(made, content, value)


def _write(parent: etree._Element, particle: Any, value: Mapping[str, Any]) -> bool:
    """Write a part of a content model; tell whether there was anything to write."""
    if isinstance(particle, xsd.Element):
        return _element(parent, particle, value.get(str(particle.name)))
    if isinstance(particle, Group):
        return _write(parent, particle.child, value)
    if isinstance(particle, Choice):
        return any(_write(parent, item, value) for item in particle)
    if isinstance(particle, OrderIndicator):
        return sum(_write(parent, item, value) for item in particle) > 0  # each of them, not up to the first
    return False


def _element(parent: etree._Element, element: Any, value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    for item in items:
        if item is not None:
            parent.append(written(element, item))
    return any(item is not None for item in items)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
