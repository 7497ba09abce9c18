"""JSON answers read strictly: what I-JSON (RFC 7493) cannot carry exactly is not guessed at."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from lienthong.errors import ProtocolViolation
from lienthong.records import fraction

if TYPE_CHECKING:
    from lienthong_connectors.http.transport import Reply

_BOM = b"\xef\xbb\xbf"
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789.E", b"0000000000e")
# a double holds any number of 15 digits, orjson any integer of 18; a point counts as a digit here
_LONG = b"0" * 16
_SMALL = b"0e-000"
_FINE = re.compile(rb"(?:^|[:\[,])\s*-?(?=[0-9.]{16})(?:[0-9]{19}|[0-9]*\.|[0-9]+[eE])|[0-9][eE]-[0-9]{3}")
_TYPE = re.compile(r"\s*([\w.+-]+/[\w.+-]+)\s*(?:;|$)")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w:.-]+)", re.IGNORECASE)
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class Decoded(NamedTuple):
    """A JSON value, and bytes that stand for it (compact, save for values orjson cannot hold)."""

    value: Any
    data: bytes


def decode_reply(reply: Reply, content_types: tuple[str, ...], *, where: str) -> Decoded:
    """Return the JSON value of an answer, and its bytes.

    Raises `ProtocolViolation` where the content type is not among ``content_types`` (``+json``
    types always are), the declared charset is not UTF-8 (RFC 8259 section 8.1) while the body is
    not plain ASCII, or the body is not JSON.
    """
    declared = reply.header("Content-Type")
    if not reply.body.strip():
        raise ProtocolViolation(
            f"the answer is empty ({reply.status}), where JSON was expected",
            where=where,
            hint="check path and method, and what the service says where it has nothing",
        )
    charset = check_type(declared, content_types, "+json", where=where)
    if charset and not reply.body.isascii():
        check_utf8(charset, where=where)
    return decode(reply.body, where=where)


def check_type(declared: str, content_types: tuple[str, ...], suffix: str, *, where: str) -> str:
    """Return the charset that a Content-Type declares (lower case), empty where it declares none.

    Raises `ProtocolViolation` for a type that is neither among ``content_types`` nor ends in
    ``suffix``. An absent type is taken for the right one.
    """
    if not declared:
        return ""
    found = _TYPE.match(declared.lower())
    kind = found.group(1) if found else ""
    if kind not in content_types and not kind.endswith(suffix):
        raise ProtocolViolation(
            f"the answer is {kind or 'of no readable type'}, not {' or '.join(content_types)}",
            where=where,
            hint="a login page or a gateway's error page? Else name the type in content_types",
        )
    charset = _CHARSET.search(declared)
    return charset.group(1).lower() if charset else ""


def check_utf8(charset: str, *, where: str) -> None:
    """Raise `ProtocolViolation` for a charset that is not UTF-8."""
    if charset and charset not in _UTF8:
        raise ProtocolViolation(
            f"the answer is declared as {charset}", where=where, hint="JSON travels in UTF-8 (RFC 8259)"
        )


def decode(data: bytes, *, where: str = "") -> Decoded:
    """Return a JSON value and its compact bytes; a byte order mark is passed over.

    Raises `ProtocolViolation` for malformed text, NaN, lone surrogates and names that stand twice
    in one object. Integers keep all their digits, whatever their size, and a fraction that no double
    says exactly is a `Decimal`, which has no canonical bytes: it is for a field that takes decimals.

    orjson keeps the last of two equal names, turns integers beyond 64 bits into floats and rounds
    fractions. All leave a trace: the value written again differs from what was read. Only then the
    slow, exact parser is asked.
    """
    data = data.removeprefix(_BOM)
    try:
        value = orjson.loads(data)
        written = orjson.dumps(value)
        if _faithful(data, written):
            return Decoded(value, written)
        return Decoded(_exactly(data), data)
    except (ValueError, TypeError, RecursionError) as error:  # TypeError: orjson, written again too deep
        place = getattr(error, "pos", None)
        raise ProtocolViolation(
            "the answer is not JSON that can be read exactly" + (f" (at character {place})" if place else ""),
            where=where,
            hint="was it cut? RFC 8259 and RFC 7493 say what is allowed",
        ) from None


def _faithful(read: bytes, written: bytes) -> bool:
    """Tell whether nothing can have been lost between the bytes read and the value written again."""
    if read == written:
        return True
    # every name and every text is two quotes, inner ones stand escaped on both sides
    if read.count(b'"') != written.count(b'"') or b"\\u0022" in read:
        return False
    zeros = read.translate(_DIGITS_TO_ZERO)
    return (_LONG not in zeros and _SMALL not in zeros) or _FINE.search(read) is None


def _exactly(data: bytes) -> Any:
    return json.loads(data, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=fraction)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
