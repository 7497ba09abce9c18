"""An exchange between two files, run by processes of its own that stop themselves where a test says.

``python -m file_bus HOME LEDGER RUN``: runs the exchange once and prints its counts, or the error's code.
A file ``stop-before`` or ``stop-after`` in the home makes the target stop its process (SIGSTOP) once, before
the last look at the lease or after the records are written.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.config import Config
from lienthong.connector import (
    Answer,
    Batch,
    Connection,
    Context,
    End,
    Finding,
    Page,
    ReadRequest,
    SourceCapabilities,
    TargetCapabilities,
)
from lienthong.errors import LienThongError
from lienthong.pipeline import Bus, RunRequest, compile_plan, run_exchange

LEASE = 3.0
DEADLINE = 1.0


@dataclass(frozen=True)
class FileSource:
    """Records of a file, one JSON object a line."""

    kind: ClassVar[str] = "file"
    path: str

    def open_source(self, connection: Connection, context: Context) -> OpenFile:
        """Open the source."""
        return OpenFile(Path(self.path), context)


@dataclass(frozen=True)
class FileTarget:
    """A file that records are appended to; ``askable`` ones can be asked what is in it."""

    kind: ClassVar[str] = "file"
    path: str
    askable: bool = True

    def open_target(self, connection: Connection, context: Context) -> OpenFile:
        """Open the target."""
        return OpenFile(Path(self.path), context, askable=self.askable)


class OpenFile:
    """An open source or target."""

    def __init__(self, path: Path, context: Context, *, askable: bool = True) -> None:
        self.path, self.context = path, context
        self.capabilities = TargetCapabilities(lookup=askable, deadline=DEADLINE)

    def read(self, request: ReadRequest) -> Iterator[Page]:
        """Yield all records that are newer than the cursor as one page."""
        self.capabilities = SourceCapabilities()  # type: ignore[assignment]
        lines = [json.loads(line) for line in self.path.read_text().splitlines()]
        if request.position is None:
            some = [one for one in lines if not request.since or one["NgayCapNhat"] > request.since]
            yield Page(some, 1, end=End("document"))

    def deliver(self, batch: Batch) -> Answer:
        """Append a batch in one write, stopping where a test asks for it."""
        self._stop("before")
        self.context.before_write()
        with self.path.open("ab") as file:
            file.write(b"".join(data + b"\n" for data in batch.records))
        self._stop("after")
        return Answer(len(batch.records))

    def lookup(self, batch: Batch) -> Answer:
        """Tell which records the file has."""
        there = set(self.path.read_bytes().splitlines()) if self.path.exists() else set()
        absent = frozenset(line for line, data in enumerate(batch.records) if data not in there)
        return Answer(len(batch.records), absent=absent)

    def _stop(self, when: str) -> None:
        mark = self.path.with_name(f"stop-{when}")
        if mark.exists():
            mark.rename(mark.with_name(f"stopped-{when}"))
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(0.5)  # the stop may reach this thread a moment later

    def check(self) -> list[Finding]:
        """Nothing to check."""
        return []

    def close(self) -> None:
        """Nothing to close."""


def exchange(home: Path, *, askable: bool = True) -> Exchange:
    """Return the exchange between the two files of a home."""
    return Exchange(
        id="files",
        title=Text("Tệp", "Files"),
        provider="G22",
        consumer="H21",
        legal_basis="Quyết định 19/2025/QĐ-TTg",
        purpose=Text("Thử", "Test"),
        source=Source("source", FileSource(str(home / "source.ndjson")), cursor="NgayCapNhat"),
        target=Target("target", FileTarget(str(home / "target.ndjson"), askable)),
        dataset="catalogue.administrative-unit/1",
        delivery=Delivery(batch=5, parallel=1, attempts=30),
    )


def open_bus(home: Path, ledger: str) -> Bus:
    """Return a bus whose leases are short."""
    config = Config(home, ledger, str(home / "staging"), home / "hash.key", lease_seconds=LEASE)
    return Bus.open(connections=lambda name: Connection(name, "file"), config=config)


def start(home: Path, ledger: str, run: str, *more: str) -> subprocess.Popen[str]:
    """Start a run in a process of its own."""
    paths = [str(Path(__file__).parent), *filter(None, sys.path)]
    return subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-m", "file_bus", str(home), ledger, run, *more],
        env={**os.environ, "PYTHONPATH": ":".join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_stopped(process: subprocess.Popen[str], seconds: float = 120.0) -> None:
    """Wait until a process has stopped itself."""
    latest = time.monotonic() + seconds
    while time.monotonic() < latest:
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "T":
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("the process did not stop itself")


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process that is still there, and close what it was listened to by."""
    process.kill()
    process.communicate()


def outcome(process: subprocess.Popen[str]) -> str:
    """Return what a process printed: counts, or an error's code."""
    out, err = process.communicate(timeout=300)
    assert out, err
    return out.strip().splitlines()[-1]


def effects(home: Path) -> Counter[str]:
    """Return how often each record is in the target."""
    path = home / "target.ndjson"
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


def main() -> None:
    """Run the exchange once."""
    home, ledger, run, *more = sys.argv[1:]
    bus = open_bus(Path(home), ledger)
    plan = compile_plan(exchange(Path(home), askable="unaskable" not in more))
    try:
        settled = run_exchange(bus, plan, RunRequest(run), sleep=lambda wait: time.sleep(min(wait, 1.0)))
        print(json.dumps({name: count for name, count in settled.counts.items() if count}))  # noqa: T201
    except LienThongError as error:
        print(error.code)  # noqa: T201


if __name__ == "__main__":
    main()
