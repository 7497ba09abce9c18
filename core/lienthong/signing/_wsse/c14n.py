"""Exclusive XML canonicalisation without comments (W3C xml-exc-c14n), of one element."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

from lxml import etree

from lienthong.signing._wsse.names import refuse


def canonical(element: etree._Element, prefixes: Sequence[str] = ()) -> bytes:
    """Return the canonical bytes of an element and its descendants.

    ``prefixes`` is the InclusiveNamespaces PrefixList, ``#default`` for the default namespace.
    """
    if prefixes:
        element = _declaring(element)
    try:
        return etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            inclusive_ns_prefixes=list(prefixes) or None,
        )
    except etree.LxmlError:  # a relative namespace URI, for one (W3C xml-c14n, section 1.3)
        refuse("an element has no canonical form", "canonicalization")


def _declaring(element: etree._Element) -> etree._Element:
    """Copy an element so that it declares all namespaces in scope itself.

    lxml canonicalises an element as if it were a document of its own, and would not find the
    listed prefixes that only its ancestors declare.
    """
    in_scope = cast("dict[str, str]", element.nsmap)  # with None for the default namespace
    attributes = {str(name): str(value) for name, value in element.attrib.items()}
    twin = etree.Element(element.tag, attributes, nsmap=in_scope)
    twin.text = element.text
    twin.extend([copy.deepcopy(child) for child in element])
    return twin
