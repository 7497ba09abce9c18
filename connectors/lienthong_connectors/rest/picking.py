"""What a page says of the next one, at a path: a link, a cursor, that there is none, or nothing at all.

A path may select by relation out of a list of links, as FHIR (R4, ``link[relation=next].url``), OGC API and
STAC (``links[rel=next].href``) give them; the form of JSONPath (RFC 9535), ``$.link[?(@.rel=='next')].url``,
is read alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from lienthong.errors import InvalidExchange, ProtocolViolation
from lienthong_connectors.rest.paths import MISSING, as_text, at

_FILTER: Final = re.compile(r"\[\?\s*\(?\s*@\.([^\s=\]]+)\s*==?\s*['\"]([^'\"]*)['\"]\s*\)?\s*\]")
_STEP: Final = re.compile(r"(?P<name>[^\[]*)(?:\[(?P<attribute>[^=\]]+)=(?P<value>[^\]]*)\])?\Z")
_RELATIONS: Final = frozenset({"self", "first", "last", "prev", "previous"})
#: Members that their standards leave out of the last page, and so of the only one: OData JSON 4.01 section
#: 4.5.5, Google AIP-158, OAI-PMH 2.0 section 3.5, ArcGIS REST (query).
_LEFT_OUT: Final = frozenset(
    {"@odata.nextLink", "odata.nextLink", "nextPageToken", "resumptionToken", "exceededTransferLimit"}
)


class Picked(NamedTuple):
    """``none``: the page says that nothing follows; ``absent``: it says nothing, ``members`` are there.

    ``number`` is the value where it is a whole number: in a body it is given back as one.
    """

    kind: Literal["value", "none", "absent"]
    value: str = ""
    members: tuple[str, ...] = ()
    number: int | None = None


_NONE: Final = Picked("none")


def plain_path(path: str) -> str:
    """Return a path with JSONPath's filters in the short form."""
    return _FILTER.sub(lambda found: f"[{found[1]}={found[2]}]", path.removeprefix("$.").removeprefix("$"))


def picked(value: Any, path: str, *, where: str = "") -> Picked:
    """Return what a page holds at a path.

    Null, false and an empty text are ``none``, and so are a list of links without this relation and a member
    that its standard leaves out. Raises `ProtocolViolation` for what is neither a scalar nor a link object.
    """
    found = _plain(value, path)
    if found is MISSING:
        found = _walked(value, plain_path(path))
    return found if isinstance(found, Picked) else _scalar(found, path, where)


def _plain(value: Any, path: str) -> Any:
    """Return what lies at a path without a filter; names that hold dots are quoted (`lienthong.paths`)."""
    try:
        return at(value, path)
    except InvalidExchange:
        return MISSING


def _walked(value: Any, path: str) -> Any:
    """Return what a path leads to, or what it means that it leads nowhere."""
    if isinstance(value, Mapping) and path in _LEFT_OUT:
        return _missing(value, path)
    for step in _steps(path):
        match = _STEP.match(step)
        name, attribute = (match["name"], match["attribute"]) if match else (step, None)
        if name == "_text" and (value is None or isinstance(value, str)):
            continue  # an XML element without attributes is its text
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, Mapping) and name in value:
            value = value[name]
        elif name:
            return _missing(value, name)
        if attribute and match is not None:
            value = _related(value, attribute, match["value"])
        if isinstance(value, Picked) or value is None:
            return value if value is not None else _NONE
    return value


def _steps(path: str) -> list[str]:
    """Part a path at its dots, but not inside brackets."""
    return re.findall(r"(?:[^.\[]|\[[^\]]*\])+", path)


def _missing(value: Any, name: str) -> Picked:
    """Say what it means that a member is not there: left out as agreed, or never there."""
    if isinstance(value, list):
        return Picked("absent", members=("a list: choose by relation, as in link[relation=next].url",))
    names = tuple(map(str, value)) if isinstance(value, Mapping) else ()
    misspelt = any(one.lower() == name.lower() for one in names)
    left_out = name in _LEFT_OUT or (name == "next" and _RELATIONS & set(names)) or name == "_text"
    return _NONE if left_out and names and not misspelt else Picked("absent", members=names)


def _related(links: Any, attribute: str, wanted: str) -> Any:
    """Return the first link of a relation; links without it say that there is none where it is ``next``."""
    if isinstance(links, Mapping):
        links = [links]  # XML: a list of one
    if not isinstance(links, list):
        return Picked("absent")
    known = [link for link in links if isinstance(link, Mapping) and attribute in link]
    for link in known:
        relation = link[attribute]
        several = relation if isinstance(relation, list) else str(relation).split()
        if wanted in several or relation == wanted:
            return link
    names = tuple(f"{attribute}={as_text(link[attribute])}" for link in known)
    return _NONE if known and wanted.lower() == "next" else Picked("absent", members=names)


def _scalar(found: Any, path: str, where: str) -> Picked:
    if isinstance(found, Mapping):
        inner = next((found[name] for name in ("href", "_text") if name in found), MISSING)
        found = found if inner is MISSING else inner
    if found is None or found is False or found == "":
        return _NONE
    text = "" if found is True else as_text(found).strip()
    if not text:
        raise ProtocolViolation(
            f"what leads to the next page, at {path!r}, is neither a text nor null",
            where=where,
            hint="check the paging of the settings: give the path of the link or cursor itself",
        )
    return Picked("value", text, number=found if type(found) is int else None)
