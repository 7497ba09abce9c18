"""A new connector's package: written, installed, tested and found, as an author would do it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lienthong.errors
from lienthong.cli import main
from lienthong.connector import registry

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("authors")
    assert main(["connector", "new", "land_registry", "--to", str(parent)]) == 0
    return parent / "lienthong-connector-land-registry"


def python(folder: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package installed into a folder of its own, from its own pyproject.toml."""
    site = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(site)]
    done = python(package, "-m", "pip", "--disable-pip-version-check", "install", *options, ".")
    assert done.returncode == 0, done.stderr
    return site


def test_its_tests_pass_as_generated(package: Path) -> None:
    """The conformance suite finds nothing to object to in what was written."""
    done = python(package, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "44 passed" in done.stdout


def test_it_satisfies_linter_and_type_checker(package: Path) -> None:
    """An author begins with code that ruff's defaults, import order and mypy --strict accept."""
    ruff = python(package, "-m", "ruff", "check", "--isolated", "--select", "E,F,I,D1,UP,B", "--ignore",
                  "D107,D105", "--line-length", "110", "src")  # fmt: skip
    assert ruff.returncode == 0, ruff.stdout
    shape = python(package, "-m", "ruff", "format", "--isolated", "--line-length", "110", "--check", ".")
    assert shape.returncode == 0, shape.stdout
    types = python(package, "-m", "mypy", "--strict", "--cache-dir", os.devnull, "src")
    assert types.returncode == 0, types.stdout


def test_it_is_found_once_installed(package: Path, installed: Path) -> None:
    """Its entry point makes it a connector like ours: listed and described."""
    done = python(package, "-m", "lienthong.cli", "connector", "describe", "land_registry", path=installed)
    assert done.returncode == 0, done.stderr
    assert "LandRegistrySource" in done.stdout
    assert "page_size" in done.stdout


def test_two_distributions_with_one_name_are_both_named(
    installed: Path, tmp_path: Path, package: Path
) -> None:
    """A name claimed twice is refused with both distributions; a list of allowed ones ends the dispute."""
    rival = tmp_path / "rival-1.0.dist-info"
    rival.mkdir()
    (rival / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 1.0\n")
    (rival / "entry_points.txt").write_text("[lienthong.connectors]\nland_registry = rival:DESCRIPTOR\n")
    both = Path(f"{installed}{os.pathsep}{tmp_path}")
    done = python(package, "-m", "lienthong.cli", "connector", "list", path=both)
    assert done.returncode == 2
    assert "rival" in done.stderr
    assert "lienthong-connector-land-registry" in done.stderr
    assert registry.ALLOW_LIST in done.stderr


def test_an_allow_list_keeps_other_distributions_out(
    installed: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator names the distributions whose connectors may be loaded; others do not exist."""
    monkeypatch.setenv(registry.ALLOW_LIST, "lienthong")
    done = python(package, "-m", "lienthong.cli", "connector", "list", path=installed)
    assert "rest" in done.stdout
    assert "land_registry" not in done.stdout
    monkeypatch.setenv(registry.ALLOW_LIST, "lienthong-connector-land-registry")
    done = python(package, "-m", "lienthong.cli", "connector", "list", path=installed)
    assert "land_registry" in done.stdout
    assert "rest\t" not in done.stdout


def test_the_page_s_commands_and_files_are_those_that_exist(package: Path, installed: Path) -> None:
    """What "Write a connector in an hour" tells an author to type and to open is what there is."""
    page = (ROOT / "docs/connectors/write-a-connector.md").read_text(encoding="utf-8")
    (console,) = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    assert console.splitlines()[0] == "$ lienthong connector new land_registry"
    assert f"$ cd {package.name}" in console.splitlines()
    for name in re.findall(r"^\| `([\w/]+\.(?:py|md))` \|", page, re.MULTILINE):
        found = [package / name, package / "src/lienthong_connector_land_registry" / name]
        assert any(path.exists() for path in found), name
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    done = python(package, "-c", code, path=installed)
    assert done.returncode == 0, done.stderr
    errors = set(re.findall(r"`(\w+)(?:\(retry_after=seconds\))?`(?: / `(\w+)`)? \|", page))
    named = {name for pair in errors for name in pair if name[:1].isupper()}
    assert named - {"Reason", "Answer"} <= set(dir(lienthong.errors))


@pytest.mark.parametrize(
    ("name", "words"),
    [("Land", "cannot be"), ("9lives", "cannot be"), ("a-b", "cannot be"), ("rest", "installed already")],
)
def test_names_that_cannot_be_are_refused(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name must be a module's and nobody's yet; nothing is written otherwise."""
    assert main(["connector", "new", name, "--to", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_left_alone(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What an author has written is never overwritten."""
    before = (package / "README.md").read_text()
    assert main(["connector", "new", "land_registry", "--to", str(package.parent)]) == 2
    assert "already" in capsys.readouterr().err
    assert (package / "README.md").read_text() == before
