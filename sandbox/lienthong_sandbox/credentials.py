"""Secrets of one sandbox: made at its first start, kept in its home folder, never in code."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

CLIENTS = (
    "national_catalogue",
    "one_stop",
    "national_portal",
    "population",
    "civil_status",
    "lgsp",
    "lgsp_officer",
    "vxp",
    "ndxp",
)
"""Connections that need a secret, the officer of one, and a gateway."""


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read (mode 0600), in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def load(home: Path) -> dict[str, str]:
    """Return the secret of each client, making and keeping those that the home has not yet."""
    path = home / "secrets.json"
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    made = {name: secrets.token_urlsafe(24) for name in CLIENTS if name not in kept}
    if made:
        write_private(path, json.dumps(kept | made, indent=2))
    return kept | made
