"""Schemas that everybody refers to and nobody keeps, aboard: W3C's, OASIS', WS-I's and X-Road's.

A description that imports one of them needs neither a network nor a catalogue. They stand in for what
cannot be had otherwise, by the location that is asked for or by the namespace that is imported, and are no
part of a description's digest, because they are the same for everybody. Sources and licences: NOTICE.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Final

_OASIS: Final = "docs.oasis-open.org/wss"
#: Each file: its namespace, and where else it is looked for (without scheme), the usual place first.
_TABLE: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "xml.xsd": (
        "http://www.w3.org/XML/1998/namespace",
        ("www.w3.org/2001/xml.xsd", "www.w3.org/2001/03/xml.xsd", "www.w3.org/2009/01/xml.xsd"),
    ),
    "xmldsig.xsd": (
        "http://www.w3.org/2000/09/xmldsig#",
        (
            "www.w3.org/TR/xmldsig-core/xmldsig-core-schema.xsd",
            "www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd",
            "www.w3.org/2000/09/xmldsig",
        ),
    ),
    "xmlenc.xsd": (
        "http://www.w3.org/2001/04/xmlenc#",
        (
            "www.w3.org/TR/xmlenc-core/xenc-schema.xsd",
            "www.w3.org/TR/2002/REC-xmlenc-core-20021210/xenc-schema.xsd",
        ),
    ),
    "exc-c14n.xsd": (
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        (
            "www.w3.org/TR/xml-exc-c14n/exc-c14n.xsd",
            "www.w3.org/TR/2002/REC-xml-exc-c14n-20020718/exc-c14n.xsd",
        ),
    ),
    "xmlmime-2005.xsd": ("http://www.w3.org/2005/05/xmlmime", ("www.w3.org/2005/05/xmlmime.xsd",)),
    "xmlmime-2004.xsd": ("http://www.w3.org/2004/11/xmlmime", ("www.w3.org/2004/11/xmlmime.xsd",)),
    "xop-include.xsd": ("http://www.w3.org/2004/08/xop/include", ("www.w3.org/2004/08/xop/include.xsd",)),
    "ws-addressing-1.0.xsd": (
        "http://www.w3.org/2005/08/addressing",
        ("www.w3.org/2006/03/addressing/ws-addr.xsd", "www.w3.org/2005/08/addressing/ws-addr.xsd"),
    ),
    "soap-envelope-1.1.xsd": ("http://schemas.xmlsoap.org/soap/envelope/", ()),
    "soap-encoding-1.1.xsd": ("http://schemas.xmlsoap.org/soap/encoding/", ()),
    "soap-envelope-1.2.xsd": ("http://www.w3.org/2003/05/soap-envelope", ()),
    "wss-secext-1.0.xsd": (f"http://{_OASIS}/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd", ()),
    "wss-utility-1.0.xsd": (f"http://{_OASIS}/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd", ()),
    "wss-secext-1.1.xsd": (
        f"http://{_OASIS}/oasis-wss-wssecurity-secext-1.1.xsd",
        (f"{_OASIS}/v1.1/oasis-wss-wssecurity-secext-1.1.xsd",),
    ),
    "swaref.xsd": (
        "http://ws-i.org/profiles/basic/1.1/xsd",
        ("ws-i.org/profiles/basic/1.1/swaref.xsd", "www.ws-i.org/profiles/basic/1.1/swaref.xsd"),
    ),
    "xroad.xsd": ("http://x-road.eu/xsd/xroad.xsd", ("x-road.ee/xsd/xroad.xsd",)),
    "xroad-identifiers.xsd": ("http://x-road.eu/xsd/identifiers", ("x-road.eu/xsd/identifiers.xsd",)),
    "xroad-representation.xsd": ("http://x-road.eu/xsd/representation.xsd", ()),
}
_BY_NAMESPACE: Final = {namespace: name for name, (namespace, _) in _TABLE.items()}


def _plain(location: str) -> str:
    """Return a location without scheme, fragment and last slash; empty where it has no host."""
    scheme, colon, rest = location.partition("://")
    return rest.partition("#")[0].rstrip("/") if colon and scheme in ("http", "https") else ""


_BY_PLACE: Final = {
    place: name for name, (namespace, places) in _TABLE.items() for place in (_plain(namespace), *places)
}


def aboard(location: str, namespace: str = "") -> bytes | None:
    """Return the schema that is known under a location or, failing that, by its namespace; else None."""
    name = _BY_PLACE.get(_plain(location)) or _BY_NAMESPACE.get(namespace)
    return None if name is None else _read(name)


def place_of(namespace: str) -> str:
    """Return the location of a namespace's schema, empty where it is not aboard."""
    name = _BY_NAMESPACE.get(namespace)
    if name is None:
        return ""
    places = _TABLE[name][1]
    return f"http://{places[0]}" if places else namespace


@lru_cache(maxsize=len(_TABLE))
def _read(name: str) -> bytes:
    return files("lienthong_connectors.soap").joinpath("schemas", name).read_bytes()
