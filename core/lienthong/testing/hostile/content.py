"""Ordinary answers with something wrong inside, by row: for JSON and for XML."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping

from lienthong.testing.hostile.server import Reply
from lienthong.testing.hostile.service import MARKER, HttpService

_BOM = b"\xef\xbb\xbf"
_HTML = "<!DOCTYPE html><html><body><h1>Đăng nhập</h1><form></form></body></html>".encode()
_DEEP = 20_000
#: Places at which a body is cut.
_PLACES = 16

#: What stands in the place of the marker's token, by row and family.
_JSON: Mapping[str, bytes] = {
    "not-utf8": b'"\xff\xfe"',
    "text-in-parts": b'"' + b"".join(b"\\u%04x" % letter for letter in MARKER.encode()) + b'"',
    "duplicate-names": b'"one","twice":1,"twice":2',
    "not-a-number": b"NaN",
    "huge-integer": b"1234567890" * 4,
    "long-fraction": b"0.12345678901234567891",
    "huge-exponent": b"1e999999",
    "lone-surrogate": b'"\\ud800"',
    "deep-nesting": b"[" * _DEEP + b"]" * _DEEP,
}
_XML: Mapping[str, bytes] = {
    "not-utf8": b"\xff\xfe",
    "text-in-parts": b"<!-- ]]> & -->".join(b"<![CDATA[%c]]>" % letter for letter in MARKER.encode()),
    "duplicate-names": b'<x twice="1" twice="2"/>',
    "lone-surrogate": b"&#xD800;",
    "deep-nesting": b"<d>" * _DEEP + b"</d>" * _DEEP,
    "entity-bomb": b"&z;",
    "external-entity": b"&z;",
    "xinclude": b'<i:include xmlns:i="http://www.w3.org/2001/XInclude" parse="text" href="HREF"/>',
}


def answers(name: str, service: HttpService, stranger: str) -> Iterator[Callable[[bytes], Reply]]:
    """Yield the ways in which a row spoils an ordinary body; ``stranger`` is somebody else's URL."""
    if name == "truncated-body":
        for place in range(_PLACES):
            yield lambda body, place=place: _reply(service, body[: len(body) * place // _PLACES])  # type: ignore[misc]
    else:
        yield lambda body: _spoiled(name, service, body, stranger)


def _spoiled(name: str, service: HttpService, body: bytes, stranger: str) -> Reply:
    whole: Mapping[str, Callable[[], Reply]] = {
        "html-page": lambda: Reply(_HTML, "text/html; charset=utf-8"),
        "wrong-charset": lambda: _declared(service, body),
        "byte-order-mark": lambda: _reply(service, _BOM + body),
        "blank-lines": lambda: _reply(service, _led(service, body)),
        "charset-alias": lambda: Reply(body, f"{service.media.partition(';')[0]}; charset=utf8"),
        "compressed-bomb": lambda: _compressed(service, body),
        "huge-field": lambda: _reply(service, _with_field(body, service.largest + 1)),
        "entity-bomb": lambda: _reply(service, _bomb() + _placed(name, service, body)),
        "external-entity": lambda: _reply(service, _outside(stranger) + _placed(name, service, body)),
        "xinclude": lambda: _reply(service, _placed(name, service, body).replace(b"HREF", stranger.encode())),
    }
    if name in whole:
        return whole[name]()
    return _reply(service, _placed(name, service, body))


def _reply(service: HttpService, body: bytes) -> Reply:
    return Reply(body, service.media)


def _declared(service: HttpService, body: bytes) -> Reply:
    if body.isascii():
        raise ValueError("an answer must hold letters beyond ASCII, or no charset is wrong for it")
    return Reply(body, f"{service.media.partition(';')[0]}; charset=utf-16")


def _led(service: HttpService, body: bytes) -> bytes:
    declaration = b'<?xml version="1.0" encoding="UTF-8"?>' if service.family == "xml" else b""
    return b"\r\n\n  " + declaration + _without_declaration(body)


def _compressed(service: HttpService, body: bytes) -> Reply:
    small = gzip.compress(_with_field(body, 8 * service.largest), mtime=0)
    return Reply(small, service.media, headers={"Content-Encoding": "gzip"})


def _with_field(body: bytes, size: int) -> bytes:
    return body.replace(MARKER.encode(), b"x" * size, 1)


def _placed(name: str, service: HttpService, body: bytes) -> bytes:
    """Put a row's piece in the place of the marker; what lacks the marker stays as it is."""
    if service.family == "json":
        return body.replace(f'"{MARKER}"'.encode(), _JSON[name], 1)
    return _without_declaration(body).replace(MARKER.encode(), _XML[name], 1)


def _without_declaration(body: bytes) -> bytes:
    return body.partition(b"?>")[2].lstrip() if body.startswith(b"<?xml") else body


def _bomb() -> bytes:
    levels = ["<!ENTITY a 'lol'>"]
    levels += [f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)]
    return f"<!DOCTYPE bomb [{''.join(levels)}<!ENTITY z '{'&j;' * 10}'>]>".encode()


def _outside(stranger: str) -> bytes:
    system = f"<!ENTITY % p SYSTEM '{stranger}/dtd'>%p;<!ENTITY z SYSTEM '{stranger}/entity'>"
    return f"<!DOCTYPE e [{system}<!ENTITY f SYSTEM 'file:///etc/hostname'>]>".encode()
