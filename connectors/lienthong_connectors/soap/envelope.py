"""Envelopes: header blocks and a Body, written whole or as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from lienthong.errors import Misconfigured, Reason, Refused
from lienthong.paths import names
from lienthong_connectors.soap.arrange import Unfit, below, wrong
from lienthong_connectors.soap.described import ANY, Described, Element, Message
from lienthong_connectors.soap.encoded_out import encoded
from lienthong_connectors.soap.template import leaves
from lienthong_connectors.soap.writer import Markup, Scope, Writer

NAMESPACES: Final = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
"""Envelope namespace by SOAP version."""

WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_PIECE: Final = 1 << 16


def plain(name: str, namespace: str, action: str, version: str) -> Described:
    """Return an operation without a WSDL: members become elements of the namespace in their order."""
    tag = f"{{{namespace}}}{name}" if namespace else name
    request = Message((Element(tag, name, ANY),))
    return Described(name, version, "document", action, action, request, Message())


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope ready to be written: header blocks, and the Body's content as often as it is needed.

    ``listed`` tells whether a list is made on the way, so that the content may be of any length.
    """

    version: str
    blocks: tuple[Markup, ...]
    content: Callable[[], Iterator[str]] = field(repr=False)
    listed: bool = False

    @property
    def space(self) -> str:
        """Namespace of the SOAP version."""
        return NAMESPACES[self.version]

    def header(self) -> str:
        """Return the Header, which declares its own namespaces, empty where there are no blocks."""
        if not self.blocks:
            return ""
        return f'<soap:Header xmlns:soap="{self.space}">{"".join(self.blocks)}</soap:Header>'

    def beside(self, blocks: Iterable[str]) -> Envelope:
        """Return the same envelope with further header blocks, written already."""
        return replace(self, blocks=(*self.blocks, *map(Markup, blocks)))

    def body(self, identity: str = "") -> Iterator[bytes]:
        """Yield the Body in its exclusive canonical form; ``identity`` is its wsu:Id."""
        named = f' xmlns:wsu="{WSU}" wsu:Id="{identity}"' if identity else ""
        yield from _encoded(f'<soap:Body xmlns:soap="{self.space}"{named}>', self.content(), "</soap:Body>")

    def around(self, header: str, body: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the whole envelope with this Header and this Body, as UTF-8."""
        yield _DECLARATION + f'<soap:Envelope xmlns:soap="{self.space}">{header}'.encode()
        yield from body
        yield b"</soap:Envelope>"


def compose(operation: Described, request: Mapping[str, Any], headers: Mapping[str, Any]) -> Envelope:
    """Return the envelope of a request; ``headers`` maps Clark names to texts, mappings or `Markup`.

    A header's mapping may say ``@mustUnderstand``, ``@role`` (or ``@actor``, which is the same) and
    ``@relay``. Raises `Refused` where header blocks
    cannot be written; where the Body cannot, `Envelope.body` does.
    """
    space = NAMESPACES[operation.version]
    prefixes = {space: "soap"} | ({} if operation.kinds else _default(operation))
    writer = Writer(operation.kinds, prefixes)
    scope: Scope = frozenset({space})
    parts = _parts(operation, request)

    def pieces() -> Iterator[str]:
        if operation.encoded:
            yield from encoded(operation, request)
        else:
            for element, value in parts:
                yield from writer.pieces(element, value, scope)

    def content() -> Iterator[str]:
        try:
            yield from pieces()
        except Unfit as error:
            raise unfit(error.path[1:], error.what) from None

    try:
        blocks = tuple(Markup(_block(operation, writer, name, value)) for name, value in headers.items())
    except Unfit as error:
        raise unfit(error.path, error.what) from None
    return Envelope(operation.version, blocks, content, any(writer.listed(value) for _, value in parts))


def check_members(operation: Described, members: frozenset[str]) -> None:
    """Raise `Misconfigured`, naming the member, where a request names what the operation has not."""
    for path in sorted(members):
        found = _wrong(operation, list(names(path)))
        if found is not None:
            part, there = found
            raise Misconfigured(
                f"operation {operation.name!r} has no member {part!r}",
                where=f"option request, {path}",
                hint=f"there is: {', '.join(there) or 'nothing below'}",
            )


def check_headers(operation: Described, headers: Mapping[str, Any], provided: frozenset[str]) -> None:
    """Raise `Misconfigured` where headers are not those that the WSDL declares (soap:header).

    ``provided`` are the namespaces of headers that others write. Further headers may be given.
    """
    for element in operation.request.headers:
        if element.name not in headers:
            if element.name[1:].partition("}")[0] not in provided:
                raise Misconfigured(
                    f"operation {operation.name!r} wants the header {element.name}",
                    where="option soap_headers",
                    hint="the WSDL declares it with soap:header",
                )
            continue
        value = headers[element.name]
        for path in leaves(value) if isinstance(value, Mapping) else ():
            if path.startswith("@"):
                continue
            found = _walk(operation, element, list(names(path)))
            if found is not None:
                raise Misconfigured(
                    f"the header {element.name} has no member {found[0]!r}",
                    where=f"option soap_headers, {path}",
                    hint=f"there is: {', '.join(found[1]) or 'nothing below'}",
                )


def unfit(path: tuple[str, ...], what: str) -> Refused:
    """Return the refusal of a record from which no request can be made."""
    member = f" ({'.'.join(path)})" if path else ""
    reason = Reason(
        "",
        "target.request",
        f"không lập được thông điệp từ bản ghi{member}",
        f"no request can be made of this record: {what}{member}",
    )
    return Refused(f"no request can be made: {what}{member}", reasons=(reason,))


def _default(operation: Described) -> dict[str, str]:
    """Return the one namespace of a request without a WSDL, in which every element stands."""
    name = operation.request.body[0].name
    return {name[1:].partition("}")[0]: ""} if name.startswith("{") else {}


def _parts(operation: Described, request: Mapping[str, Any]) -> list[tuple[Element, Any]]:
    """Return the Body's elements with their values: one takes the whole request, several by name."""
    body = operation.request.body
    if len(body) == 1:
        return [(body[0], request)]
    return [(element, request.get(element.member)) for element in body]


def _block(operation: Described, writer: Writer, name: str, value: Any) -> str:
    """Write one header block, with the attributes that SOAP gives it."""
    space = NAMESPACES[operation.version]
    declared = (one for one in operation.request.headers if one.name == name)
    element = next(declared, None) or Element(name, name, ANY)
    if isinstance(value, Mapping):
        words = _WORDS[operation.version]
        named = {words.get(str(key), str(key)): one for key, one in value.items()}
        value = {
            (f"@{{{space}}}{key[1:]}" if key[1:] in _OWN else key): _flag(key, one, operation.version)
            for key, one in named.items()
            if not (key[1:] in _FLAGS and one in _OFF)
        }
    return writer.text(element, value, frozenset({space}))


_OWN: Final = frozenset({"mustUnderstand", "actor", "role", "relay"})
_FLAGS: Final = frozenset({"mustUnderstand", "relay"})
_OFF: Final = (False, 0, "0", "false")
_WORDS: Final = {"1.1": {"@role": "@actor"}, "1.2": {"@actor": "@role"}}


def _flag(key: str, value: Any, version: str) -> Any:
    if key[1:] not in _FLAGS:
        return value
    return "1" if version == "1.1" else "true"


def _wrong(operation: Described, path: list[str]) -> tuple[str, list[str]] | None:
    body = operation.request.body
    if len(body) == 1:
        return _walk(operation, body[0], path)
    named = {element.member: element for element in body}
    if path[0] not in named:
        return path[0], sorted(named)
    return _walk(operation, named[path[0]], path[1:])


def _walk(operation: Described, element: Element, path: list[str]) -> tuple[str, list[str]] | None:
    number = element.kind
    while path and number != ANY:
        kind = operation.kinds[number]
        found = wrong(kind, path)
        if found is not None:
            return found
        number, path = below(kind, path[0]), path[1:]
    return None


def _encoded(start: str, content: Iterator[str], end: str) -> Iterator[bytes]:
    """Gather small pieces into large ones."""
    held, size = [start], 0
    for piece in content:
        held.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield "".join(held).encode()
            held, size = [], 0
    yield "".join([*held, end]).encode()
