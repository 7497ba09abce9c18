"""Requests in SOAP encoding (SOAP 1.1 section 7 and 5): the operation's element, and in it simple values.

Each part says its type (``xsi:type``), as stacks of that time expect. Structs and arrays are not written:
every stack has its own ideas of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lienthong_connectors.soap.arrange import Unfit, checked
from lienthong_connectors.soap.described import Described, Kind
from lienthong_connectors.soap.documents import XSD
from lienthong_connectors.soap.writer import escaped, quoted

_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_STYLES: Final = {
    "1.1": "http://schemas.xmlsoap.org/soap/encoding/",
    "1.2": "http://www.w3.org/2003/05/soap-encoding",
}


def encoded(operation: Described, request: Mapping[str, Any]) -> Iterator[str]:
    """Yield the Body's content, in which the prefix ``soap`` is that of the envelope.

    A part without a value is nil. Raises `Unfit`, naming the part, for a value that does not fit, and for
    one that the operation does not have.
    """
    wrapper = operation.request.body[0]
    space, _, name = (
        wrapper.name[1:].rpartition("}") if wrapper.name.startswith("{") else ("", "", wrapper.name)
    )
    prefix = "m:" if space else ""
    declared = f' xmlns:m="{quoted(space)}"' if space else ""
    kind = operation.kind(wrapper)
    parts = (
        {}
        if kind is None or kind.content is None
        else {one.member: one for one, _ in kind.content.elements()}
    )
    for given in request:
        if given not in parts:
            raise Unfit("the schema has no such member", wrapper.member, given)
    yield (
        f'<{prefix}{name}{declared} xmlns:xsd="{XSD}" xmlns:xsi="{_XSI}" '
        f'soap:encodingStyle="{_STYLES[operation.version]}">'
    )
    for member, part in parts.items():
        inner = operation.kind(part)
        try:
            yield _part(part.name, inner or Kind(text="", base="string"), request.get(member))
        except Unfit as error:
            raise Unfit(error.what, wrapper.member, member) from None
    yield f"</{prefix}{name}>"


def _part(name: str, kind: Kind, value: Any) -> str:
    if value is None:
        return f'<{name} xsi:nil="true"></{name}>'
    text = escaped(checked(kind.text or "", value))
    return f'<{name} xsi:type="xsd:{kind.base or "string"}">{text}</{name}>'
