"""Parsing XML from others: no document type, no entities, no network, bounded size and depth."""

from __future__ import annotations

import re
import threading
from functools import lru_cache
from typing import Final, NoReturn

from lxml import etree

from lienthong.errors import ProtocolViolation

MAX_BYTES: Final = 64 * 1024 * 1024
"""Largest document parsed unless the caller says otherwise, in bytes."""

MAX_DEPTH: Final = 64
"""Deepest nesting accepted unless the caller says otherwise; an element without children has depth 1."""

_HARD_DEPTH: Final = 250  # below libxml2's own limit of 256
_DECLARATION: Final = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_PROLOG: Final = re.compile(rb"(?:\s+|<!--.*?-->|<\?.*?\?>)*+<!DOCTYPE", re.DOTALL | re.IGNORECASE)
_ENCODINGS: Final = frozenset({b"utf-8", b"us-ascii", b"ascii"})


def parse(
    data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH, huge: bool = False
) -> etree._Element:
    """Parse a UTF-8 document and return its root element.

    ``huge`` lifts libxml2's limit of 10 MB per text node; size and depth stay bounded. Raises
    :class:`ProtocolViolation` with a ``reason``: ``size``, ``encoding``, ``dtd``, ``xml`` (not
    well-formed) or ``depth``.
    """
    if len(data) > max_bytes:
        _refuse(f"the document is larger than {max_bytes} bytes", "size")
    start = data.removeprefix(b"\xef\xbb\xbf")
    if start.lstrip()[:1] != b"<" or b"\0" in start[:64]:
        _refuse("the document does not start as UTF-8 XML does", "encoding")
    declared = _DECLARATION.match(start)
    if declared is not None and declared.group(1).lower() not in _ENCODINGS:
        _refuse("the document is not declared as UTF-8", "encoding")
    if _PROLOG.match(start):
        _refuse("the document has a document type declaration", "dtd")
    try:
        root = etree.fromstring(data, _parser(huge=huge))
    except etree.XMLSyntaxError as error:
        _refuse(f"the document is not well-formed XML (line {error.lineno})", "xml")
    if root.getroottree().docinfo.internalDTD is not None:
        _refuse("the document has a document type declaration", "dtd")
    _check_depth(root, min(max_depth, _HARD_DEPTH))
    return root


def reparse(canonical: bytes) -> etree._Element:
    """Parse canonical bytes of an element that :func:`parse` accepted: size and depth are known."""
    return etree.fromstring(canonical, _parser(huge=True))


class _Parsers(threading.local):
    """A thread's own parsers, by whether they take large texts."""

    def __init__(self) -> None:
        self.made: dict[bool, etree.XMLParser] = {}


_PARSERS: Final = _Parsers()


def _parser(*, huge: bool) -> etree.XMLParser:
    """Return this thread's parser: parsers are not shared among threads."""
    known = _PARSERS.made.get(huge)
    if known is None:
        known = _PARSERS.made[huge] = _new_parser(huge=huge)
    return known


def _new_parser(*, huge: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        collect_ids=False,
        huge_tree=huge,
        recover=False,
    )


def _check_depth(root: etree._Element, limit: int) -> None:
    if _deeper_than(limit)(root):
        _refuse(f"the document is nested more than {limit} deep", "depth")


@lru_cache(maxsize=_HARD_DEPTH)
def _deeper_than(limit: int) -> etree.XPath:
    return etree.XPath("boolean(" + "/*" * (limit + 1) + ")")


def _refuse(message: str, reason: str) -> NoReturn:
    raise ProtocolViolation(message, where="XML", reason=reason)
