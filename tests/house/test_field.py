"""What is too heavy for `make test` has a folder and a target of its own; nothing is left out there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIELD = ROOT / "tests" / "field"


def _collected(*options: str) -> str:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *options]
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout


def test_field_tests_are_collected_only_when_they_are_asked_for() -> None:
    """Plain pytest leaves the folder out; with --field every module of it has tests."""
    others = [one for one in FIELD.parent.iterdir() if one.is_dir() and one.name not in ("field", "staging")]
    plain = _collected("tests", *(f"--ignore={path}" for path in others))
    assert "tests/staging" in plain and "tests/field" not in plain
    found = _collected("--field", "tests/field")
    for module in FIELD.glob("test_*.py"):
        assert f"tests/field/{module.name}" in found, module.name


def test_the_target_asks_for_them_all() -> None:
    """`make test-field` names the folder and the option, and no selection."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    target = re.search(r"^test-field: .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert target is not None
    (line,) = [line for line in target[1].splitlines() if "pytest" in line]
    assert "--field" in line and "tests/field" in line
    assert not re.search(r" -k| --deselect| --ignore| -m(?! pytest)", line)


def test_nothing_there_is_skipped_in_silence(tmp_path: Path) -> None:
    """A field test that is skipped fails, and says why."""
    (tmp_path / "conftest.py").write_text((FIELD / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_one.py").write_text(
        "import pytest\n\ndef test_one():\n    pytest.skip('no such counterpart')\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    command.append(str(tmp_path))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert "1 failed" in done.stdout and "no such counterpart" in done.stdout
