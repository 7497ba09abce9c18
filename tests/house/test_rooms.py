"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("core", "connectors", "schemas", "plugins", "sandbox", "dags", "benchmarks", "tools")
MODULE_LINES = 400
FUNCTION_LINES = 50


def _modules() -> Iterator[Path]:
    for folder in CODE:
        yield from (path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def test_rooms_are_small() -> None:
    """No module above 400 lines, no function above 50."""
    large = []
    for path in _modules():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MODULE_LINES:
            large.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > FUNCTION_LINES:
                    large.append(f"{path.relative_to(ROOT)}:{node.name}: {length} lines")
    assert not large, large


def test_source_roots_hold_one_package_and_no_init() -> None:
    """Nothing generic enters the import namespace."""
    roots = {
        "core": "lienthong",
        "connectors": "lienthong_connectors",
        "schemas": "lienthong_schemas",
        "plugins": "lienthong_audit",
        "sandbox": "lienthong_sandbox",
    }
    for root, package in roots.items():
        found = {path.name for path in (ROOT / root).iterdir() if path.name != "__pycache__"}
        assert found - {".airflowignore"} == {package}, root
    assert (ROOT / "plugins" / ".airflowignore").read_text(encoding="utf-8").strip() == "*"


@pytest.mark.parametrize("name", ["run", "dev", "bench", "production"])
def test_locks_pin_with_hashes_and_name_no_index(name: str) -> None:
    """Every requirement has a hash; where packages come from is the installer's matter."""
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    entries = re.findall(r"^(\S+==\S+)", text, re.MULTILINE)
    assert len(entries) > 50
    assert text.count("--hash=sha256:") >= len(entries)


def test_links_in_the_documents_lead_somewhere() -> None:
    """Every relative link of a Markdown file names a file that exists."""
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert not broken, broken


def _anchor(heading: str) -> str:
    """Return the anchor that a heading gets where Markdown is shown (GitHub's rule)."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"[`*]", "", heading.strip().lower()))
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def test_anchors_in_the_documents_lead_to_headings() -> None:
    """A link to a place in a page names a heading that is there, so that pages can be split and renamed."""
    texts = {
        page.resolve(): re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    }
    anchors = {
        page: {_anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        for page, text in texts.items()
    }
    broken = [
        f"{page.relative_to(ROOT)}: {link}#{anchor}"
        for page, text in texts.items()
        for link, anchor in re.findall(r"\]\(([^)#:\s]*)#([^)]*)\)", text)
        if anchor not in anchors.get((page.parent / link).resolve() if link else page, {anchor})
    ]
    assert not broken, broken


def test_examples_in_the_readme_are_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's first exchange compiles against the catalogue as it stands there."""
    from lienthong.cli.exchanges import one_exchange
    from lienthong.pipeline import compile_plan

    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    (example,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    file = tmp_path / "my_first_exchange.py"
    file.write_text(example, encoding="utf-8")
    assert compile_plan(one_exchange(file, None)).dataset.ref == "onestop.civil-registration/1"
