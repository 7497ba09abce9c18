"""Plausible values for a JSON Schema: Vietnamese persons and places where a name says so, else by type.

Every person is one of `lienthong_sandbox.people`, who do not exist. The same seed makes the same values.
"""

from __future__ import annotations

import base64
import random
import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from lienthong.datasets.dates import date_format
from lienthong_connectors.openapi.resolving import Resolver, merged
from lienthong_sandbox.made.patterns import matching
from lienthong_sandbox.people import SEED, Person, person
from lienthong_sandbox.times import VN

Schema = Mapping[str, Any]
_PEOPLE = 900_000
_DEEPEST, _OUTER = 12, 2
_VALUES, _BEYOND = 1000, 200
"""How many values an item of an outer list may have, and how many more what must be there."""
_WIDE = 1_000_000
_FORMS = {
    "date": r"^\d{4}-\d{2}-\d{2}$",
    "date-time": r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$",
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
}
_FIRST_DAY = date(2025, 7, 1)

#: What a member's name says of its value; names are compared without accents, case and separators.
_BY_NAME: tuple[tuple[str, Callable[[Person], str]], ...] = (
    (r"(hovaten|hoten|fullname|tencongdan|nguoinop|applicantname|personname)$", lambda p: p.name),
    (r"(sodinhdanh(canhan)?|socccd|cccd|personalnumber|identitynumber|citizenid)$", lambda p: p.number),
    (r"(dienthoai|sodienthoai|sdt|phone(number)?|mobile|telno)$", lambda p: p.phone),
    (r"(email|thudientu|mail)$", lambda p: p.email),
    (r"(ngaysinh|ngaythangnamsinh|dateofbirth|birthdate|dob)$", lambda p: p.born.isoformat()),
    (r"(diachi|noiohientai|thuongtru|address)$", lambda p: p.street),
    (r"(maphuongxa|maxa|mapx|communecode)$", lambda p: p.commune),
    (r"(matinh|matinhthanh|provincecode)$", lambda _: "52"),
    (r"^ho$|familyname$|lastname$|surname$", lambda p: p.family),
    (r"^(chudem|tendem|middlename)$", lambda p: p.middle),
    (r"^(ten|givenname|firstname)$", lambda p: p.given),
    (r"(dantoc|ethnicity)$", lambda p: p.ethnicity),
    (r"(tongiao|religion)$", lambda p: p.religion),
    (r"(nhommau|bloodgroup)$", lambda p: p.blood),
    (r"(gioitinh|gender|sex)$", lambda p: str(p.gender)),
    (r"(tinhtranghonnhan|maritalstatus)$", lambda p: str(p.marital)),
    (r"(quoctich|nationality)$", lambda _: "VN"),
    (r"(hocha|tencha|fathername)$", lambda p: p.father),
    (r"(tenme|mothername)$", lambda p: p.mother),
)


