"""A project that takes starting exchanges: its schemas package, its pyproject.toml, how files are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from lienthong.errors import Misconfigured
from lienthong.faults import file_faults

_PYPROJECT: Final = """\
[build-system]
requires = ["hatchling", "editables"]
build-backend = "hatchling.build"

[project]
name = "{dashed}"
version = "0.1.0"
requires-python = ">=3.11"

[project.entry-points."lienthong.schemas"]
{package} = "{package}"

[tool.hatch.build.targets.wheel]
packages = ["schemas/{package}"]

[tool.hatch.build]
dev-mode-dirs = ["schemas"]
"""


def package_in(folder: Path) -> str:
    """Return the only schemas package of a project, or the name of a new one; `Misconfigured` for several."""
    found = [path.parent.name for path in sorted(folder.glob("schemas/*/__init__.py"))]
    if len(found) == 1:
        return found[0]
    if found:
        raise Misconfigured(
            "there are several schemas packages",
            where=str(folder / "schemas"),
            hint="name one with --package",
        )
    name = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_") or "my"
    return f"{name if name[0].isalpha() else f'x_{name}'}_schemas"


def package_texts(folder: Path, package: str, what: str) -> dict[Path, str]:
    """Return the texts of a schemas package without content; ``what`` is in it. It may be there already."""
    return {
        folder / "schemas" / package / "__init__.py": f'"""{what}."""\n',
        folder / "pyproject.toml": _PYPROJECT.format(dashed=package.replace("_", "-"), package=package),
    }


def schema_texts(root: Path, datasets: Mapping[str, Any], mappings: Mapping[str, Any]) -> dict[Path, str]:
    """Return the texts of datasets and mappings in a schemas package."""
    return {
        root / kind / f"{ref}.json": json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        for kind, found in (("datasets", datasets), ("mappings", mappings))
        for ref, content in found.items()
    }


def refuse_present(paths: Iterable[Path]) -> None:
    """Raise `Misconfigured` where one of some files exists."""
    for path in paths:
        if path.exists():
            raise Misconfigured("the file exists already", where=str(path), hint="choose another --name")


def write_texts(texts: Mapping[Path, str], folder: Path) -> list[Path]:
    """Write files below a project's folder and return them."""
    with file_faults("the files cannot be written", folder):
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return list(texts)


def agency(code: str, what: str) -> str:
    """Return an agency's code as an argument, or a placeholder that says whose it is."""
    return f"{json.dumps(code)}," if code else f'"H00",  # TODO: agency code of {what}'
