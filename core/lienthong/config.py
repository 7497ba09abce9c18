"""Where the bus keeps its things: read from the environment and one optional TOML file.

==========================  ====================================================================
variable                    meaning (default)
==========================  ====================================================================
``LIENTHONG_HOME``          folder for everything below (``~/.lienthong``)
``LIENTHONG_LEDGER``        SQLAlchemy URL of the ledger database (SQLite in the home)
``LIENTHONG_STAGING``       fsspec URL of the segment store (``staging`` in the home)
``LIENTHONG_HASH_KEY_FILE`` file with the secret for keyed hashes (made in the home)
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
from lienthong.faults import file_faults, os_fault

_OWN_FILE = (
    "check LIENTHONG_HASH_KEY_FILE; it is one secret for all, restore it from the backup if it is lost"
)


@dataclass(frozen=True, slots=True)
class Config:
    """The deployment's settings; no secret is held here, only where secrets are."""

    home: Path
    ledger: str
    staging: str
    hash_key_file: Path
    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trust: tuple[Path, ...] = ()

    def hash_key(self) -> bytes:
        """Return the secret for keyed hashes, making it (0600) at the first use."""
        path = self.hash_key_file
        with file_faults("the key of keyed hashes cannot be read or made", path, hint=_OWN_FILE):
            if not path.exists():
                _make_key(path)
            found = path.read_bytes().strip()
        if not found:
            raise Misconfigured(
                "the key of keyed hashes is empty", where=str(path), hint="restore it from the backup"
            )
        return found


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32))
        os.link(fresh, path)
    except FileExistsError:
        pass  # another process was first: its key is the key
    finally:
        fresh.unlink(missing_ok=True)


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
    )


def _read_file(name: str | None) -> dict[str, Any]:
    if not name:
        return {}
    path = Path(name).expanduser()
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise os_fault(
            error, "the configuration file cannot be read", str(path), hint="see docs/operations.md"
        ) from None
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, nested without end
        said = error if isinstance(error, tomllib.TOMLDecodeError) else type(error).__name__
        raise Misconfigured(
            f"the configuration file cannot be read: {said}", where=str(path), hint="see docs/operations.md"
        ) from None
