"""The suite is only worth something if it fails: every broken connector must be caught."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lienthong.testing.hostile.rows import ROWS

HERE = Path(__file__).parent
_CLASS = re.compile(
    r'^class (Test\w+)\(\w+Mutant\):\n(?:    """.*"""\n\n)?    caught_by = "([^"]+)"', re.MULTILINE
)
HEALTHY = (
    "TestSource",
    "TestTarget",
    "TestLookup",
    "TestHostileSource",
    "TestHostileTarget",
    "TestHostileLookup",
    "TestHostileTable",
)
MUTANTS = {
    name: test
    for file in sorted(HERE.glob("mutants_*.py"))
    for name, test in _CLASS.findall(file.read_text())
}

Outcomes = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """How every test of the suite ended on every connector: one run in a process of its own."""
    report = tmp_path_factory.mktemp("mutants") / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-c", os.devnull, "--rootdir", str(HERE), f"--junitxml={report}"]
    command += [
        "-o",
        "python_files=[hm]*.py",
        "memory_suite.py",
        "hostile_suite.py",
        "mutants_sources.py",
        "mutants_targets.py",
        "mutants_lookups.py",
        "mutants_hostile.py",
    ]
    paths = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    environment = os.environ | {"PYTHONPATH": paths}
    run = subprocess.run(  # noqa: S603 - our own interpreter and files
        command, cwd=HERE, env=environment, check=False, capture_output=True, text=True, timeout=1200
    )
    assert report.exists(), run.stdout + run.stderr
    cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - written by the run above
    return {
        (case.get("classname", "").partition(".")[2], case.get("name", "")): _outcome(case) for case in cases
    }


def _outcome(case: ET.Element) -> str:
    return next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")


def test_the_healthy_connectors_pass_everything(outcomes: Outcomes) -> None:
    healthy = {key: outcome for key, outcome in outcomes.items() if key[0] in HEALTHY}
    assert len(healthy) > 220
    assert {key for key, outcome in healthy.items() if outcome in ("failure", "error")} == set()


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_broken_connector_is_caught(mutant: str, outcomes: Outcomes) -> None:
    assert outcomes[mutant, MUTANTS[mutant]] == "failure"


def test_every_test_of_the_suite_catches_something(outcomes: Outcomes) -> None:
    names = {name.partition("[")[0] for (_, name) in outcomes}
    catching = {name.partition("[")[0] for name in MUTANTS.values()}
    assert names - catching == set()


def test_every_row_of_the_matrix_catches_something() -> None:
    """A row that no broken connector fails would prove nothing."""
    assert set(ROWS) == {test.partition("[")[2][:-1] for name, test in MUTANTS.items()} & set(ROWS)
