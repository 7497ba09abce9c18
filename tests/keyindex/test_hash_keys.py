"""The hash key file: the current secret, former ones after a rotation, and those that are lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lienthong.config import Config, HashKeys
from lienthong.errors import Misconfigured
from lienthong.keyindex import key_id


def config(folder: Path) -> Config:
    """Return settings whose hash key file lies in a folder."""
    return Config(folder, "", "", folder / "hash.key")


def own(path: Path) -> Path:
    """Make a file that only its owner may read, as a key must be."""
    path.touch(mode=0o600)
    return path


def test_the_first_use_makes_a_secret_that_stays(tmp_path: Path) -> None:
    """One line, readable by its owner only, the same for every process."""
    made = config(tmp_path).hash_key()
    assert (len(made), config(tmp_path).hash_keys()) == (64, HashKeys(made))
    assert (tmp_path / "hash.key").stat().st_mode & 0o777 == 0o600


def test_a_rotation_keeps_the_former_secret_for_reading(tmp_path: Path) -> None:
    """A new first line hashes from now on; the others, blank lines aside, are former ones."""
    own(tmp_path / "hash.key").write_text("new\n\nold\n older still \nlost 9a8b7c6d5e4f3021\n")
    keys = config(tmp_path).hash_keys()
    assert (keys.current, keys.former) == (b"new", (b"old", b"older still"))
    assert keys.lost == {bytes.fromhex("9a8b7c6d5e4f3021")}
    assert config(tmp_path).hash_key() == b"new"
    assert "new" not in repr(keys)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "lost 9a8b7c6d5e4f3021\nnew", "new\nlost", "new\nlost 9a8b", "new\nlost zz zz"]
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    """Without a secret in its first line, or with a loss that names no key id: nothing is hashed."""
    own(tmp_path / "hash.key").write_text(text)
    with pytest.raises(Misconfigured, match=r"hash\.key.*operations"):
        config(tmp_path).hash_key()


def test_the_documented_command_names_a_secret(tmp_path: Path) -> None:
    """The line in docs/operations.md gives the key id that errors and files show."""
    page = Path(__file__).parents[2].joinpath("docs/operations.md").read_text(encoding="utf-8")
    command = next(line.strip() for line in page.splitlines() if "sha256sum | head -c 16" in line)
    secret = config(tmp_path).hash_key()
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S602
    assert done.stdout == key_id(secret).hex()
