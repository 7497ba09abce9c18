"""What the locks of the project's environments pin."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pinned(name: str) -> set[str]:
    """Return the distributions that a lock pins."""
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    return {normal(found) for found in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
