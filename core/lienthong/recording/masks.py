"""Stand-ins for personal values: alike in shape, the same for the same value, nobody's.

A stand-in is derived with a key that is thrown away after the recording, from the value without
regard to case: a name in capitals and the same name in everyday letters keep being one person's.
A date stays a date of its year in its form, and one day stays one day in every form. Of a personal
number the digits for century, sex and year of birth stay, so that it still fits the date; it begins
with 063 and a telephone number with 010, which were never given out. Codes of one or two
characters stay: without name, number, day and place they speak of nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

#: Names that speak of a person wherever they stand; compared without accents, case and separators.
WELL_KNOWN = frozenset(
    [
        "hovaten",
        "hoten",
        "hodemten",
        "tennguoinop",
        "tencongdan",
        "fullname",
        "personname",
        "applicantname",
        "ownername",
        "chuhoso",
        "sodinhdanh",
        "sodinhdanhcanhan",
        "socccd",
        "cccd",
        "socmnd",
        "cmnd",
        "sohochieu",
        "personalnumber",
        "identitynumber",
        "citizenid",
        "masothe",
        "masobhxh",
        "insurancenumber",
        "dienthoai",
        "sodienthoai",
        "sdt",
        "phone",
        "phonenumber",
        "mobile",
        "email",
        "thudientu",
        "ngaysinh",
        "ngaythangnamsinh",
        "namsinh",
        "dateofbirth",
        "birthdate",
        "dob",
        "noisinh",
        "quequan",
        "thuongtru",
        "tamtru",
        "noiohientai",
        "diachi",
        "diachinguoinop",
        "address",
        "macanbo",
        "taikhoan",
        "officer",
        "username",
    ]
)
#: Names whose values open doors.
SECRET = frozenset(
    [
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "token",
        "session",
        "password",
        "secret",
        "clientsecret",
        "secretkey",
        "accesskey",
        "clientassertion",
        "apikey",
        "lgspaccesstoken",
        "authhash",
    ]
)
_DATES = (
    (re.compile(r"(\d{4})-(\d\d)-(\d\d)"), "{0:04d}-{1:02d}-{2:02d}", (0, 1, 2)),
    (re.compile(r"(\d\d)/(\d\d)/(\d{4})"), "{2:02d}/{1:02d}/{0:04d}", (2, 1, 0)),
    (re.compile(r"(\d{4})(\d\d)(\d\d)"), "{0:04d}{1:02d}{2:02d}", (0, 1, 2)),
)
_YEAR = re.compile(r"(19|20)\d\d")
_MAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_NUMBERS = re.compile(r"(?<![\w.-])(?:\d{12}|\d{9}|0\d{9})(?![\w.-])")
_SHORTEST = 4
_CODE = 2
_HIDDEN = "masked"


class Masks:
    """Replaces what must not be shown, and counts what it replaced by name.

    ``names`` are personal field names on top of `WELL_KNOWN`, ``known`` those that are known not to be.
    """

    def __init__(self, names: Iterable[str] = (), *, known: Iterable[str] = ()) -> None:
        self._key = secrets.token_bytes(32)
        self._names = {plain(name) for name in names}
        self._known = {plain(name) for name in known} - self._names
        self._secret: list[str] = []
        self._today = datetime.now(UTC).date()
        self._seen: dict[str, str] = {}
        self.replaced: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()

    def hide(self, values: Iterable[str]) -> None:
        """Let values stand nowhere any more, wherever they come."""
        found = {*self._secret, *(text for text in values if len(text) >= _SHORTEST)}
        self._secret = sorted(found, key=len, reverse=True)

    def is_personal(self, name: str) -> bool:
        """Tell whether a member of that name is replaced."""
        bare = plain(name)
        return bare in self._names or (bare in WELL_KNOWN and bare not in self._known)

    def leaf(self, name: str, value: Any, *, within: bool = False) -> Any:
        """Return what stands for a value under a name; ``within``: something around it is personal."""
        if value is None or isinstance(value, bool) or len(str(value)) <= _CODE:
            return value
        if plain(name) in SECRET:
            self.replaced[name] += 1
            return f"{_HIDDEN}-{self._digest(str(value)).hex()[:12]}"
        if within or self.is_personal(name):
            self.replaced[name] += 1
            return self._stand_in(value)
        self.kept[name] += 1
        return self.free(value) if isinstance(value, str) else self._seen_as(value)

    def free(self, text: str) -> str:
        """Return a text without secrets, values that were replaced elsewhere, numbers of persons, mail."""
        for word in self._secret:
            text = text.replace(word, _HIDDEN)
        known = self._seen.get(_folded(text))
        if known is not None:
            return _cased(text, known)
        text = _NUMBERS.sub(lambda found: str(self._stand_in(found.group())), text)
        return _MAIL.sub(lambda found: str(self._stand_in(found.group())), text)

    def _seen_as(self, value: Any) -> Any:
        known = self._seen.get(str(value))
        return type(value)(known) if known is not None and isinstance(value, int) else value

    def _stand_in(self, value: Any) -> Any:
        if isinstance(value, int):
            return int(str(self._stand_in(str(abs(value))))) * (1 if value >= 0 else -1)
        if isinstance(value, float):
            return float(self._digest(str(value))[0])
        text = str(value)
        made = self._dated(text) or self._numbered(text) or self._lettered(text)
        if len(text) >= _SHORTEST:
            self._seen[_folded(text)] = made
        return made

    def _dated(self, text: str) -> str:
        """Return another day in the same form, what stands behind it kept; empty for what is no day."""
        for form, shape, order in _DATES:
            found = form.match(text)
            if found is None or text[found.end() : found.end() + 1].isdigit():
                continue
            parts = [int(found.group(place + 1)) for place in order]
            try:
                day = datetime(parts[0], parts[1], parts[2])
            except ValueError:
                continue
            other = day.replace(month=1, day=1)
            later = other + timedelta(days=int.from_bytes(self._digest(f"{day:%Y-%m-%d}")[:4]) % 365)
            other = later if later.date() < self._today else other
            return shape.format(other.year, other.month, other.day) + text[found.end() :]
        return text if _YEAR.fullmatch(text) else ""

    def _numbered(self, text: str) -> str:
        """Return a number or address that nobody has; empty for other texts."""
        digits = "".join(str(byte % 10) for byte in self._digest(_folded(text)))
        if _MAIL.fullmatch(text):
            return f"congdan{digits[:8]}@example.com"
        if not text.isascii() or not text.isdigit():
            return ""
        if len(text) == 12:
            return f"063{text[3:6]}{digits[:6]}"
        if len(text) == 10 and text[0] == "0":
            return f"010{digits[:7]}"
        return str(int(digits[0]) % 9 + 1) + digits[1 : len(text)] if len(text) <= len(digits) else ""

    def _lettered(self, text: str) -> str:
        stream = self._digest(_folded(text), len(text))
        return "".join(_like(char, byte) for char, byte in zip(text, stream, strict=True))

    def _digest(self, text: str, size: int = 32) -> bytes:
        seed = hmac.digest(self._key, text.encode(), "sha256")
        return hashlib.shake_256(seed).digest(size)


def plain(name: str) -> str:
    """Return a name as names are compared: no accents, no case, no separators, no namespace."""
    bare = name.rpartition("}")[2].rpartition(":")[2]
    text = unicodedata.normalize("NFD", bare.replace("Đ", "D").replace("đ", "d"))
    return re.sub(r"[^a-z0-9]", "", "".join(c for c in text if not unicodedata.combining(c)).lower())


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _like(char: str, byte: int) -> str:
    if char.isdigit():
        return str(byte % 10)
    if char.isalpha():
        letter = "abcdefghiklmnopqrstuvxy"[byte % 23]
        return letter.upper() if char.isupper() else letter
    return char


def _cased(text: str, other: str) -> str:
    """Give a stand-in the capitals of the text that it stands for."""
    if len(text) != len(other):
        return other
    return "".join(
        two.upper() if one.isupper() else two.lower() if one.islower() else two
        for one, two in zip(text, other, strict=True)
    )
