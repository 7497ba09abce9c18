"""The terms of the conservation law, in words for people: one table for pages, tables and reports."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "pulled": ("lấy về", "pulled"),
    "acknowledged": ("đã nhận", "acknowledged"),
    "quarantined": ("cách ly", "quarantined"),
    "refused": ("bị từ chối", "refused"),
    "pending": ("đang chờ", "pending"),
    "superseded": ("đã bị thay thế", "superseded"),
    "unchanged": ("không đổi", "unchanged"),
}
"""Each term in Vietnamese and English.

``superseded``: an older version of a key of which the run, or the target, has a newer one.
``unchanged``: the target has exactly this version already. Neither was sent.
"""

COUNTS: Final = tuple(WORDS)
"""All terms in order: the first is the sum of the others."""

FATES: Final = ("acknowledged", "refused", "pending", "superseded", "unchanged")
"""What may become of a record that reached push: exactly one of these."""

FORMER: Final = COUNTS[:5]
"""The terms of statements of format 1."""

LAW_EN: Final = "pulled = acknowledged + quarantined + refused + pending + superseded + unchanged"
LAW_VI: Final = "lấy về = đã nhận + cách ly + bị từ chối + đang chờ + đã bị thay thế + không đổi"


def missing(counts: dict[str, int]) -> int:
    """Return how many pulled records the other terms leave unaccounted for (negative: too many)."""
    return counts["pulled"] - sum(counts[name] for name in COUNTS[1:])
