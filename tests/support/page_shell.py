"""A folder in which the commands of a documentation page run, in their order."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path


def commands(page: Path) -> list[str]:
    """Return a page's commands (console blocks) in their order."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
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
