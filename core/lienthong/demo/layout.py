"""Where the demonstration keeps its things, and the secrets it makes for itself."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

USER = "admin"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files below one root."""

    root: Path

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.root / "airflow"

    @property
    def database(self) -> Path:
        """Airflow's own database, a SQLite file."""
        return self.airflow / "airflow.db"

    @property
    def bus(self) -> Path:
        """LIENTHONG_HOME: ledger, segments, keys."""
        return self.root / "lienthong"

    @property
    def province(self) -> Path:
        """The state of the simulated province."""
        return self.root / "province"

    @property
    def logs(self) -> Path:
        """What the started programs write."""
        return self.root / "logs"

    @property
    def connections(self) -> Path:
        """Airflow's connections to the province, 0600."""
        return self.root / "connections.json"

    @property
    def passwords(self) -> Path:
        """The password of the UI, 0600."""
        return self.airflow / "passwords.json"

    def prepare(self) -> None:
        """Make the folders, readable by their owner only."""
        for folder in (self.root, self.airflow, self.bus, self.province, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def secrets(self) -> Mapping[str, str]:
        """Return the secrets of this Airflow, made at the first start and kept (0600)."""
        path = self.airflow / "secrets.json"
        if not path.exists():
            fresh = {
                "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                "session": secrets.token_urlsafe(32),
                "tokens": secrets.token_urlsafe(64),
            }
            write_private(path, json.dumps(fresh))
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return kept

    def password(self, user: str = USER) -> str:
        """Return a user's password, made at the first start and kept (0600)."""
        kept: dict[str, str] = {}
        if self.passwords.exists():
            kept = json.loads(self.passwords.read_text(encoding="utf-8") or "{}")
        if user not in kept:
            kept[user] = secrets.token_urlsafe(12)
            write_private(self.passwords, json.dumps(kept))
        return kept[user]


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, complete or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
