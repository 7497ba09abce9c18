"""The message of RFC 9421 and the components that a signature can cover (section 2)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NoReturn
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from lienthong.errors import ProtocolViolation, SignatureInvalid
from lienthong.signing import _fields

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_FLAGS: Final = frozenset({"sf", "bs", "req"})
_STRUCTURED: Final[Mapping[str, str]] = {
    "accept-signature": "dictionary",
    "cache-control": "dictionary",
    "content-digest": "dictionary",
    "priority": "dictionary",
    "repr-digest": "dictionary",
    "signature": "dictionary",
    "signature-input": "dictionary",
    "want-content-digest": "dictionary",
    "want-repr-digest": "dictionary",
}


@dataclass(frozen=True)
class HttpMessage:
    """A request (``method``, ``url``) or a response (``status``), as RFC 9421 sees it.

    ``url`` is the absolute target URI; a server builds it from the scheme and authority under
    which it is reached. ``headers`` are pairs in message order (or a mapping), trailers left out.
    ``request`` is the request that a response answers, for components with ``;req``.
    ``structured`` gives the type (``dictionary``, ``list``, ``item``) of fields to be covered with
    ``;sf`` that this module does not know.
    """

    method: str | None = None
    url: str | None = None
    headers: Sequence[tuple[str, str]] | Mapping[str, str] = ()
    body: bytes = field(default=b"", repr=False)
    status: int | None = None
    request: HttpMessage | None = field(default=None, repr=False)
    structured: Mapping[str, str] = field(default_factory=dict, repr=False)

    def lines(self, name: str) -> list[str]:
        """Return the values of all header lines of a (lower-case) name, in order, trimmed."""
        pairs: Iterable[tuple[str, str]] = (
            self.headers.items() if isinstance(self.headers, Mapping) else self.headers
        )
        return [_trimmed(str(value)) for key, value in pairs if key.lower() == name]

    def header(self, name: str) -> str | None:
        """Return the combined value of a header field (RFC 9110 section 5.2), or ``None``."""
        lines = self.lines(name.lower())
        return ", ".join(lines) if lines else None


@lru_cache(maxsize=1024)
def parse_component(text: str) -> _fields.Item:
    """Read a component as people write it, ``content-digest;req`` or ``@query-param;name="Pet"``.

    Raises :class:`ProtocolViolation` when it is not one.
    """
    name, semicolon, parameters = text.partition(";")
    return component(_fields.parse_item(f'"{name.strip().lower()}"{semicolon}{parameters}'))


def component(item: _fields.Item) -> _fields.Item:
    """Check that an item names a component: a lower-case field name or a derived component."""
    if not isinstance(item.value, str) or not re.fullmatch(r"@?[a-z0-9!#$%&'*+.^_`|~-]+", item.value):
        raise ProtocolViolation("a covered component has no usable name", reason="component")
    return item


def same(item: _fields.Item) -> tuple[object, ...]:
    """Return what makes a component unique: its name and its parameters in any order (section 2)."""
    return (item.value, frozenset((key, type(value), value) for key, value in item.parameters.items()))


def signature_base(message: HttpMessage, covered: _fields.InnerList) -> bytes:
    """Build the bytes that are signed (section 2.5).

    Raises :class:`SignatureInvalid` with ``reason`` ``component`` when one is missing, covered
    twice, or of a kind that is not supported.
    """
    lines, seen = [], set()
    for item in covered.items:
        if same(item) in seen:
            _refuse(item, "is covered twice")
        seen.add(same(item))
        value = component_value(message, item)
        if "\n" in value or "\r" in value or not value.isascii():
            _refuse(item, "has a value with line breaks or beyond ASCII")
        lines.append(f"{_fields.write_member(item)}: {value}")
    lines.append(f'"@signature-params": {_fields.write_member(covered)}')
    return "\n".join(lines).encode()


def component_value(message: HttpMessage, item: _fields.Item) -> str:
    """Return the value of one component (sections 2.1 to 2.4)."""
    name, parameters = str(item.value), dict(item.parameters)
    if "tr" in parameters:
        _refuse(item, "is a trailer, and trailers are not supported")
    for flag in _FLAGS & set(parameters):
        if parameters[flag] is not True:
            _refuse(item, f"has a parameter {flag} with a value")
    if parameters.pop("req", False):
        if message.request is None or message.status is None:
            _refuse(item, "is of the request, which is only known beside a response")
        message = message.request
    produce = _derived if name.startswith("@") else _field
    try:
        return produce(message, name, parameters, item)
    except ValueError:  # a URL that cannot be split, too many query parameters, text beyond Latin-1
        return _refuse(item, "cannot be taken from this message")


def _derived(message: HttpMessage, name: str, parameters: Mapping[str, object], item: _fields.Item) -> str:
    if set(parameters) != ({"name"} if name == "@query-param" else set()):
        _refuse(item, "has parameters that it cannot have")
    if name == "@status":
        if message.status is None or not 100 <= message.status <= 999:
            _refuse(item, "is not there: the message is not a response")
        return str(message.status)
    if message.method is None or message.url is None or message.status is not None:
        _refuse(item, "is not there: the message is not a request")
    if name == "@method":
        return message.method
    if name == "@target-uri":
        return message.url
    url = urlsplit(message.url)
    if not url.scheme or not url.hostname or url.fragment:
        _refuse(item, "cannot be taken from a URL that is not absolute or has a fragment")
    if name == "@query-param":
        return _query_parameter(url.query, parameters["name"], item)
    part = _URL_PARTS.get(name)
    if part is None:
        _refuse(item, "is not a component of RFC 9421")
    return part(url)


def _authority(url: SplitResult) -> str:
    host = (url.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    usual = url.port is None or url.port == _DEFAULT_PORTS.get(url.scheme.lower())
    return host if usual else f"{host}:{url.port}"


_URL_PARTS: Final[Mapping[str, Callable[[SplitResult], str]]] = {
    "@authority": _authority,
    "@scheme": lambda url: url.scheme.lower(),
    "@path": lambda url: url.path or "/",
    "@query": lambda url: f"?{url.query}",
    "@request-target": lambda url: (url.path or "/") + (f"?{url.query}" if url.query else ""),
}


def _query_parameter(query: str, name: object, item: _fields.Item) -> str:
    """Return one query parameter, decoded and encoded again (section 2.2.8)."""
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape", max_num_fields=1000)
    values = [value for key, value in pairs if _percent(key) == name]
    if len(values) != 1:
        _refuse(item, "is not there" if not values else "stands several times in the query")
    return _percent(values[0])


def _percent(text: str) -> str:
    """Percent-encode as application/x-www-form-urlencoded does, with %20 for a space."""
    return quote(text, safe="*", errors="surrogateescape").replace("~", "%7E")


def _field(message: HttpMessage, name: str, parameters: Mapping[str, object], item: _fields.Item) -> str:
    unknown = set(parameters) - {"sf", "key", "bs"}
    if unknown or ("bs" in parameters and len(parameters) > 1):
        _refuse(item, "has parameters that are unknown or exclude each other")
    lines = message.lines(name)
    if not lines:
        _refuse(item, "is not in the message")
    if "bs" in parameters:
        return ", ".join(f":{base64.b64encode(line.encode('latin-1')).decode()}:" for line in lines)
    value = ", ".join(lines)
    try:
        if "key" in parameters:
            member = _fields.parse_dictionary(value).get(str(parameters["key"]))
            if member is None:
                _refuse(item, "is not in the dictionary")
            return _fields.write_member(member)
        return _strict(message, name, value, item) if "sf" in parameters else value
    except ProtocolViolation as error:
        _refuse(item, f"is not a structured field: {error.message}")


def _strict(message: HttpMessage, name: str, value: str, item: _fields.Item) -> str:
    """Serialise a structured field anew (section 2.1.1)."""
    kind = message.structured.get(name) or _STRUCTURED.get(name)
    if kind == "dictionary":
        return _fields.write_dictionary(_fields.parse_dictionary(value))
    if kind == "list":
        return _fields.write_list(_fields.parse_list(value))
    if kind == "item":
        return _fields.write_member(_fields.parse_item(value))
    return _refuse(item, "is a field whose structured type is not known here")


def _trimmed(value: str) -> str:
    """Remove surrounding whitespace and obsolete line folding (section 2.1)."""
    return re.sub(r"[ \t]*\r?\n[ \t]+", " ", value).strip(" \t")


def _refuse(item: _fields.Item, what: str) -> NoReturn:
    name = _fields.write_member(item)
    raise SignatureInvalid(f"the component {name} {what}", where="HTTP signature", reason="component")
