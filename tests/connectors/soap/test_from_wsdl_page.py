"""The page "From a WSDL to a first run" is exactly what its commands do."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/connectors/from-wsdl.md"

pytestmark = pytest.mark.slow


def commands() -> list[str]:
    """The page's commands in their order."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


class Shell:
    """A folder in which the page's commands run; the port is a free one, packages go into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = str(listener.getsockname()[1])
        tools = folder / "bin"
        tools.mkdir()
        for name, words in (("lienthong", "-m lienthong.cli"), ("python", "")):
            (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
            (tools / name).chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(folder / "site"), *filter(None, sys.path)]),
            "LIENTHONG_HOME": str(folder / "home"),
            "AIRFLOW_HOME": str(folder / "airflow"),
        }
        self.background: list[subprocess.Popen[bytes]] = []

    def run(self, line: str) -> str:
        line = line.replace("18080", self.port)
        if line.endswith(" &"):
            self._start(line.removesuffix(" &"))
            return ""
        found = re.fullmatch(r"export (\w+)='(.*)'", line)
        if found:
            self.environment[found[1]] = found[2]
            return ""
        # not editable, and not into the environment of the tests
        line = line.replace("install -e ./", f"install -q --target {self.folder}/site ./")
        line = line.replace(
            "pip install", "pip --disable-pip-version-check install --no-deps --no-build-isolation"
        )
        done = subprocess.run(  # noqa: S603 - the page's own words
            ["/bin/bash", "-c", line],
            cwd=self.folder, env=self.environment, text=True, capture_output=True, check=False, timeout=900,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _start(self, line: str) -> None:
        process = subprocess.Popen(  # noqa: S603 - the page's own words
            ["/bin/bash", "-c", f"exec {line}"],
            cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.background.append(process)
        end = time.monotonic() + 300
        while not (self.folder / "connections.json").exists():
            assert process.poll() is None and time.monotonic() < end, "the sandbox did not start"
            time.sleep(0.05)

    def stop(self) -> None:
        for process in self.background:
            process.terminate()
            process.wait(120)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    found = Shell(tmp_path)
    yield found
    found.stop()


def test_the_page_leads_to_delivered_records(shell: Shell) -> None:
    """Every command of the page, in its order: the table holds the sandbox's citizens at the end."""
    said = {line: shell.run(line) for line in commands()}
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
