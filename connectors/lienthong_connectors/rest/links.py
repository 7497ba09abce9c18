"""The ``Link`` header (RFC 8288)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lienthong.errors import ProtocolViolation

_LONGEST_LINK = 8192
_LINK = re.compile(
    r"[\s,]*<([^<>]*)>((?:\s*;\s*[\w!#$%&'*+.^`|~-]+\s*(?:=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s\",;]+))?)*)\s*(?:,|$)"
)
_PARAM = re.compile(r";\s*([\w!#$%&'*+.^`|~-]+)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;]+)))?")


def next_link(header: str) -> str | None:
    """Return the target of the first link whose relation types hold ``next`` (RFC 8288 section 3).

    Raises `ProtocolViolation` for a header that cannot be read to its end.
    """
    for target, params in _links(header):
        # the first rel counts, others must be ignored (section 3.3)
        relations = next((quoted or bare for name, quoted, bare in params if name.lower() == "rel"), "")
        if "next" in relations.lower().strip("'").split():
            return target
    return None


def relations(header: str) -> set[str]:
    """Return all relation types of a header, in lower case; raises as `next_link`."""
    found: set[str] = set()
    for _, params in _links(header):
        found.update(
            *(((quoted or bare).lower().split()) for name, quoted, bare in params if name.lower() == "rel")
        )
    return found


def _links(header: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    place = 0
    if len(header) > _LONGEST_LINK:
        raise ProtocolViolation("the Link header is too long")
    while place < len(header) and header[place:].strip(" \t,"):
        found = _LINK.match(header, place)
        if found is None:
            raise ProtocolViolation("the Link header cannot be read", hint="RFC 8288 says how it is written")
        yield found.group(1), _PARAM.findall(found.group(2))
        place = found.end()
