"""The page "From a WSDL to a first run" is exactly what its commands do."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_shell import Shell, commands

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/connectors/from-wsdl.md"

pytestmark = pytest.mark.slow


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    found = Shell(tmp_path)
    yield found
    found.stop()


def test_the_page_leads_to_delivered_records(shell: Shell) -> None:
    """Every command of the page, in its order: the table holds the sandbox's citizens at the end."""
    said = {line: shell.run(line) for line in commands(PAGE)}
    (tree, kept, written, *_, drift, compared) = (text for text in said.values() if text)
    assert "DongBoThongTinCongDan" in tree and "CongDan[]?" in tree
    assert "3 documents" in kept
    assert "wrote register/dags/citizens.py" in written
    assert re.search(r"ok +service +drift +the service offers the pinned WSDL", drift), drift
    assert compared == "the same documents\n"
    with sqlite3.connect(shell.folder / "citizens.sqlite") as database:
        ((count, numbers),) = database.execute(
            "SELECT count(*), count(DISTINCT SoDinhDanh) FROM dong_bo_thong_tin_cong_dan"
        )
    database.close()
    assert count == numbers == 200
    for name in re.findall(r"^\| `(register/[\w./]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        assert (shell.folder / name).exists(), name


def test_every_option_that_the_page_names_exists(capsys: pytest.CaptureFixture[str]) -> None:
    """The page promises no option that the command does not have."""
    from lienthong.cli import main

    with pytest.raises(SystemExit):
        main(["wsdl", "--help"])
    said = capsys.readouterr().out
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`(--[a-z-]+)", text))
    for line in re.findall(r"^\$ lienthong wsdl (.*)$", text, re.MULTILINE):
        named |= set(re.findall(r"--[a-z-]+", line))
    assert named - {"--no-deps", "--no-build-isolation"} <= set(re.findall(r"--[a-z-]+", said))
