"""The demonstration's parts: ports, programs, secrets, sentences."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lienthong.demo.__main__ import main
from lienthong.demo.components import expected_files
from lienthong.demo.layout import Layout
from lienthong.demo.ports import open_to_others, require_free
from lienthong.demo.processes import Processes
from lienthong.demo.settings import environment
from lienthong.demo.watch import Watched
from lienthong.errors import Misconfigured, Permanent


def test_a_port_in_use_is_named_with_its_variable() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Misconfigured, match=rf"port {port} .*in use.*DEMO_PORT={port + 1}"):
            require_free(port, "DEMO_PORT")


def test_the_demo_stops_with_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        code = main(["--folder", str(tmp_path / "d"), "--port", str(other.getsockname()[1]), "--once"])
    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith("Demo stopped: port ")
    assert "Traceback" not in said
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(("host", "seen"), [("127.0.0.1", False), ("0.0.0.0", True)])  # noqa: S104  # the point
def test_sockets_open_to_others_are_found(host: str, seen: bool) -> None:
    with socket.socket() as mine:
        mine.bind((host, 0))
        mine.listen()
        found = open_to_others([os.getpid()])
        assert (f"port {mine.getsockname()[1]}" in found) is seen


@pytest.mark.parametrize(("host", "seen"), [("::1", False), ("::", True)])
def test_the_same_for_ipv6(host: str, seen: bool) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    with socket.socket(socket.AF_INET6) as mine:
        try:
            mine.bind((host, 0))
        except OSError:
            pytest.skip("no IPv6")
        mine.listen()
        assert (f"port {mine.getsockname()[1]}" in open_to_others([os.getpid()])) is seen


def _gone(pid: int) -> bool:
    """Tell whether a process ends within a minute; one that nobody has waited for counts as ended."""
    for _ in range(600):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


def test_everything_started_is_ended_with_its_children(tmp_path: Path) -> None:
    """Also what does not listen to SIGTERM, and what a program started itself."""
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(subprocess.Popen(['sleep', '600']).pid, flush=True)\n"
        "time.sleep(600)"
    )
    with Processes(tmp_path, os.environ) as processes:
        processes.start("stubborn", [sys.executable, "-c", code])
        log = tmp_path / "stubborn.log"
        while not log.read_text().strip():
            processes.require_all()
        child = int(log.read_text())
        assert child in processes.pids()
        processes.grace = 0.5
    assert _gone(child)


def test_a_program_that_fails_is_named_with_its_last_line(tmp_path: Path) -> None:
    processes = Processes(tmp_path, os.environ)
    with pytest.raises(Permanent, match=r"broken ended with code 3: no luck today"):
        processes.run("broken", [sys.executable, "-c", "import sys; print('no luck today'); sys.exit(3)"])
    processes.stop()


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "demo")
    layout.prepare()
    assert layout.password() == layout.password() != layout.password("other")
    assert layout.secrets() == layout.secrets()
    for file in (layout.passwords, layout.airflow / "secrets.json"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert layout.root.stat().st_mode & 0o777 == 0o700


def test_other_deployments_do_not_leak_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_ONE_STOP", "http://elsewhere")
    monkeypatch.setenv("LIENTHONG_LEDGER", "postgresql://elsewhere/ledger")
    layout = Layout(tmp_path)
    layout.prepare()
    settings = environment(layout, tmp_path, 8080)
    assert settings["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW_CONN_ONE_STOP" not in settings
    assert "LIENTHONG_LEDGER" not in settings


def test_files_without_exchanges_are_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("dag = exchange_dag(one)")
    (tmp_path / "notes.py").write_text("x = 1")
    assert expected_files(tmp_path) == {"one.py"}


class _Runs:
    """An Airflow that knows of one old run and one new."""

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        return [
            {"dag_run_id": "new", "state": "success", "duration": 2.5},
            {"dag_run_id": "old", "state": "success", "duration": 9.0},
        ]

    def result(self, *_: str) -> dict[str, Any]:
        return {"counts": {"pulled": 5, "acknowledged": 4, "quarantined": 1}}

    def tasks(self, *_: str) -> list[dict[str, Any]]:
        return [{"task_id": "push", "state": "success"}, {"task_id": "push", "state": "running"}]


def test_counts_are_those_of_the_new_runs_counted_once() -> None:
    item = Watched("x", known=frozenset({"old"}))
    item.refresh(_Runs())  # type: ignore[arg-type]  # as much of it as is needed
    item.refresh(_Runs())  # type: ignore[arg-type]  # as above
    assert item.counts == {"pulled": 5, "acknowledged": 4, "quarantined": 1}
    assert (item.done, item.state, item.balanced, item.seconds) == (True, "success", True, 2.5)
    assert item.steps["push"] == "1/2"


def test_records_that_are_unaccounted_for_do_not_balance() -> None:
    assert not Watched("x", counts={"pulled": 5, "acknowledged": 4}).balanced
    assert not Watched("x").balanced


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run(  # our own interpreter
        [sys.executable, "-m", "lienthong.demo", "--help"], capture_output=True, text=True, check=True
    )
    assert "--sandbox-port" in done.stdout
