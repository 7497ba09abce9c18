"""When the population database takes a name and a birth date for the same person's."""

from __future__ import annotations

import unicodedata

from lienthong_sandbox.people import Person


def normal_name(name: str) -> str:
    """Return a name without differences of case, accent composition and blanks."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def same_person(person: Person, name: str, birth: str) -> bool:
    """Tell whether a name and a birth date (yyyyMMdd or yyyy) are those of the person.

    Where either side knows only the year, years are compared.
    """
    if normal_name(name) != normal_name(person.name):
        return False
    if person.year_only or len(birth) == 4:
        return birth[:4] == str(person.born.year)
    return birth == f"{person.born:%Y%m%d}"
