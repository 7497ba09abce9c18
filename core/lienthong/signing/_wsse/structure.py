"""The skeleton of an envelope, taken apart in the only way that leaves no second reading.

Everything that a reference may name is found here by its place (child of the root, child of the
header, child of the security header), never by searching for an id: that is what defeats signature
wrapping (McIntosh and Austel 2005, Somorovsky et al. 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from lxml import etree

from lienthong.signing._wsse.names import (
    CONFIRMATION,
    DS,
    RECEIVER,
    SOAP,
    SOAP11,
    WSA,
    WSSE,
    WSU,
    WSU_ID,
    refuse,
)

Element = etree._Element

_IDS: Final = etree.XPath("descendant::*/@*[local-name()='Id' or local-name()='ID' or local-name()='id']")
_QUALIFIED_IDS: Final = frozenset({WSU_ID, "{http://www.w3.org/XML/1998/namespace}id"})
_PLAIN_IDS: Final = frozenset({"Id", "ID", "id"})
_NAMES: Final = (*_QUALIFIED_IDS, *_PLAIN_IDS)
_ONCE: Final = {
    f"{{{uri}}}{local}": plural
    for uri in SOAP
    for local, plural in (("Body", "bodies"), ("Header", "headers"), ("Envelope", "envelopes"))
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of one SOAP envelope, by their place."""

    root: Element
    header: Element | None
    body: Element
    blocks: tuple[Element, ...]

    @property
    def soap(self) -> str:
        """Namespace of the SOAP version."""
        return str(etree.QName(self.root).namespace)

    def addressing(self) -> list[Element]:
        """Return the WS-Addressing header blocks."""
        return [block for block in self.blocks if etree.QName(block).namespace in WSA]


@dataclass(frozen=True, slots=True)
class Secured:
    """The security header of an envelope, with exactly one signature.

    ``confirmations`` repeat the signatures of the request (WS-Security 1.1, section 8.5).
    """

    security: Element
    signature: Element
    timestamp: Element | None
    tokens: tuple[Element, ...]
    confirmations: tuple[Element, ...] = ()


def elements(parent: Element) -> list[Element]:
    """Return the child elements, without comments and processing instructions."""
    return list(parent.iterchildren("*"))


def take_apart(root: Element) -> Envelope:
    """Find header, body and header blocks.

    Refuses with ``reason`` ``not-soap``, ``no-body``, ``several-bodies`` (also one hidden anywhere
    else in the document), ``several-headers`` or ``structure``.
    """
    name = etree.QName(root)
    if name.namespace not in SOAP or name.localname != "Envelope":
        refuse("the document is not a SOAP 1.1 or 1.2 envelope", "not-soap")
    _only_once(root)
    parts = elements(root)
    kinds = [part.tag for part in parts]
    header, body = f"{{{name.namespace}}}Header", f"{{{name.namespace}}}Body"
    if body not in kinds:
        refuse("the envelope has no Body of its own SOAP version below its root", "no-body")
    if kinds not in ([body], [header, body]):
        refuse("the envelope has other children than one Header and one Body", "structure")
    first = parts[0] if len(parts) == 2 else None
    return Envelope(root, first, parts[-1], tuple(elements(first)) if first is not None else ())


def _only_once(root: Element) -> None:
    """Refuse a second Body, Header or Envelope of either version, wherever it is hidden."""
    found = [_ONCE[str(element.tag)] for element in root.iter(*_ONCE)]
    for plural in ("bodies", "headers", "envelopes"):
        if found.count(plural) > 1:
            refuse(f"the document holds several SOAP {plural}", f"several-{plural}")


def secured(envelope: Envelope) -> Secured:
    """Find the security header, its one signature, its timestamp and tokens.

    Refuses with ``reason`` ``no-security``, ``several-security``, ``no-signature``,
    ``several-signatures`` or ``several-timestamps``.
    """
    headers = _in_header(envelope, f"{{{WSSE}}}Security")
    if len(headers) > 1:
        refuse("the envelope has several Security headers", "several-security")
    if not headers or headers[0].getparent() is not envelope.header:
        refuse("the envelope has no Security header", "no-security")
    signatures = _in_header(envelope, f"{{{DS}}}Signature")
    if len(signatures) > 1:
        refuse("the envelope has several signatures", "several-signatures")
    if not signatures or signatures[0].getparent() is not headers[0]:
        refuse("the Security header has no signature", "no-signature")
    timestamps = _in_header(envelope, f"{{{WSU}}}Timestamp")
    if len(timestamps) > 1 or any(one.getparent() is not headers[0] for one in timestamps):
        refuse("the envelope has several timestamps, or one in the wrong place", "several-timestamps")
    tokens = tuple(headers[0].iterchildren(f"{{{WSSE}}}*"))
    confirmations = tuple(headers[0].iterchildren(CONFIRMATION))
    return Secured(headers[0], signatures[0], timestamps[0] if timestamps else None, tokens, confirmations)


def _in_header(envelope: Envelope, tag: str) -> list[Element]:
    """Return all elements of a name that are not in the Body, where documents may be signed themselves."""
    return [] if envelope.header is None else list(envelope.header.iter(tag))


def demanded(envelope: Envelope) -> tuple[str, ...]:
    """Return the header blocks that the receiver of the message must understand, by Clark name.

    Those are the blocks with ``mustUnderstand`` that name no other role (SOAP 1.1 section 4.2.2,
    SOAP 1.2 part 1 sections 2.2 and 5.2.3).
    """
    space = envelope.soap
    return tuple(
        str(block.tag)
        for block in envelope.blocks
        if block.get(f"{{{space}}}mustUnderstand", "").strip() in {"1", "true"}
        and block.get(f"{{{space}}}{'actor' if space == SOAP11 else 'role'}", "").strip() in RECEIVER
    )


def index_ids(envelope: Envelope) -> dict[str, Element]:
    """Return the elements of the document by id.

    Refuses with ``reason`` ``duplicate-id`` a value that stands twice, whatever the attribute's
    name (wsu:Id, xml:id, Id, ID, id). Only plain Id attributes of business data inside the Body may
    repeat among each other; they are not in the index, and no reference can name them.
    """
    around = [envelope.root, envelope.body]
    if envelope.header is not None:
        around += envelope.header.iter("*")
    strict = [(value, one) for one in around for name in _NAMES if (value := one.get(name)) is not None]
    loose: set[str] = set()
    for found in cast("list[etree._ElementUnicodeResult]", _IDS(envelope.body)):
        if found.attrname in _QUALIFIED_IDS:
            strict.append((str(found), cast("Element", found.getparent())))
        elif found.attrname in _PLAIN_IDS:
            loose.add(str(found))
    index: dict[str, Element] = {}
    for value, element in strict:
        if value in index or value in loose:
            refuse("two elements of the envelope have the same id", "duplicate-id")
        index[value] = element
    return index
