"""Documents made ready for zeep: references rewritten, ``xsd:redefine`` undone.

zeep knows no ``xsd:redefine`` (XML Schema 1.0, part 1, section 4.2.2). A redefinition is therefore
written as what it means: the redefined document is included with the old component under another
name, and the new component is built on that.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final

from lxml import etree

from lienthong_connectors.soap.documents import (
    REFERENCES,
    XSD,
    Documents,
    absolute,
    broken,
    parse,
    references,
    unlocated,
)

_REDEFINE: Final = f"{{{XSD}}}redefine"
_INCLUDE: Final = f"{{{XSD}}}include"
_SCHEMA: Final = f"{{{XSD}}}schema"
_NAMED: Final = frozenset(
    f"{{{XSD}}}{kind}" for kind in ("simpleType", "complexType", "group", "attributeGroup")
)
_USES: Final = ("base", "ref")
_OLD: Final = "-redefined"


def prepared(documents: Documents) -> tuple[str, dict[str, etree._Element]]:
    """Return the main document's name and every document's root by name; names are ``file:///N.xml``."""
    names = {location: f"file:///{number}.xml" for number, location in enumerate(documents.files)}
    roots = {names[location]: parse(data, location) for location, data in documents.files.items()}
    for location, name in names.items():
        for element, said in references(roots[name]):
            element.set(REFERENCES[str(element.tag)], names[absolute(said, location)])
        for element, place in unlocated(roots[name]):
            if place in names:
                element.set("schemaLocation", names[place])
    while (found := _next(roots, documents.main)) is not None:
        twin = f"file:///redefined-{len(roots)}.xml"
        roots[twin] = _renamed(roots[found.get("schemaLocation", "")], found, documents.main)
        _replace(found, twin)
    return names[documents.main], roots


def _next(roots: Mapping[str, etree._Element], where: str) -> etree._Element | None:
    """Return a redefinition of a document that redefines nothing itself, None where none is left."""
    every = [element for root in roots.values() for element in root.iter(_REDEFINE)]
    for element in every:
        if roots[element.get("schemaLocation", "")].find(f".//{_REDEFINE}") is None:
            return element
    if every:
        raise broken(where, "redefines itself")
    return None


def _renamed(old: etree._Element, redefine: etree._Element, where: str) -> etree._Element:
    """Return a copy of the redefined document in which the redefined components have other names."""
    root = copy.deepcopy(old)
    for new in redefine:
        if new.tag not in _NAMED:
            continue
        found = [item for item in root if item.tag == new.tag and item.get("name") == new.get("name")]
        if len(found) != 1:
            raise broken(where, f"redefines {str(new.get('name'))!r}, which the other document has not")
        found[0].set("name", f"{new.get('name')}{_OLD}")
    return root


def _replace(redefine: etree._Element, twin: str) -> None:
    """Put an include and the new components, built on the renamed old ones, where the redefine was."""
    schema = redefine.getparent()
    assert schema is not None  # noqa: S101 - a redefine stands inside a schema
    include = etree.Element(_INCLUDE)
    include.set("schemaLocation", twin)
    place = schema.index(redefine)
    schema.remove(redefine)
    schema.insert(place, include)
    for new in redefine:
        if new.tag not in _NAMED:
            continue
        own = copy.deepcopy(new)
        for inner in own.iter():
            for word in _USES:
                said = inner.get(word)
                if said is not None and said.rpartition(":")[2] == own.get("name"):
                    inner.set(word, f"{said}{_OLD}")
        schema.append(own)
