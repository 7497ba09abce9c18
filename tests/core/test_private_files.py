"""Files with data or keys are their account's alone, whatever the process's umask is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lienthong.config import Config, load_config
from lienthong.credentials import hide
from lienthong.errors import Misconfigured
from lienthong.ledger import Database
from lienthong.signing import KeyRing
from lienthong.staging import BlobStore, LevelStore, SegmentStore


@pytest.fixture(autouse=True)
def _careless() -> Iterator[None]:
    """An umask that takes nothing away."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Return the modes of all files below a folder."""
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in sorted(folder.rglob("*")) if p.is_file()}


def test_ledger_and_staging_are_made_for_their_account_alone(tmp_path: Path) -> None:
    """The ledger, its log and its shared memory while a writer lives; segments, blobs, spooled levels."""
    with Database.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}"):
        SegmentStore.open(str(tmp_path / "staging")).write([b"{}"])
        BlobStore.open_at(str(tmp_path / "staging")).write([b"x"])
        LevelStore(str(tmp_path / "staging"), tmp_path / "cache").spool()
        found = modes(tmp_path)
    assert {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"} <= found.keys()
    assert len(found) >= 6
    assert set(found.values()) == {0o600}


def test_a_group_may_read_the_ledger_only_where_that_is_set(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}", group_read=True):
        assert set(modes(tmp_path).values()) == {0o640}
    assert load_config({"LIENTHONG_HOME": str(tmp_path)}).group_read is False
    assert load_config({"LIENTHONG_HOME": str(tmp_path), "LIENTHONG_GROUP_READ": "yes"}).group_read
    with pytest.raises(Misconfigured, match="neither yes nor no"):
        load_config({"LIENTHONG_HOME": str(tmp_path), "LIENTHONG_GROUP_READ": "perhaps"})


def test_what_an_older_ledger_left_to_others_is_taken_from_them(tmp_path: Path) -> None:
    """A group that may read stays: a deployment may rely on it."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    Database.open(url).close()
    (tmp_path / "ledger.sqlite").chmod(0o644)
    with Database.open(url, read_only=True):
        assert modes(tmp_path) == {"ledger.sqlite": 0o644}, "reading changes nothing"
    Database.open(url).close()
    assert modes(tmp_path) == {"ledger.sqlite": 0o640}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_that_others_can_read_is_refused_as_a_private_key_is(tmp_path: Path, mode: int) -> None:
    """The key of keyed hashes, by which people are found, and the password of a signing key."""
    config = Config(tmp_path, "sqlite:///x", "s", tmp_path / "hash.key")
    secret = config.hash_key()
    assert modes(tmp_path) == {"hash.key": 0o600}
    (tmp_path / "hash.key").chmod(mode)
    with pytest.raises(Misconfigured, match="others can read or change the key of keyed hashes") as caught:
        config.hash_key()
    assert secret.decode() not in str(caught.value) and "chmod 600" in str(caught.value)
    (tmp_path / "pw").write_text("s3cret")
    (tmp_path / "pw").chmod(mode)
    ring = {"H21": {"pkcs12": "x.p12", "password_file": str(tmp_path / "pw")}}
    with pytest.raises(Misconfigured, match="others can read or change the password file"):
        KeyRing.from_config(ring).signer("H21")


def test_passwords_of_the_deployments_addresses_are_cut_out_of_texts(tmp_path: Path) -> None:
    """Of the ledger's database and of the staging store: in the address as it stands, and in its query."""
    environ = {
        "LIENTHONG_HOME": str(tmp_path),
        "LIENTHONG_LEDGER": "postgresql://bus:p%40ss-of-ledger@db/ledger?sslpassword=other-pass-1",
        "LIENTHONG_STAGING": "s3://access:CANARYSECRET99@bucket/x?secret_key=CANARYQUERY77",
    }
    load_config(environ)
    for secret in ("p%40ss-of-ledger", "p@ss-of-ledger", "other-pass-1", "CANARYSECRET99", "CANARYQUERY77"):
        assert secret not in hide(f"cannot open: {secret}")
