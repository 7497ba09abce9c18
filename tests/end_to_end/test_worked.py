"""The worked exchanges of the documentation, taken out of their pages and run as they stand there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT, CommandLine

from lienthong_sandbox import Province

pytestmark = pytest.mark.slow

PAGES = sorted((ROOT / "docs/connectors/worked").glob("*.md"))
SECRET = "(in connections.json)"
DOCUMENTED = "http://127.0.0.1:18080"


def blocks(page: Path, language: str) -> str:
    """Return the page's one block of a language."""
    text = page.read_text(encoding="utf-8")
    (found,) = re.findall(rf"```{language}\n(.*?)\n```", text, re.DOTALL)
    return str(found)


def filled(given: object, real: object) -> object:
    """Put the sandbox's own secrets where the page leaves them out."""
    if isinstance(given, dict) and isinstance(real, dict):
        return {name: filled(value, real.get(name)) for name, value in given.items()}
    return real if given == SECRET else given


def steps(page: Path) -> list[tuple[list[str], list[str]]]:
    """Return each command with the lines that the page shows below it."""
    found: list[tuple[list[str], list[str]]] = []
    for line in blocks(page, "console").splitlines():
        if line.startswith("$ "):
            found.append((shlex.split(line[2:]), []))
        else:
            found[-1][1].append(line)
    return found


def matches(shown: list[str], printed: str) -> bool:
    """Tell whether what was printed is what the page shows; … stands for anything."""
    pattern = ".*".join(re.escape(part) for part in "\n".join(shown).split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def test_there_is_a_page_for_every_dialect() -> None:
    assert [page.stem[:2] for page in PAGES] == ["a-", "b-", "c-", "d-", "e-"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_as_it_is_written(page: Path, tmp_path: Path) -> None:
    """Its connection is the sandbox's, its exchange compiles, its commands print what it shows."""
    home = tmp_path / "home"
    command_line = CommandLine(home, tmp_path / "connections.json")
    with Province(tmp_path / "province") as province:
        real = province.connections()
        for name, given in json.loads(blocks(page, "json").replace(DOCUMENTED, province.url)).items():
            assert filled(given, real[name]) == real[name]
            real[name] = filled(given, real[name])  # type: ignore[assignment]  # an object like the real one
        command_line.connections.write_text(json.dumps(real), encoding="utf-8")
        (name,) = re.findall(r"Save it as `([\w.-]+)`", page.read_text(encoding="utf-8"))
        (tmp_path / name).write_text(blocks(page, "python"), encoding="utf-8")
        first, *others = steps(page)
        assert first[0][:3] == ["lienthong", "sandbox", "up"]
        for (program, *arguments), shown in others:
            assert program == "lienthong"
            done = subprocess.run(  # noqa: S603 - our own command
                [sys.executable, "-m", "lienthong.cli", *arguments],
                env=command_line.environment, cwd=tmp_path, text=True, capture_output=True, check=False,
                timeout=900,
            )  # fmt: skip
            printed = done.stdout.replace(f"port {province.port} ", "port 18080 ")
            assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
            assert matches(shown, printed), f"{arguments}\n{printed}"
        granted = sum(line["count"] for line in province.log("one_stop") if line["operation"] == "token")
    if page.stem == "a-oauth2":
        assert granted == 1, "one token for a check and two runs, in processes of their own"
