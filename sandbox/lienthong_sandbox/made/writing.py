"""Made-up values written as XML in the order and the namespaces of their schema.

Of a choice the first alternative that has a value is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

from lienthong_connectors.soap.described import Described, Element, Group
from lienthong_connectors.xml.shape import TEXT_MEMBER, local


class Writer:
    """Writes values for the elements of one operation."""

    def __init__(self, described: Described) -> None:
        self._described = described

    def element(self, element: Element, value: Any) -> etree._Element:
        """Return the XML of a value."""
        made = etree.Element(element.name)
        kind = self._described.kind(element)
        if kind is None or not isinstance(value, Mapping):
            made.text = _text(value.get(TEXT_MEMBER) if isinstance(value, Mapping) else value)
            return made
        for attribute in kind.attributes:
            said = value.get(local(attribute.name))
            if said is not None:
                made.set(attribute.name, _text(said) or "")
        if kind.content is None:
            made.text = _text(value.get(TEXT_MEMBER))
        else:
            self._group(made, kind.content, value)
        return made

    def _group(self, parent: etree._Element, group: Group, value: Mapping[str, Any]) -> bool:
        """Write a content model; tell whether there was anything to write."""
        there = False
        for item in group.items:
            wrote = (
                self._group(parent, item, value)
                if isinstance(item, Group)
                else self._occurrences(parent, item, value.get(local(item.name)))
            )
            there = there or wrote
            if wrote and group.order == "choice":
                break
        return there

    def _occurrences(self, parent: etree._Element, element: Element, value: Any) -> bool:
        items = [item for item in (value if isinstance(value, list) else [value]) if item is not None]
        for item in items:
            parent.append(self.element(element, item))
        return bool(items)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
