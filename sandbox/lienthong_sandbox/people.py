"""Persons who do not exist: every person is a pure function of an index.

Personal numbers start with ``063``, a province part that was never issued, so that no number here
can belong to anybody; telephone numbers start with ``010``, a prefix nobody has. The six final
digits hold the index under a permutation, so a person is found by number without a table.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lienthong_sandbox.times import VN

SEED = 20250701
"""The seed of everything that looks random in the sandbox."""

COMMUNES = ("23563", "23575", "23584", "23590", "23602", "23614", "23638", "23644", "23734", "23764")
"""Fallback commune codes of province 52 for use before the catalogue is read."""

_MULTIPLIER, _SHIFT, _SPACE = 387_421, 271_828, 1_000_000
_INVERSE = pow(_MULTIPLIER, -1, _SPACE)
_HO = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Phan",
    "Vũ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Ngô",
    "Dương",
    "Rơ",
    "Ksor",
)
_DEM = (("Văn", "Đức", "Minh", "Quốc", "Hữu", "Thanh"), ("Thị", "Thị Thu", "Ngọc", "Thị Mỹ", "Kim", "Thùy"))
_TEN = (
    (
        "An",
        "Bình",
        "Cường",
        "Dũng",
        "Giang",
        "Hải",
        "Khoa",
        "Long",
        "Nam",
        "Phúc",
        "Quân",
        "Sơn",
        "Tuấn",
        "Vinh",
    ),
    ("Ánh", "Chi", "Dung", "Hà", "Hạnh", "Hoa", "Lan", "Linh", "Mai", "Nga", "Oanh", "Phương", "Thảo", "Yến"),
)
_STREETS = ("đường Hùng Vương", "đường Lê Lợi", "thôn 3", "làng Ốp", "đường Trần Phú", "tổ dân phố 5")
_FIRST_CHANGE = datetime(2025, 7, 1, 0, 0, tzinfo=VN)


@dataclass(frozen=True, slots=True)
class Person:
    """One person as the population database holds it; codes as in the reply ``CongdanCollection``."""

    index: int
    number: str
    family: str
    middle: str
    given: str
    gender: int
    born: date
    year_only: bool
    ethnicity: str
    religion: str
    marital: int
    blood: str
    commune: str
    street: str
    father: str
    mother: str

    @property
    def name(self) -> str:
        """Family, middle and given name, in everyday case."""
        return f"{self.family} {self.middle} {self.given}"

    @property
    def phone(self) -> str:
        """A ten-digit telephone number under a prefix that nobody has."""
        return f"010{self.index % 10_000_000:07d}"

    @property
    def email(self) -> str:
        """An address in a domain reserved for examples (RFC 2606)."""
        return f"congdan{self.index}@example.com"

    @property
    def changed(self) -> datetime:
        """When the population database last changed this person; later for higher indexes."""
        return _FIRST_CHANGE + timedelta(seconds=self.index)


def _number(index: int, gender: int, born: date) -> str:
    century = (born.year - 1900) // 100 * 2 + (0 if gender == 1 else 1)
    tail = (index * _MULTIPLIER + _SHIFT) % _SPACE
    return f"063{century}{born.year % 100:02d}{tail:06d}"


def person(index: int, communes: tuple[str, ...] = COMMUNES) -> Person:
    """Return the person with an index from 0 to 999,999; always the same one."""
    rng = random.Random(SEED * 1_000_003 + index)
    gender = rng.choice((1, 2))
    born = date(1946, 1, 1) + timedelta(days=rng.randrange(365 * 60))
    family = rng.choice(_HO)
    return Person(
        index=index,
        number=_number(index, gender, born),
        family=family,
        middle=rng.choice(_DEM[gender - 1]),
        given=rng.choice(_TEN[gender - 1]),
        gender=gender,
        born=born,
        year_only=rng.random() < 0.05,
        ethnicity=rng.choice(("01", "01", "01", "10", "12")),
        religion=rng.choice(("00", "00", "01", "02")),
        marital=rng.choice((1, 2, 2, 3)),
        blood=rng.choice(("00", "01", "02", "03", "04")),
        commune=rng.choice(communes),
        street=f"số {rng.randrange(1, 200)} {rng.choice(_STREETS)}",
        father=f"{family} {rng.choice(_DEM[0])} {rng.choice(_TEN[0])}",
        mother=f"{rng.choice(_HO)} {rng.choice(_DEM[1])} {rng.choice(_TEN[1])}",
    )


def find(number: str, size: int, communes: tuple[str, ...] = COMMUNES) -> Person | None:
    """Return the person of a 12-digit number among the first ``size`` ones, or ``None``."""
    if len(number) != 12 or not number.isascii() or not number.isdigit():
        return None
    index = (int(number[6:]) - _SHIFT) * _INVERSE % _SPACE
    if index >= size:
        return None
    known = person(index, communes)
    return known if known.number == number else None


def range_changed(start: datetime, end: datetime, size: int) -> range:
    """Return the indexes of persons changed in ``[start, end)`` among the first ``size`` ones."""
    low = int((start - _FIRST_CHANGE).total_seconds()) if start > _FIRST_CHANGE else 0
    high = int((end - _FIRST_CHANGE).total_seconds()) if end > _FIRST_CHANGE else 0
    return range(min(low, size), max(min(low, size), min(high, size)))
