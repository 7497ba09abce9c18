"""Every error says by its class what to do next."""

from __future__ import annotations

import ast
from pathlib import Path

from lienthong import errors
from lienthong.cli.main import EXIT_CODES
from lienthong.errors import LienThongError, Misconfigured, Permanent, Refused, Tampered, Transient

ROOT = Path(__file__).parents[2]
CODE = ("core", "connectors", "schemas", "plugins", "sandbox", "dags", "benchmarks", "tools")
GROUPS = {Transient, Permanent, Refused, Misconfigured, Tampered}


def _made(node: ast.AST) -> str:
    """Return the name of the class that an expression calls."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_the_root_is_never_made() -> None:
    """Neither raised nor handed on as a value, anywhere: it would say nothing about what to do."""
    found = []
    for folder in CODE:
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += [
                f"{path.relative_to(ROOT)}:{node.lineno}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and _made(node) == "LienThongError"
            ]
    assert not found, found


def test_every_class_is_below_one_group() -> None:
    """What is added to the tree belongs to exactly one of the five things a caller can do."""
    assert set(LienThongError.__subclasses__()) == GROUPS
    for item in vars(errors).values():
        if isinstance(item, type) and issubclass(item, LienThongError) and item is not LienThongError:
            assert len([group for group in GROUPS if issubclass(item, group)]) == 1, item


def test_every_group_has_an_exit_code() -> None:
    """The command line answers each group with a number that the docs name."""
    assert set(EXIT_CODES) == GROUPS
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("Exit codes:")]
    for code in {0, 70, 130, *EXIT_CODES.values()}:
        assert f"{code} " in line, code
