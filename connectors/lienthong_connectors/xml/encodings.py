"""Character encodings of documents, under the names that the field gives them."""

from __future__ import annotations

import codecs
import re
from typing import Final

_ACCEPTED: Final = frozenset({"utf-8", "ascii", "iso8859-1", "cp1252", "cp1258"})
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,40}\Z")
_BLANKS: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"


def accepted(name: str) -> str:
    """Return the codec of an encoding's name (``utf8`` is ``UTF-8``), empty where it is not accepted."""
    if not _NAME.match(name):
        return ""
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return found if found in _ACCEPTED else ""


def without_lead(data: bytes) -> bytes:
    """Return a document without blank lines and byte order mark before it.

    XML allows nothing before its declaration, but a PHP file that begins with an empty line writes one.
    """
    return data.lstrip(_BLANKS).removeprefix(_BOM).lstrip(_BLANKS)
