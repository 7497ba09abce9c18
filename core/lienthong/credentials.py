"""The credentials that this process holds, and texts from outside without them.

Counterparts like to quote what they were sent: "token abc… has expired". Whatever a connection, or a
gateway before it, authenticates with is told here once (`keep`), and cut out by value, whatever form it
comes back in, of every error, reason and log line: those of connectors are made of texts that went through
`hide`, and errors and reasons look once more at what they are made of (`hide_in_ours`).

Values stay in memory. Forms that are known: as it is, whatever its case; percent-encoded, also as a form
field; escaped for JSON, once and twice, and for XML; in base64 and base64url at any place of a longer text,
so that a password is found in a Basic blob; in hexadecimal; its beginning or its end alone, if it was cut.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

HIDDEN: Final = "…"
"""What stands in the place of a credential."""

_SECRET: Final = re.compile("pass|secret|token|key|credential", re.IGNORECASE)
_MOST: Final = 1024
_PASSING: Final = 64
#: Characters below which nothing is cut: such a value is no secret, and stands in every text.
_LEAST: Final = 4
#: Characters below which a value counts only where it stands as a word of its own, written just so.
_SHORT: Final = 6
#: Characters from which a value is cut out of our own sentences, where an ordinary word must stay.
_LONG: Final = 8
_WORD: Final = 12
#: Characters of a beginning or an end that give a longer value away.
_ANCHOR: Final = 12
_ANCHORED: Final = 16


@dataclass(frozen=True, slots=True)
class _Value:
    """A credential: its size, whether it could be a word, its forms; in lower case but for short ones."""

    size: int
    wordlike: bool
    forms: tuple[str, ...]


class _Known:
    """The values of this process, those used last kept longest. Safe among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lasting: OrderedDict[str, _Value | None] = OrderedDict()
        self._passing: OrderedDict[str, _Value | None] = OrderedDict()
        self._ready: tuple[_Value, ...] | None = ()

    def add(self, value: str, *, passing: bool) -> None:
        with self._lock:
            kept, most = (self._passing, _PASSING) if passing else (self._lasting, _MOST)
            if value not in kept:
                kept[value] = self._ready = None
            kept.move_to_end(value)
            if len(kept) > most:
                kept.popitem(last=False)

    def values(self) -> tuple[_Value, ...]:
        """Return all credentials; how they are written is worked out when it is first asked for."""
        ready = self._ready
        if ready is None:
            with self._lock:
                for kept in (self._lasting, self._passing):
                    for value, found in kept.items():
                        kept[value] = found or _value(value)
                both = (*self._lasting.values(), *self._passing.values())
                self._ready = ready = tuple(one for one in both if one is not None)
        return ready


def _value(value: str) -> _Value:
    wordlike = len(value) < _LONG or (len(value) < _WORD and value.isalpha())
    return _Value(len(value), wordlike, tuple(sorted(set(_forms(value)), key=len, reverse=True)))


_known = _Known()


def keep(*values: str, passing: bool = False) -> None:
    """Name credentials, to be cut out of texts from now on; what has less than four characters is none.

    ``passing``: good for one request or a few, such as a hash over the time; only the last are remembered.
    """
    for value in values:
        plain = value.strip().encode("utf-8", "replace").decode()  # half a character has no bytes
        if len(plain) >= _LEAST:
            _known.add(plain, passing=passing)


def keep_address(url: str) -> None:
    """Name the password of an address, and what its query holds that is called a secret."""
    try:
        parts = urlsplit(url)
        keep(unquote(parts.password or ""), parts.password or "")
        given = parse_qsl(parts.query)
    except ValueError:
        return
    keep(*(value for name, value in given if _SECRET.search(name)))


def hide(text: str) -> str:
    """Return somebody else's text with every credential of this process replaced by ``…``."""
    known = _known.values()
    return _cut(text, known, torn=True) if known and text else text


