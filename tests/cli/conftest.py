"""A home with a run to look at, and commands that run in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from memory_bus import Bench, memory_bench, unit
from operators import operator_signer

from lienthong.cli import main
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.signing import KeyRing

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A home with an operator's key and one settled run: nine records delivered, one in quarantine."""
    home = tmp_path / "home"
    monkeypatch.setenv("LIENTHONG_HOME", str(home))
    with memory_bench(home) as found:
        signer = operator_signer(home)
        monkeypatch.setattr(KeyRing, "operator", lambda ring, name=None: signer, raising=False)
        found.source.offers = [unit(n) for n in range(1, 10)] + [unit(10, MaDonVi="1x")]
        run_exchange(found.bus, found.plan(), RunRequest("r1"))
        yield found


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; return exit code, stdout and stderr."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([str(item) for item in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