class Maker:
    """Makes values for schemas of one document; ``root`` resolves its local references.

    ``fixed`` gives members by name a value of the caller's choice, ``rows`` is how many items lists
    have, ``optional`` the share of members that come although they need not.
    """

    def __init__(
        self,
        root: Schema,
        *,
        seed: int = SEED,
        fixed: Mapping[str, Any] | None = None,
        rows: int = 3,
        optional: float = 0.8,
    ) -> None:
        self._resolver = Resolver(root)
        self._rng, self._fixed = random.Random(seed), dict(fixed or {})
        self._rows, self._optional = rows, optional
        self._left, self._lists = _VALUES, 0
        self._person = self._someone()

    def record(self, schema: Any) -> Any:
        """Return a value about another person than the one before."""
        self._person, self._left = self._someone(), _VALUES
        return self.value(schema)

    def value(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """Return a value that the schema allows, as far as its keywords are known here."""
        schema = self.resolved(schema)
        if not depth:
            self._left = _VALUES
        self._left -= 1
        if name in self._fixed:
            return self._fixed[name]
        if "const" in schema:
            return schema["const"]
        for word in ("example", "default"):
            if word in schema and _told(schema[word], schema):
                return schema[word]
        if schema.get("enum"):
            return self._rng.choice(schema["enum"])
        for word in ("oneOf", "anyOf"):
            if schema.get(word):
                rest = {key: item for key, item in schema.items() if key != word}
                return self.value(merged(rest, self.resolved(schema[word][0])), name, depth + 1)
        return self._typed(schema, name, depth)

    def resolved(self, schema: Any) -> dict[str, Any]:
        """Return a schema with its own reference and ``allOf`` put in place."""
        return self._resolver.schema(schema)

    def _typed(self, schema: Schema, name: str, depth: int) -> Any:
        kind = schema.get("type") or ("object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((item for item in kind if item != "null"), "null")
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer" | "number":
                return self._number(schema, name, whole=kind == "integer")
            case "boolean":
                return self._rng.random() < 0.5
            case "null":
                return None
        return self._string(schema, name)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        needed = set(schema.get("required", ()))
        made: dict[str, Any] = {}
        if depth > 2 * _DEEPEST or self._left < -_BEYOND:
            return made
        for name, part in schema.get("properties", {}).items():
            wanted = name in needed or name in self._fixed or (self._many(part) and depth < _DEEPEST)
            if wanted or (depth < _DEEPEST and self._left > 0 and self._rng.random() < self._optional):
                made[name] = self.value(part, name, depth + 1)
        return made

    def _many(self, part: Any) -> bool:
        return "items" in part if isinstance(part, Mapping) else False

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        low, high = int(schema.get("minItems", 0)), int(schema.get("maxItems", 1 << 30))
        count = 0 if depth >= _DEEPEST else min(max(low, self._rows), high)
        made: list[Any] = []
        while len(made) < count and (len(made) < low or not self._lists or self._left > 0):
            made.append(self._item(schema.get("items", {}), name, depth))
        return made

    def _item(self, schema: Any, name: str, depth: int) -> Any:
        """Return an item of a list, which is about a person of its own."""
        before, self._person = self._person, self._someone()
        left, self._lists = self._left, self._lists + 1
        if self._lists == 1 and depth <= _OUTER:
            self._left = _VALUES
        try:
            return self.value(schema, name, depth + 1)
        finally:
            self._person, self._lists = before, self._lists - 1
            if not self._lists and depth <= _OUTER:
                self._left = left

    def _number(self, schema: Schema, name: str, *, whole: bool) -> int | float:
        plain = _plain(name)
        told = next((make(self._person) for words, make in _BY_NAME if re.search(words, plain)), "")
        if whole and told.isdecimal() and float(schema.get("maximum", 9e9)) >= int(told):
            return int(told)
        low = float(schema.get("minimum", schema.get("exclusiveMinimum", 0)))
        high = float(schema.get("maximum", schema.get("exclusiveMaximum", max(low, 0) + 1000)))
        if low < 0 < high:
            low = 0.0  # amounts and counts are what integers mostly are
        if high - low > _WIDE:
            high = low + 1000
        step = float(schema.get("multipleOf", 1 if whole else 0.01))
        first = -(-low // step) + (1 if schema.get("exclusiveMinimum") == low else 0)
        last = high // step - (1 if schema.get("exclusiveMaximum") == high else 0)
        made = self._rng.randint(int(first), max(int(first), int(last))) * step
        return int(made) if whole else round(made, 6)

    def _string(self, schema: Schema, name: str) -> str:
        for made in self._candidates(schema, name):
            if _fits(made, schema):
                return made
        low, high = int(schema.get("minLength", 1)), int(schema.get("maxLength", 40))
        text = f"{name or 'giá trị'} {self._rng.randrange(10_000)}"
        return text[:high] + "x" * (low - len(text[:high]))

    def _candidates(self, schema: Schema, name: str) -> list[str]:
        """Return what the string may be, the most plausible first."""
        plain = _plain(name)
        found = [make(self._person) for words, make in _BY_NAME if re.search(words, plain)]
        if "format" in schema or schema.get("contentEncoding") == "base64":
            found.insert(0, self._formatted(str(schema.get("format", "base64"))))
        found = [*self._dates(schema), *found]
        if "pattern" in schema:
            found += self._by_pattern(str(schema["pattern"]))
        elif re.match(r"(ngay|thoidiem|date|time)|.*(date|at)$", plain) and "format" not in schema:
            found.append(self._day().isoformat())
        return found

    def _dates(self, schema: Schema) -> list[str]:
        """Return a date where the dataset's check or the pattern asks for one."""
        check = schema.get("x-lienthong", {})
        if check.get("check") == "date":
            moment = datetime.combine(self._day(), datetime.min.time(), VN)
            return [str(date_format(str(check.get("format", "iso"))).write(moment))]
        return [self._day().isoformat()] if "(0[1-9]|1[0-2])" in str(schema.get("pattern", "")) else []

    def _by_pattern(self, pattern: str) -> list[str]:
        try:
            return [matching(pattern, self._rng) for _ in range(4)]
        except ValueError:
            return []

    def _formatted(self, name: str) -> str:
        moment = datetime.combine(self._day(), datetime.min.time(), VN) + timedelta(
            seconds=self._rng.randrange(86_400)
        )
        made = {
            "date": self._day().isoformat(),
            "date-time": moment.isoformat(),
            "time": f"{moment:%H:%M:%S}+07:00",
            "email": self._person.email,
            "uuid": str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            "uri": f"https://example.com/{self._rng.randrange(10_000)}",
            "uri-reference": f"/{self._rng.randrange(10_000)}",
            "hostname": f"host{self._rng.randrange(10_000)}.example.com",
            "ipv4": f"192.0.2.{self._rng.randrange(1, 255)}",
            "ipv6": f"2001:db8::{self._rng.randrange(1, 255):x}",
            "duration": f"P{self._rng.randrange(1, 30)}D",
            "byte": base64.b64encode(self._person.name.encode()).decode(),
            "base64": base64.b64encode(self._person.name.encode()).decode(),
        }
        return made.get(name, "")

    def _day(self) -> date:
        return _FIRST_DAY + timedelta(days=self._rng.randrange(365))

    def _someone(self) -> Person:
        return person(self._rng.randrange(_PEOPLE))


def _fits(text: str, schema: Schema) -> bool:
    if not int(schema.get("minLength", 0)) <= len(text) <= int(schema.get("maxLength", 1 << 30)):
        return False
    try:
        return re.search(str(schema.get("pattern", "")), text) is not None and text != ""
    except re.error:
        return True


def _told(value: Any, schema: Schema) -> bool:
    """Tell whether an example is a value of the schema's type and form, not made of other values."""
    kinds = schema.get("type")
    named = kinds if isinstance(kinds, list) else [kinds]
    if isinstance(value, str):
        form = _FORMS.get(str(schema.get("format")), "")
        return ("string" in named or kinds is None) and _fits(value, schema) and bool(re.search(form, value))
    if isinstance(value, (dict, list)):
        return not {"properties", "items", "allOf", "oneOf", "anyOf"} & schema.keys() and (
            kinds is None or ("object" if isinstance(value, dict) else "array") in named
        )
    known = {bool: "boolean", int: "integer", float: "number", type(None): "null"}[type(value)]
    return kinds is None or known in named or (known == "integer" and "number" in named)


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFD", name.replace("Đ", "D").replace("đ", "d"))
    return re.sub(r"[^a-z0-9]", "", "".join(c for c in text if not unicodedata.combining(c)).lower())
