"""The programs we start: each in a session of its own, its output in a file, ended by its id."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lienthong.errors import Permanent

_MOST_REVIVALS = 2


@dataclass
class Processes:
    """A group of running programs; leaving the context ends all of them, after ``grace`` seconds by force."""

    logs: Path
    environment: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    grace: float = 8.0
    revived: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program whose output is added to ``<logs>/<name>.log``."""
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  # the commands are ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                start_new_session=True,
            )
        self.running[name] = process
        return process

    def run(self, name: str, command: Sequence[str]) -> None:
        """Start a program and wait for its end; raise `Permanent` where it fails."""
        self.start(name, command).wait()
        self.require(name, code=0)
        del self.running[name]

    def require(self, name: str, code: int | None = None) -> None:
        """Raise `Permanent`, with the log's last line, where a program is not in the wanted state."""
        found = self.running[name].poll()
        if found != code:
            raise Permanent(
                f"{name} ended with code {found}: {self.last_line(name)}", hint=f"see {self.logs / name}.log"
            )

    def require_all(self) -> None:
        """Raise `Permanent` where one of the programs is no longer running."""
        for name in self.running:
            self.require(name)

    def keep_alive(self) -> None:
        """Start a program again that has ended, at most twice; raise `Permanent` at the third time."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                if self.revived.get(name, 0) >= _MOST_REVIVALS:
                    self.require(name)
                self.revived[name] = self.revived.get(name, 0) + 1
                self.start(name, process.args)  # type: ignore[arg-type]  # the list that it was started with

    def last_line(self, name: str) -> str:
        """Return the last line of a program's output that is not empty."""
        text = (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")

    def pids(self) -> list[int]:
        """Return the ids of all running programs and of what they started."""
        sessions = {process.pid for process in self.running.values()}
        return [pid for pid, session in _sessions() if session in sessions]

    def stop(self) -> None:
        """Ask all programs to end, wait a while, and end what is left."""
        for process in reversed(list(self.running.values())):
            with suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + self.grace
        for process in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.running.values():
            process.wait()
        self.running.clear()


def _sessions() -> list[tuple[int, int]]:
    """Return (process id, session id) of every process."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            found.append((int(entry.name), int(fields[3])))
    return found
