"""Made-up JSON answers, read by our readers in pieces of any size and by others at once: all must agree.

A seed says everything. `difference` tells how a seed's answer is read differently, or nothing. The others are
the standard library's parser, told to keep every digit, and ijson, which reads a stream.
"""

from __future__ import annotations

import io
import json
import random
from decimal import Decimal
from typing import Any, Final

import ijson

from lienthong.connector import Malformed
from lienthong_connectors.rest.json_list import JsonList
from lienthong_connectors.rest.ndjson import NdjsonLines

_PATHS: Final = ("", "items", "data.items", "kết quả.danh sách")
_LETTERS = 'abéữ\\"/{}[]:, \n\t\b\U00010437'
_ODD = ('},{"a"', '}],"', '"', "\\", "\\u0022", "]]", "null", "é" * 40, "12345678901234567.5", "\u2028")
_NUMBERS = (
    "0", "-0", "-0.0", "1.50", "1e5", "1E-7", "0.1", "12345678901234567890123", "9007199254740993",
    "12345678901234567.89", "0.30000000000000004", "9007199254740993e0", "1e-400", "123456789012345678",
    "1.7976931348623157e308", "5e-324", "100000000000000000000.0", "-1234567890123456.7", "2e23",
)  # fmt: skip


class _Writer:
    """Writes what is legal JSON, in the ways that are seldom seen."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._spaces = rng.choice(("", "", " ", "\n  "))

    def value(self, depth: int) -> str:
        """Return any value."""
        kind = self._rng.random()
        if depth < 5 and kind < 0.2:
            return self.object(depth + 1)
        if depth < 5 and kind < 0.35:
            return self._around("[", [self.value(depth + 1) for _ in range(self._rng.randint(0, 4))], "]")
        if kind < 0.6:
            return self.text(self.letters())
        return self._rng.choice((*_NUMBERS, "true", "false", "null", str(self._rng.randint(-999, 999))))

    def object(self, depth: int, **members: str) -> str:
        """Return an object; some names are awkward, none stands twice."""
        names = {self.letters() for _ in range(self._rng.randint(0, 5))} - set(members)
        items = [f"{self.text(name)}{self._gap()}:{self._gap()}{self.value(depth)}" for name in sorted(names)]
        items += [f'"{name}":{self._gap()}{value}' for name, value in members.items()]
        self._rng.shuffle(items)
        return self._around("{", items, "}")

    def listed(self) -> list[str]:
        """Return the records of a list, alike at the beginning as those of one service are."""
        alike = self._rng.random() < 0.7
        return [
            self.object(1, **({"id": str(number)} if alike else {}))
            for number in range(self._rng.randint(0, 9))
        ]

    def answer(self, path: str, records: list[str]) -> str:
        """Return a list within what stands around it."""
        text = self._around("[", records, "]")
        for name in reversed(path.split(".") if path else ()):
            text = self.object(4, **{name: text})
        return f"{self._gap()}{text}{self._gap()}"

    def letters(self) -> str:
        """Return text, and what looks like the end of it."""
        rng = self._rng
        return "".join(
            rng.choice(_ODD) if rng.random() < 0.15 else rng.choice(_LETTERS)
            for _ in range(rng.randint(0, 6))
        )

    def text(self, letters: str) -> str:
        """Return a text as JSON, escaped more or less."""
        return json.dumps(letters, ensure_ascii=self._rng.random() < 0.5)

    def _gap(self) -> str:
        return self._spaces if self._rng.random() < 0.5 else ""

    def _around(self, begin: str, items: list[str], end: str) -> str:
        comma = f"{self._gap()},{self._gap()}"
        return f"{begin}{self._gap()}{comma.join(items)}{self._gap()}{end}"


def _exact(text: str) -> float | Decimal:
    """Say independently what a fraction is: a double if that says all of it."""
    double = float(text)
    return double if Decimal(repr(double)) == Decimal(text) else Decimal(text)


def _fed(reader: Any, data: bytes, sizes: list[int]) -> list[Any]:
    found: list[Any] = []
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += reader.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    return found + reader.close()


def difference(seed: int) -> str:
    """Return how a seed's answer is read otherwise than by others; empty where it is not."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    writer, path = _Writer(rng), rng.choice(_PATHS)
    records = writer.listed()
    longest = rng.choice((1, 5, 60, 3000))
    sizes = [rng.randint(1, longest) for _ in range(20)]
    data = writer.answer(path, records).encode()
    expected = [json.loads(record, parse_float=_exact) for record in records]
    got = _fed(JsonList(path, 1 << 20, where=""), data, sizes)
    lines = b"".join(
        record.replace("\n", " ").encode() + rng.choice((b"\n", b"\r\n", b"\n\n")) for record in records
    )
    by_line = _fed(NdjsonLines(1 << 20, where=""), lines, sizes)
    streamed = list(ijson.items(io.BytesIO(data), f"{path}.item" if path else "item", use_float=False))
    if not (_same(got, expected) and _same(by_line, expected) and _equal(got, streamed)):
        return f"seed {seed}: {data!r} in {sizes}:\n{got}\n{by_line}\ninstead of\n{expected}\n{streamed}"
    return ""


def _same(got: list[Any], expected: list[Any]) -> bool:
    """Tell whether values are the same, their types and the bits of doubles included."""
    return not any(isinstance(one, Malformed) for one in got) and repr(got) == repr(expected)


def _equal(got: Any, other: Any) -> bool:
    """Tell whether ijson, for which every fraction is a decimal, read the same."""
    if isinstance(got, dict):
        return list(got) == list(other) and all(_equal(got[name], other[name]) for name in got)
    if isinstance(got, list):
        return len(got) == len(other) and all(map(_equal, got, other))
    if isinstance(got, float):
        return Decimal(repr(got)) == other
    return bool(got == other)
