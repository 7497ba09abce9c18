"""Functions that mappings of this package call by name."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def hotich_xml(content: dict[str, Any]) -> str:
    """Return registry fields as the text ``<hotich><hoso>…</hoso></hotich>`` of the civil status system.

    ``content`` maps field names to texts; empty ones are left out. `ValueError` where a name cannot
    be an element's name or a text holds a character that XML cannot carry.
    """
    parts = []
    for name, text in content.items():
        if text is None or text == "":
            continue
        if not _NAME.fullmatch(name) or not isinstance(text, str) or _FORBIDDEN.search(text):
            raise ValueError("a field cannot be written as XML")
        parts.append(f"<{name}>{escape(text)}</{name}>")
    if not parts:
        raise ValueError("no field at all")
    return f"<hotich><hoso>{''.join(parts)}</hoso></hotich>"
