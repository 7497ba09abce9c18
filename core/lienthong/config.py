"""Where the bus keeps its things: read from the environment and one optional TOML file.

=============================  ==========================================================
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

from lienthong.credentials import keep_address
from lienthong.errors import Misconfigured
from lienthong.faults import file_faults, os_fault, read_private

_OWN_FILE = (
    "check LIENTHONG_HASH_KEY_FILE; it is one secret for all, restore it from the backup if it is lost"
)

CLOCK_TOLERANCE = 5.0
"""Seconds by which clocks may differ unless told otherwise; the verifier of evidence allows as much."""

LEASE_SECONDS = 60.0
"""Seconds for which a step is held without a sign of life unless told otherwise."""


@dataclass(frozen=True, slots=True, repr=False)
class HashKeys:
    """The secrets under which keys are hashed.

    ``current`` hashes all that is new. What was hashed under ``former`` ones is still found with them;
    ``lost`` are the ids (`lienthong.keyindex.key_id`) of those that nobody has any more.
    """

    current: bytes
    former: tuple[bytes, ...] = ()
    lost: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Config:
    """The deployment's settings; no secret is held here, only where secrets are."""

    home: Path
    ledger: str
    staging: str
    hash_key_file: Path
    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trust: tuple[Path, ...] = ()
    crls: tuple[Path, ...] = ()
    authorities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    operators: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clock_tolerance: float = CLOCK_TOLERANCE
    lease_seconds: float = LEASE_SECONDS
    group_read: bool = False

    def __post_init__(self) -> None:
        keep_address(self.ledger)
        keep_address(self.staging)

    def hash_key(self) -> bytes:
        """Return the secret for keyed hashes, making it (0600) at the first use."""
        return self.hash_keys().current

    def hash_keys(self) -> HashKeys:
        """Return the secrets for keyed hashes, the current and the former ones.

        Raises `Misconfigured` where the file holds none, says something else, or is not its owner's alone.
        """
        path = self.hash_key_file
        with file_faults("the key of keyed hashes cannot be read or made", path, hint=_OWN_FILE):
            if not path.exists():
                _make_key(path)
        text = read_private(path, "the key of keyed hashes").decode(errors="replace")
        return _parse_hash_keys(text, str(path))


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


def _parse_hash_keys(text: str, where: str) -> HashKeys:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    lost = [line.split() for line in lines if line.partition(" ")[0] == "lost"]
    found = [line.encode() for line in lines if line.partition(" ")[0] != "lost"]
    try:
        gone = frozenset(bytes.fromhex(key_id) for _, key_id in lost)
    except ValueError:
        gone = frozenset({b""})
    if not found or lines[0].encode() != found[0] or any(len(key_id) != 8 for key_id in gone):
        raise Misconfigured(
            "not a hash key file: the first line is the current secret, others are former ones, "
            "or `lost` and a key id of 16 hexadecimal digits",
            where=where,
            hint="see docs/operations.md, The hash key; restore the file from the backup if it was damaged",
        )
    return HashKeys(found[0], tuple(found[1:]), gone)


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
        keys=_tables(file, "keys"),
        trust=_paths(own, "trust"),
        crls=_paths(own, "crls"),
        authorities=_tables(file, "trust"),
        operators=_tables(file, "operators"),
        clock_tolerance=_seconds("clock_tolerance", pick("clock_tolerance", str(CLOCK_TOLERANCE))),
        lease_seconds=_seconds("lease_seconds", pick("lease_seconds", str(LEASE_SECONDS)), 1, 3600),
        group_read=_yes("group_read", pick("group_read", "no")),
    )


def _paths(own: Mapping[str, Any], name: str) -> tuple[Path, ...]:
    given = own.get(name, ())
    if isinstance(given, str) or not all(isinstance(item, str) for item in given):
        raise Misconfigured(
            f"{name!r} is not a list of files", where="lienthong", hint=f'write {name} = ["/path/to/file"]'
        )
    return tuple(Path(item).expanduser() for item in given)


def _tables(file: Mapping[str, Any], name: str) -> Mapping[str, Mapping[str, Any]]:
    found: Any = file.get(name, {})
    if not isinstance(found, Mapping) or not all(isinstance(one, Mapping) for one in found.values()):
        raise Misconfigured(
            f"{name!r} does not hold tables",
            where="LIENTHONG_CONFIG",
            hint=f'write [{name}."NAME"]; a list of trusted files stands under [lienthong]',
        )
    return found


def _yes(name: str, text: str) -> bool:
    if text.lower() not in {"yes", "true", "1", "no", "false", "0"}:
        raise Misconfigured(f"{name} is neither yes nor no", where=f"LIENTHONG_{name.upper()}")
    return text.lower() in {"yes", "true", "1"}


def _seconds(name: str, text: str, least: float = 0, most: float = 1e9) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (0 < seconds < float("inf") and least <= seconds <= most):
        raise Misconfigured(
            f"{name} is not a number of seconds from {least:g} to {most:g}",
            where=f"LIENTHONG_{name.upper()}",
            hint="give one such as 5",
        )
    return seconds


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
