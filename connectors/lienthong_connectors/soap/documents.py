"""Everything that a WSDL is made of: the document itself and whatever it imports, includes, redefines.

References are followed here, once, before zeep sees anything. So a description can come from files,
a package, a catalogue or a service alike, is bounded, and has one digest.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urldefrag, urljoin

from lienthong.errors import LienThongError, Misconfigured
from lienthong.records import digest, sha256
from lienthong_connectors.soap.aboard import aboard, place_of

if TYPE_CHECKING:
    from lxml import etree

Fetch = Callable[[str], bytes]
WSDL: Final = "http://schemas.xmlsoap.org/wsdl/"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
REFERENCES: Final = {
    f"{{{WSDL}}}import": "location",
    f"{{{XSD}}}import": "schemaLocation",
    f"{{{XSD}}}include": "schemaLocation",
    f"{{{XSD}}}redefine": "schemaLocation",
}
"""Elements that refer to another document, and the attribute that says where it is."""
_SCHEMES: Final = ("http://", "https://", "package:", "catalogue:")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a description may be: documents, bytes of one and of all, steps from the first."""

    documents: int = 500
    document_bytes: int = 16 << 20
    all_bytes: int = 64 << 20
    depth: int = 20


@dataclass(frozen=True, slots=True)
class Documents:
    """A resolved description: every document's bytes by location, in the order of first reach.

    ``known`` are the locations of well-known schemas that the bus brought itself (see `aboard`).
    """

    main: str
    files: Mapping[str, bytes] = field(repr=False)
    known: frozenset[str] = frozenset()

    @property
    def own(self) -> dict[str, bytes]:
        """The documents that the description itself consists of."""
        return {location: data for location, data in self.files.items() if location not in self.known}

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the SHA-256 of its own documents in order; locations are no part of it."""
        return digest([sha256(data) for data in self.own.values()])


def collect(main: str, fetch: Fetch, bounds: Bounds | None = None) -> Documents:
    """Follow all references of a WSDL.

    Raises what ``fetch`` raises, and `Misconfigured`, naming the document, for one that is missing,
    is no XML, has a document type declaration, or goes beyond the bounds.
    """
    bounds = bounds or Bounds()
    files: dict[str, bytes] = {}
    roots: list[etree._Element] = []
    known: set[str] = set()
    waiting, size = [(main, 0, "")], 0
    while waiting:
        location, depth, namespace = waiting.pop(0)
        if location not in files:
            data, ours = _read(location, fetch, namespace)
            known |= {location} if ours else set()
            size += len(data)
            _check_bounds(location, len(files) + 1, len(data), size, depth, bounds)
            files[location] = data
            roots.append(parse(data, location))
            waiting += [
                (absolute(said, location), depth + 1, element.get("namespace", ""))
                for element, said in references(roots[-1])
            ]
        if not waiting:
            waiting = [(place, 0, "") for place in _missing(roots) if place not in files]
    return Documents(main, files, frozenset(known))


def unlocated(root: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    """Yield imports that do not say where, with the place of their namespace where it is well known."""
    for element in root.iter(f"{{{XSD}}}import"):
        place = place_of(element.get("namespace", ""))
        if place and not element.get("schemaLocation", "").strip():
            yield element, place


def _missing(roots: list[etree._Element]) -> Iterator[str]:
    """Yield the places of well-known schemas that are imported without a location, and are nowhere else."""
    there = {schema.get("targetNamespace") for root in roots for schema in root.iter(f"{{{XSD}}}schema")}
    for root in roots:
        for element, place in unlocated(root):
            if element.get("namespace") not in there:
                yield place


def references(root: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    """Yield every element that refers to another document, with what it says."""
    for element in root.iter(*REFERENCES):
        said = element.get(REFERENCES[str(element.tag)], "").strip()
        if said:
            yield element, said


def absolute(said: str, base: str) -> str:
    """Return where a reference inside the document at ``base`` leads: a URL, a path, or a name.

    Names are ``package:package/path`` and ``catalogue:path`` (what was a local file when it was put
    into a catalogue).
    """
    said = urldefrag(said)[0]
    if "://" not in said:
        said = said.replace("\\", "/")  # as tools on Windows write relative names
    if said.startswith("file://"):
        return str(Path(said.removeprefix("file://")).resolve())
    if said.startswith(_SCHEMES):
        return said
    if base.startswith(("package:", "catalogue:")):
        scheme, _, path = base.partition(":")
        return f"{scheme}:{os.path.normpath(Path(path).parent / said)}"
    if base.startswith(_SCHEMES):
        return urljoin(base, said)
    return str((Path(base).parent / said).resolve())


def parse(data: bytes, location: str) -> etree._Element:
    """Return a document's root; `Misconfigured` for what is no XML or has a document type declaration."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise broken(location, "is no well-formed XML") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise broken(location, "has a document type declaration")
    return root


def broken(location: str, what: str) -> Misconfigured:
    """Return the error of a document that cannot be used."""
    return Misconfigured(
        f"a document of the WSDL {what}",
        where=location,
        hint="ask the agency for a sound copy, or look at what really answers at this address",
    )


def _read(location: str, fetch: Fetch, namespace: str) -> tuple[bytes, bool]:
    """Return a document, and whether it is one that we brought because it cannot be had."""
    try:
        return fetch(location), False
    except (LienThongError, OSError, LookupError, ValueError, ImportError) as error:
        ours = aboard(location, namespace)
        if ours is not None:
            return ours, True
        if isinstance(error, LienThongError):
            raise
    raise Misconfigured(
        "the WSDL, or a document it refers to, cannot be read",
        where=location,
        hint="keep the WSDL with all its imports in one folder or catalogue",
    )


def _check_bounds(location: str, count: int, one: int, every: int, depth: int, bounds: Bounds) -> None:
    for found, most, what in (
        (count, bounds.documents, "is one of more than {} documents"),
        (one, bounds.document_bytes, "is larger than {} bytes"),
        (every, bounds.all_bytes, "makes the whole larger than {} bytes"),
        (depth, bounds.depth, "is referred to over more than {} steps"),
    ):
        if found > most:
            raise broken(location, what.format(most))
