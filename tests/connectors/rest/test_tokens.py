"""Tokens shared among tasks: encrypted, private, bounded, and never trusted further than they go."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lienthong.connector import Context
from lienthong_connectors.http import tokens
from lienthong_connectors.http.tokens import SharedToken
from lienthong_connectors.rest import RestSource

SOURCE = RestSource(path="rows")
OAUTH = {"auth": "oauth2", "token_url": "/token", "login": "app", "password": "s3cret-of-the-app"}
WHO = ("one_stop", "https://x/token", "app")


class Gateway:
    """Grants tokens token-1, token-2, ...; those in ``good`` are accepted (all where it is None)."""

    def __init__(self, agency: Any) -> None:
        self.agency, self.granted, self.good = agency, 0, None
        agency.default = self.answer

    def answer(self, asked: Any) -> bytes:
        if asked.path.endswith("/token"):
            self.granted += 1
            granted = {"access_token": f"token-{self.granted}", "expires_in": 3600}
            return bytes(self.agency.response(granted))
        token = asked.headers["authorization"].removeprefix("Bearer ")
        refused = self.good is not None and token not in self.good
        return bytes(self.agency.response({} if refused else [], status=401 if refused else 200))


def read(agency: Any, cache: Path | None, **extra: Any) -> None:
    """Read the source as a task of its own would."""
    from lienthong.connector import ReadRequest

    opened = SOURCE.open_source(
        agency.connection(**OAUTH | extra), Context(cache=cache, log=agency.lines.append)
    )
    agency.opened.append(opened)
    list(opened.read(ReadRequest()))


def files(cache: Path) -> list[Path]:
    return sorted((cache / "tokens").iterdir())


def test_tasks_of_a_deployment_ask_for_one_token(agency: Any, tmp_path: Path) -> None:
    gateway = Gateway(agency)
    for _ in range(3):
        read(agency, tmp_path / "cache")
    assert gateway.granted == 1


def test_without_a_folder_nothing_is_kept(agency: Any, tmp_path: Path) -> None:
    gateway = Gateway(agency)
    for _ in range(2):
        read(agency, None)
    assert gateway.granted == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "other", [{"scope": "hoso"}, {"login": "other"}, {"token_url": "/other/token"}, {"audience": "x"}]
)
def test_a_token_serves_only_who_asked_for_it_and_what_for(
    agency: Any, tmp_path: Path, other: dict[str, str]
) -> None:
    gateway = Gateway(agency)
    read(agency, tmp_path)
    read(agency, tmp_path, **other)
    assert gateway.granted == 2


def test_entries_are_private_and_say_nothing(agency: Any, tmp_path: Path) -> None:
    """Mode 0600 in a folder of mode 0700; neither token, secret nor client is in names or bytes."""
    Gateway(agency)
    read(agency, tmp_path)
    (entry,) = files(tmp_path)
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert stat.S_IMODE(entry.parent.stat().st_mode) == 0o700
    for word in (b"token-1", b"s3cret-of-the-app", b"app", b"agency"):
        assert word not in entry.name.encode() + entry.read_bytes()
    assert "token-1" not in "\n".join(agency.lines)


def test_who_has_another_secret_can_read_nothing(tmp_path: Path) -> None:
    SharedToken(tmp_path, WHO, b"secret").store("t", 60)
    assert SharedToken(tmp_path, WHO, b"secret").load() is not None
    assert SharedToken(tmp_path, WHO, b"changed").load() is None


def test_an_entry_cannot_stand_in_for_another(tmp_path: Path) -> None:
    """Copied under another name, with the same secret, it does not open."""
    one, other = SharedToken(tmp_path, WHO, b"s"), SharedToken(tmp_path, (*WHO, "admin"), b"s")
    one.store("t", 60)
    (entry,) = files(tmp_path)
    other.store("u", 60)
    (target,) = [path for path in files(tmp_path) if path != entry]
    target.write_bytes(entry.read_bytes())
    assert other.load() is None


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "open", "link", "folder"])
def test_a_damaged_entry_is_not_used_and_is_replaced(agency: Any, tmp_path: Path, damage: str) -> None:
    gateway = Gateway(agency)
    read(agency, tmp_path)
    (entry,) = files(tmp_path)
    sealed = entry.read_bytes()
    match damage:
        case "flip":
            entry.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
        case "cut":
            entry.write_bytes(sealed[:20])
        case "empty":
            entry.write_bytes(b"")
        case "open":
            entry.chmod(0o644)
        case "link":
            entry.rename(tmp_path / "elsewhere")
            entry.symlink_to(tmp_path / "elsewhere")
        case "folder":
            entry.unlink()
            entry.mkdir()
    read(agency, tmp_path)
    assert gateway.granted == 2
    if damage != "folder":
        read(agency, tmp_path)
        assert gateway.granted == 2


def test_a_token_is_not_used_past_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where the clock jumped back so far that its end would lie more than a day ahead."""
    now = time.time()
    shared = SharedToken(tmp_path, WHO, b"s")
    shared.store("t", 100)
    for passed, good in ((0, True), (99, True), (101, False), (-90_000, False)):
        monkeypatch.setattr(time, "time", lambda passed=passed: now + passed)
        assert (shared.load() is not None) == good


