"""Tests that share a server reach one worker, or every worker would start it."""

from __future__ import annotations

from pathlib import Path

from groups import GROUPS, ByServer

ROOT = Path(__file__).parents[2]


def test_a_group_is_handed_out_as_one_and_other_tests_singly() -> None:
    """Whatever the test's parameters are called."""
    scope = ByServer._split_scope
    here = ByServer.__new__(ByServer)
    assert scope(here, "tests/airflow/test_server.py::test_a[x::y@z]") == "airflow"
    assert scope(here, "tests/airflow/test_stale_runs.py::test_b") == "airflow"
    assert scope(here, "tests/core/test_records.py::test_c[a]") == "tests/core/test_records.py::test_c[a]"


def test_the_groups_name_files_that_are_there() -> None:
    """A file that is renamed would silently leave its group."""
    assert [name for name in GROUPS if not (ROOT / name).is_file()] == []


def test_every_file_that_asks_for_the_server_is_in_its_group() -> None:
    """The Airflow of the tests is started once."""
    asking = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests" / "airflow").glob("test_*.py")
        if "server: Any" in path.read_text() or "server: Server" in path.read_text()
    ]
    assert asking and {GROUPS.get(name) for name in asking} == {"airflow"}