def hide_in_ours(text: str, *, shortest: int = _LONG) -> str:
    """Return one of our own texts without credentials; a password that is an ordinary word stays.

    Such a password (``connection``, ``admin``) would make our own sentences unreadable, and tell by its
    absence what it is. What comes from outside goes through `hide`, which knows no exception. ``shortest``:
    characters of the shortest credential that is looked for.
    """
    known = _known.values()
    if not known or not text:
        return text
    return _cut(text, [one for one in known if one.size >= shortest and not one.wordlike], torn=False)


def _cut(text: str, known: Sequence[_Value], *, torn: bool) -> str:
    low, spans = _lower(text), list[tuple[int, int]]()
    for value in known:
        spans += _spans(text if value.size < _SHORT else low, value.forms, torn=torn)
    spans.sort()
    if not spans:
        return text
    pieces, place = [], 0
    for begin, end in spans:
        if begin >= place:
            pieces += [text[place:begin], HIDDEN]
        place = max(place, end)
    return "".join([*pieces, text[place:]])


def _spans(low: str, forms: tuple[str, ...], *, torn: bool) -> Iterator[tuple[int, int]]:
    for form in forms:
        begin = low.find(form)
        while begin >= 0:
            end = begin + len(form)
            if len(form) >= _SHORT or _alone(low, begin, end):
                yield begin, end
            begin = low.find(form, begin + 1)
        if torn and len(form) >= _ANCHORED:
            yield from _torn(low, form)


def _torn(low: str, form: str) -> Iterator[tuple[int, int]]:
    """Yield where the beginning, or the end, of a form stands without the rest."""
    begin = low.find(form[:_ANCHOR])
    while begin >= 0:
        size = _ANCHOR
        while size < len(form) and low[begin + size : begin + size + 1] == form[size]:
            size += 1
        yield begin, begin + size
        begin = low.find(form[:_ANCHOR], begin + size)
    begin = low.find(form[-_ANCHOR:])
    while begin >= 0:
        size, end = _ANCHOR, begin + _ANCHOR
        while size < min(len(form), end) and low[end - size - 1] == form[-size - 1]:
            size += 1
        yield end - size, end
        begin = low.find(form[-_ANCHOR:], end)


def _alone(low: str, begin: int, end: int) -> bool:
    before, after = low[begin - 1 : begin], low[end : end + 1]
    return not (before.isalnum() or after.isalnum())


def _forms(value: str) -> Iterator[str]:
    """Yield what a value looks like in texts, in lower case."""
    if len(value) < _SHORT:
        yield value
        return
    for plain in {value, unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value)}:
        for written in (plain, *_escaped(plain)):
            yield _lower(written)
        yield plain.encode().hex()
        yield from (written.lower() for written in _in_base64(plain.encode()))


def _lower(text: str) -> str:
    """Return a text of the same length in lower case; a few letters would become two characters."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(lower if len(lower := one.lower()) == 1 else one for one in text)


def _escaped(plain: str) -> Iterator[str]:
    yield quote(plain, safe="")
    yield quote(plain, safe="/")
    yield quote(plain, safe="/:@!$&'()*+,;=-._~")
    yield quote_plus(plain)
    yield quote(quote(plain, safe=""), safe="")
    for ascii_only in (True, False):
        once = json.dumps(plain, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield once.replace("/", "\\/")
        yield json.dumps(once)[1:-1]
    yield html.escape(plain, quote=False)
    yield html.escape(plain)
    yield html.escape(plain).replace("&#x27;", "&#39;")
    yield html.escape(plain).replace("&#x27;", "&apos;")
    yield html.escape(plain, quote=False).replace('"', "&quot;")
    yield plain.replace("'", "''")
    yield " ".join(plain.split())


def _in_base64(data: bytes) -> Iterator[str]:
    """Yield what of a value's base64 is the same whatever stands before and after it."""
    for before in range(3):
        written = base64.b64encode(b"\0" * before + data).decode()
        first = (0, 2, 3)[before]
        cut = (0, 3, 2)[(before + len(data)) % 3]
        inner = written[first : len(written) - cut]
        if len(inner) >= _LONG:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")
            yield quote(inner, safe="")
