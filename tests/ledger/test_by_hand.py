"""The instructions of docs/evidence.md, carried out as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import counterparts
import pytest

from lienthong.ledger import Database
from lienthong.signing import KeyRing

AUDITORS_TOOLS = ("bash", "unzip", "openssl", "sha256sum", "xxd", "jq", "zstd")
DOCUMENT = Path(__file__).parents[2] / "docs" / "evidence.md"


def by_hand(bundle: Path, keys: KeyRing) -> subprocess.CompletedProcess[str]:
    folder = bundle.parent / "hand"
    folder.mkdir()
    shutil.copy(bundle, folder / "run.zip")
    shutil.copy(keys._trust_paths[0], folder / "ca.pem")
    script = "\n".join(re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL))
    return subprocess.run(  # noqa: S603 - our own document
        ["bash", "-u", "-c", script],  # noqa: S607 - as an auditor would type it
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(autouse=True)
def _tools() -> None:
    """Skip, or fail where counterparts are required, without the tools that the instructions name."""
    for name in AUDITORS_TOOLS:
        counterparts.program(name)


def test_by_hand(bundle: Path, keys: KeyRing) -> None:
    """An auditor with common tools can check signatures, chain, documents, segments and a record."""
    ended = by_hand(bundle, keys)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("Verified OK") == 8
    assert ended.stdout.count("documents/") == 6


def test_by_hand_of_a_run_that_found_nothing(
    local: Database, make_run: Any, keys: KeyRing, tmp_path: Path
) -> None:
    """Its one statement and its documents are checked by the same instructions, which end well."""
    run = make_run(local)
    run.journal.open_run(run.exchange.id, run.run, digest=run.exchange.digest())
    attest = run.attest
    run.attest = lambda step, **given: attest(step, notes={"nothing_new": True}, **given)
    run.settle({})
    ended = by_hand(run.export(tmp_path / "idle.zip").path, keys)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("Verified OK") == 1
    assert ended.stdout.count("documents/") == 6


@pytest.mark.parametrize("where", ["statements/0000000003.jws", "documents/agreement.json", "segments/"])
def test_by_hand_finds_a_change(forger: object, keys: KeyRing, where: str) -> None:
    """The same instructions fail where a statement, a document or a segment was changed."""
    contents: dict[str, bytes] = forger.contents()  # type: ignore[attr-defined]
    name = next(name for name in contents if name.startswith(where))
    data = bytearray(contents[name])
    data[len(data) // 2] ^= 1
    path: Path = forger.write({**contents, name: bytes(data)})  # type: ignore[attr-defined]
    assert by_hand(path, keys).returncode != 0
