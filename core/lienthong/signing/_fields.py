"""Structured field values for HTTP (RFC 9651, the successor of RFC 8941): what signatures need of them.

Items, inner lists, lists and dictionaries with parameters, over integers, decimals, strings,
tokens, byte sequences and booleans. Dates and display strings (RFC 9651 sections 3.3.7, 3.3.8) are
refused by name. Where the standard lets a parser be lenient (base64), this one is strict.

Python types: ``int``, ``Decimal``, ``str``, :class:`Token`, ``bytes``, ``bool``.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from types import MappingProxyType
from typing import Final, NoReturn, TypeVar

from lienthong.errors import ProtocolViolation

MAX_FIELD: Final = 64 * 1024
"""Longest field value parsed, in characters."""


class Token(str):
    """A token (RFC 9651 section 3.3.4): a word without quotes."""

    __slots__ = ()


BareItem = int | Decimal | str | bytes | bool
"""A value without parameters; a :class:`Token` is a ``str`` too."""

Parameters = Mapping[str, BareItem]
"""Parameters in the order in which they were written."""

_NONE: Final[Parameters] = MappingProxyType({})
_Member = TypeVar("_Member")


@dataclass(frozen=True)
class Item:
    """A value with its parameters (section 3.3)."""

    value: BareItem
    parameters: Parameters = field(default_factory=lambda: _NONE)


@dataclass(frozen=True)
class InnerList:
    """A list of items in parentheses, with parameters of its own (section 3.1.1)."""

    items: tuple[Item, ...]
    parameters: Parameters = field(default_factory=lambda: _NONE)


Member = Item | InnerList
"""A member of a list or dictionary."""


def parse_dictionary(text: str) -> dict[str, Member]:
    """Parse a dictionary (section 4.2.2); the last of several members of one name counts."""
    return _Parser(text).whole(_Parser.dictionary)


def parse_list(text: str) -> list[Member]:
    """Parse a list (section 4.2.1)."""
    return _Parser(text).whole(_Parser.list_)


def parse_item(text: str) -> Item:
    """Parse an item (section 4.2.3). All parsers raise :class:`ProtocolViolation`."""
    return _Parser(text).whole(_Parser.item)


_KEY: Final = re.compile(r"[a-z*][a-z0-9_\-.*]*")
_TOKEN: Final = re.compile(r"[A-Za-z*][A-Za-z0-9:/!#$%&'*+\-.^_`|~]*")
_NUMBER: Final = re.compile(r"-?([0-9]{1,15})(?:\.([0-9]{1,3}))?(?![0-9.])")
_STRING: Final = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BYTES: Final = re.compile(r":([A-Za-z0-9+/=]*):")
_BOOLEAN: Final = re.compile(r"\?([01])")
_SPACES: Final = re.compile(r" *")
_OWS: Final = re.compile(r"[ \t]*")


class _Parser:
    """A cursor over one field value."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_FIELD or not text.isascii():
            raise ProtocolViolation("a structured field is too long or not ASCII", reason="field")
        self.text = text
        self.at = 0

    def whole(self, production: Callable[[_Parser], _Member]) -> _Member:
        self.skip(_SPACES)
        value = production(self)
        self.skip(_SPACES)
        if self.at != len(self.text):
            self.fail("characters after its end")
        return value

    def fail(self, what: str) -> NoReturn:
        raise ProtocolViolation(f"a structured field has {what} at character {self.at}", reason="field")

    def skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def take(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if found is None:
            self.fail(f"no {what}")
        self.at = found.end()
        return found

    def starts(self, character: str) -> bool:
        if self.text.startswith(character, self.at):
            self.at += 1
            return True
        return False

    def list_(self) -> list[Member]:
        members: list[Member] = []
        while self.at < len(self.text):
            members.append(self.member())
            if not self.comma():
                break
        return members

    def dictionary(self) -> dict[str, Member]:
        members: dict[str, Member] = {}
        while self.at < len(self.text):
            key = self.take(_KEY, "key").group()
            value = self.member() if self.starts("=") else Item(True, self.parameters())
            members.pop(key, None)  # the last one counts, and stands where it was written last
            members[key] = value
            if not self.comma():
                break
        return members

    def comma(self) -> bool:
        """Return whether another member must follow."""
        self.skip(_OWS)
        if not self.starts(","):
            return False
        self.skip(_OWS)
        if self.at == len(self.text):
            self.fail("a comma without a member after it")
        return True

    def member(self) -> Member:
        return self.inner_list() if self.text.startswith("(", self.at) else self.item()

    def inner_list(self) -> InnerList:
        self.at += 1
        items: list[Item] = []
        while True:
            self.skip(_SPACES)
            if self.starts(")"):
                return InnerList(tuple(items), self.parameters())
            items.append(self.item())
            if self.text[self.at : self.at + 1] not in {" ", ")"}:
                self.fail("no space or parenthesis")

    def item(self) -> Item:
        return Item(self.bare(), self.parameters())

    def parameters(self) -> Parameters:
        found: dict[str, BareItem] = {}
        while self.starts(";"):
            self.skip(_SPACES)
            key = self.take(_KEY, "key").group()
            value = self.bare() if self.starts("=") else True
            found.pop(key, None)
            found[key] = value
        return MappingProxyType(found)

    def bare(self) -> BareItem:
        first = self.text[self.at : self.at + 1]
        if first == '"':
            return re.sub(r"\\(.)", r"\1", self.take(_STRING, "well-formed string").group(1))
        if first == ":":
            return self.bytes_()
        if first == "?":
            return self.take(_BOOLEAN, "boolean").group(1) == "1"
        if first == "-" or first in set(string.digits):
            return self.number()
        if first in {"@", "%"}:
            self.fail("a date or display string, which is not supported here,")
        return Token(self.take(_TOKEN, "value").group())

    def number(self) -> int | Decimal:
        found = self.take(_NUMBER, "well-formed number")
        whole, fraction = found.groups()
        if fraction is None:
            return int(found.group())
        if len(whole) > 12:
            self.fail("a decimal that is too long")
        return Decimal(found.group())

    def bytes_(self) -> bytes:
        encoded = self.take(_BYTES, "well-formed byte sequence").group(1)
        try:
            decoded = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            self.fail("broken base64")
        if base64.b64encode(decoded).decode() != encoded:
            self.fail("base64 in another than its canonical spelling")
        return decoded


def write_dictionary(members: Mapping[str, Member]) -> str:
    """Serialise a dictionary (section 4.1.2)."""
    return ", ".join(_write_entry(key, member) for key, member in members.items())


def write_list(members: list[Member]) -> str:
    """Serialise a list (section 4.1.1)."""
    return ", ".join(write_member(member) for member in members)


def write_member(member: Member) -> str:
    """Serialise an item or inner list with its parameters (sections 4.1.1.1, 4.1.3)."""
    if isinstance(member, InnerList):
        inside = " ".join(write_member(item) for item in member.items)
        return f"({inside}){write_parameters(member.parameters)}"
    return f"{write_bare(member.value)}{write_parameters(member.parameters)}"


def write_parameters(parameters: Parameters) -> str:
    """Serialise parameters, each with its leading semicolon (section 4.1.1.2)."""
    return "".join(f";{_key(key)}{_write_value(value)}" for key, value in parameters.items())


def write_bare(value: BareItem) -> str:
    """Serialise a value (section 4.1.3.1).

    All writers raise :class:`ProtocolViolation` for what has no form.
    """
    if isinstance(value, bool):
        return "?1" if value else "?0"
    if isinstance(value, bytes):
        return f":{base64.b64encode(value).decode()}:"
    if isinstance(value, Token) and _TOKEN.fullmatch(value):
        return str(value)
    if isinstance(value, str) and not isinstance(value, Token) and re.fullmatch(r"[\x20-\x7e]*", value):
        return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
    if isinstance(value, int) and abs(value) < 10**15:
        return str(value)
    if isinstance(value, Decimal) and abs(value) < 10**12:
        return _write_decimal(value)
    raise ProtocolViolation("a value has no form as a structured field", reason="field")


def _write_decimal(value: Decimal) -> str:
    rounded = value.quantize(Decimal("0.001"), rounding=ROUND_HALF_EVEN)
    if abs(rounded) >= 10**12:
        raise ProtocolViolation("a decimal is too large for a structured field", reason="field")
    whole, _, fraction = f"{rounded:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def _write_entry(key: str, member: Member) -> str:
    if isinstance(member, Item) and member.value is True:
        return f"{_key(key)}{write_parameters(member.parameters)}"
    return f"{_key(key)}={write_member(member)}"


def _write_value(value: BareItem) -> str:
    return "" if value is True else f"={write_bare(value)}"


def _key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ProtocolViolation("a structured field key has a character it must not have", reason="field")
    return key
