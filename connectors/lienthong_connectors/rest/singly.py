"""What one record puts into headers and body where it does not travel as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lienthong.errors import Misconfigured, RequestRejected
from lienthong_connectors.rest.paths import as_text, at, fill

_HEADER = re.compile(r"[!-~]([ !-~]{0,1998}[!-~])?")


def record_headers(template: Mapping[str, str], names: Mapping[str, Any], *, where: str) -> dict[str, str]:
    """Return headers with what ``$record``, ``$key`` and the like stand for.

    Raises `RequestRejected` where a record has no such value, or one that cannot be a header (RFC
    9110 section 5.5: one line of visible ASCII here): the record is refused, its value is not shown.
    """
    try:
        filled = {name: as_text(value) for name, value in fill(template, names).items()}
    except Misconfigured as error:
        if "record" not in names:
            raise
        raise RequestRejected(error.message, where=where, hint="repair the record") from None
    for name, value in filled.items():
        if value != template[name] and not _HEADER.fullmatch(value):
            raise RequestRejected(
                f"the record's value for header {name!r} cannot be a header",
                where=where,
                hint="a header holds one line of ASCII text; repair the record, or map the field",
            )
    return filled


def record_text(record: Any, path: str, *, where: str) -> bytes:
    """Return the text at a path as the whole body; raise `RequestRejected` where there is none."""
    found = at(record, path)
    if not isinstance(found, str) or not found:
        raise RequestRejected(
            f"the record has no text at {path!r}, which is to be the body",
            where=where,
            hint="repair the record",
        )
    return found.encode()
