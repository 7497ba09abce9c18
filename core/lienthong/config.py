"""Where the bus keeps its things: read from the environment and one optional TOML file.

==========================  ====================================================================
variable                    meaning (default)
==========================  ====================================================================
``LIENTHONG_HOME``          folder for everything below (``~/.lienthong``)
``LIENTHONG_LEDGER``        SQLAlchemy URL of the ledger database (SQLite in the home)
``LIENTHONG_STAGING``       fsspec URL of the segment store (``staging`` in the home)
``LIENTHONG_HASH_KEY_FILE`` file with the secret for keyed hashes (made in the home)
``LIENTHONG_LEASE_SECONDS`` how long a step is held without a sign of life (60)
``LIENTHONG_CONFIG``        TOML file with the same under ``[lienthong]`` and signing keys under
                            ``[keys.CODE]`` (``pem`` and ``certificate``, or ``pkcs12`` and
                            ``password_file`` or ``password_env``) and ``trust`` (list of PEM files)
==========================  ====================================================================

A variable wins over the file.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lienthong.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Config:
    """The deployment's settings; no secret is held here, only where secrets are."""

    home: Path
    ledger: str
    staging: str
    hash_key_file: Path
    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trust: tuple[Path, ...] = ()
    lease_seconds: float = 60.0

    def hash_key(self) -> bytes:
        """Return the secret for keyed hashes, making it (0600) at the first use."""
        path = self.hash_key_file
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = path.with_name(f".{path.name}.{os.getpid()}")
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_hex(32))
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass  # another process was first: its key is the key
            finally:
                fresh.unlink()
        return path.read_text().strip().encode()


def load_config(environ: Mapping[str, str] | None = None) -> Config:
    """Return the settings of this process.

    Raises `Misconfigured` where the TOML file is missing or malformed.
    """
    env = os.environ if environ is None else environ
    file = _read_file(env.get("LIENTHONG_CONFIG"))
    own = file.get("lienthong", {})

    def pick(name: str, default: str) -> str:
        return str(env.get(f"LIENTHONG_{name.upper()}") or own.get(name) or default)

    home = Path(pick("home", "~/.lienthong")).expanduser()
    return Config(
        home=home,
        ledger=pick("ledger", f"sqlite:///{home / 'ledger.sqlite'}"),
        staging=pick("staging", str(home / "staging")),
        hash_key_file=Path(pick("hash_key_file", str(home / "hash.key"))).expanduser(),
        keys=file.get("keys", {}),
        trust=tuple(Path(item).expanduser() for item in own.get("trust", ())),
        lease_seconds=_seconds(pick("lease_seconds", "60")),
    )


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 1 <= found <= 3600:
        raise Misconfigured(
            f"LIENTHONG_LEASE_SECONDS is {text!r}, not a number of seconds from 1 to 3600",
            where="configuration",
            hint="see docs/operations.md",
        )
    return found


def _read_file(name: str | None) -> dict[str, Any]:
    if not name:
        return {}
    path = Path(name).expanduser()
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(
            f"the configuration file cannot be read: {error}", where=str(path), hint="see docs/operations.md"
        ) from None
