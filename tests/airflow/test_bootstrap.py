"""The set-up script: one clear sentence for each thing that may be wrong, nothing done twice."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Stands for an interpreter: answers the version question, lacks or has venv, records what pip does.
PYTHON = """#!/bin/sh
case "$*" in
  *version_info*) exit {supported} ;;
  *python_version*) echo {version} ;;
  *ensurepip*) exit {venv} ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip "*) echo "$@" >>"{log}"; {pip} ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with the script, a lock file and an interpreter named ``python-fake``."""
    for name in ("tools", "requirements", "bin"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "tools" / "bootstrap", tmp_path / "tools" / "bootstrap")
    for name in ("run", "dev", "bench"):
        (tmp_path / "requirements" / f"{name}.lock").write_text(f"{name}\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    _interpreter(tmp_path)
    return tmp_path


def _interpreter(
    project: Path, *, supported: int = 0, version: str = "3.11.2", venv: int = 0, pip: str = "exit 0"
) -> None:
    path = project / "bin" / "python-fake"
    text = PYTHON.format(supported=supported, version=version, venv=venv, pip=pip, log=project / "pip.log")
    path.write_text(text)
    path.chmod(0o755)


def _bootstrap(project: Path, kind: str = "run", **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{project / 'bin'}:{os.environ['PATH']}"
    env = {"PATH": path, "PYTHON": "python-fake"} | variables
    script = str(project / "tools" / "bootstrap")
    return subprocess.run([script, kind], env=env, capture_output=True, text=True, check=False)  # noqa: S603  # ours


def _sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert done.stderr.startswith("Set-up stopped: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_second_time_does_nothing(project: Path) -> None:
    assert _bootstrap(project).returncode == 0
    calls = (project / "pip.log").read_text()
    assert "--require-hashes -r requirements/run.lock" in calls
    assert "--no-deps --no-build-isolation --editable ." in calls
    again = _bootstrap(project)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert (project / "pip.log").read_text() == calls


def test_the_larger_set_serves_the_smaller(project: Path) -> None:
    assert _bootstrap(project, "dev").returncode == 0
    assert _bootstrap(project, "run").stdout == ""


def test_a_changed_lock_is_installed(project: Path) -> None:
    _bootstrap(project)
    (project / "requirements" / "run.lock").write_text("other\n")
    assert "Installing" in _bootstrap(project).stdout


def test_a_wrong_python_is_named(project: Path) -> None:
    _interpreter(project, supported=1, version="3.9.1")
    assert "Python 3.11 or 3.12 is needed, but python-fake is 3.9.1" in _sentence(_bootstrap(project))


def test_no_python_at_all(project: Path) -> None:
    assert "there is no python-nowhere" in _sentence(_bootstrap(project, PYTHON="python-nowhere"))


def test_a_missing_venv_module_names_the_package(project: Path) -> None:
    _interpreter(project, venv=1)
    assert "apt-get install python3-venv" in _sentence(_bootstrap(project))


@pytest.mark.parametrize(
    ("pip", "said"),
    [
        ("echo 'Temporary failure in name resolution'; exit 1", "is there a network"),
        ("echo 'No space left on device'; exit 1", "the disk is full"),
        (
            "echo 'THESE PACKAGES DO NOT MATCH THE HASHES'; exit 1",
            "is not the one that requirements/run.lock names",
        ),
        ("echo 'something else'; exit 1", "pip could not install"),
    ],
)
def test_a_failed_installation_says_why_and_is_done_again(project: Path, pip: str, said: str) -> None:
    """The half-finished environment is thrown away by the next set-up."""
    _interpreter(project, pip=pip)
    assert said in _sentence(_bootstrap(project))
    _interpreter(project)
    again = _bootstrap(project)
    assert again.returncode == 0
    assert "did not finish" in again.stdout


def test_somebody_elses_environment_is_left_alone(project: Path) -> None:
    (project / ".venv").mkdir()
    (project / ".venv" / "precious").touch()
    assert "was not made by this set-up" in _sentence(_bootstrap(project))
    assert (project / ".venv" / "precious").exists()