def test_a_refused_token_leaves_the_cache_and_a_fresh_one_is_asked_for(agency: Any, tmp_path: Path) -> None:
    """A second task then finds the fresh one; the refused one is never sent again."""
    gateway = Gateway(agency)
    read(agency, tmp_path)
    gateway.good = {"token-2"}
    read(agency, tmp_path)
    read(agency, tmp_path)
    assert gateway.granted == 2
    used = [a.headers["authorization"] for a in agency.asked if a.path.endswith("rows")]
    assert used == ["Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2"]


def test_a_refused_token_does_not_take_its_successor_along(tmp_path: Path) -> None:
    """Another task has stored a fresh one meanwhile: that one stays."""
    shared = SharedToken(tmp_path, WHO, b"s")
    shared.store("new", 60)
    shared.remove("old")
    found = shared.load()
    assert found is not None and found[0] == "new"
    shared.remove("new")
    assert shared.load() is None


def test_the_folder_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest entries go first, and left-over parts of a killed writer with them."""
    monkeypatch.setattr(tokens, "MOST_ENTRIES", 5)
    (tmp_path / "tokens").mkdir()
    left = tmp_path / "tokens" / ".left.1.over"
    left.touch()
    os.utime(left, (1, 1))
    for number in range(8):
        SharedToken(tmp_path, (str(number),), b"s").store("t", 60)
        for index, path in enumerate(sorted(files(tmp_path), key=lambda p: p.stat().st_mtime)):
            os.utime(path, (index + 1, index + 1))
    assert len(files(tmp_path)) == 5
    assert SharedToken(tmp_path, ("7",), b"s").load() is not None
    assert SharedToken(tmp_path, ("0",), b"s").load() is None
    assert not left.exists()


def test_a_token_too_large_to_keep_is_not_kept(tmp_path: Path) -> None:
    SharedToken(tmp_path, WHO, b"s").store("t" * tokens.LARGEST, 60)
    assert not (tmp_path / "tokens").exists()


def test_a_folder_that_cannot_be_written_costs_a_request_only(agency: Any, tmp_path: Path) -> None:
    gateway = Gateway(agency)
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    for _ in range(2):
        read(agency, blocked)
    assert gateway.granted == 2


def test_a_check_asks_for_a_token_of_its_own(agency: Any, tmp_path: Path) -> None:
    """Whether credentials are still good is not proved by a token that is at hand."""
    gateway = Gateway(agency)
    read(agency, tmp_path)
    opened = SOURCE.open_source(agency.connection(**OAUTH), Context(cache=tmp_path, log=lambda _: None))
    agency.opened.append(opened)
    assert all(finding.ok for finding in opened.check())
    assert gateway.granted == 2


_WRITER = """
import sys
from pathlib import Path
from lienthong_connectors.http.tokens import SharedToken
shared = SharedToken(Path(sys.argv[1]), ("who",), b"s")
for number in range(200):
    shared.store(sys.argv[2] * 1000, 60)
    found = shared.load()
    assert found is not None and found[0] in ("a" * 1000, "b" * 1000), found
"""


def test_processes_that_write_at_once_never_leave_half_an_entry(tmp_path: Path) -> None:
    paths = os.pathsep.join(path for path in sys.path if path)
    writers = [
        subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", _WRITER, str(tmp_path), letter], env={**os.environ, "PYTHONPATH": paths}
        )
        for letter in "ab"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert len(files(tmp_path)) == 1
