"""Writes the package of a new connector: settings, source, target, tests, entry point, docs.

The templates are the files of ``templates``; ``@kind@``, ``@Kind@``, ``@KIND@``, ``@package@`` and
``@distribution@`` are replaced in their texts and names. What is written works as it is, on a
folder of JSON files, and passes the conformance suite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from lienthong.connector import connector_kinds
from lienthong.errors import Misconfigured

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 40
_SUFFIX = ".tmpl"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the folder, and its files in order."""

    folder: Path
    files: tuple[Path, ...]


def write_connector(kind: str, parent: Path) -> Written:
    """Write the package of connector ``kind`` into a new folder under ``parent``.

    Raises `Misconfigured` where the name is no module name or taken by an installed connector, or
    where the folder is there already. Either everything is written or nothing.
    """
    _check_name(kind)
    words = _words(kind)
    folder = parent / words["distribution"]
    if folder.exists():
        raise Misconfigured(
            "there is such a folder already", where=str(folder), hint="name another with --to"
        )
    texts = {folder / name: text for name, text in _rendered(words)}
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Misconfigured(
            f"the package cannot be written: {error.strerror}",
            where=str(folder),
            hint="name a folder that you may write to with --to",
        ) from None
    return Written(folder, tuple(texts))


def _check_name(kind: str) -> None:
    if not _NAME.fullmatch(kind) or len(kind) > _LONGEST:
        raise Misconfigured(
            f"{kind!r} cannot be a connector's name",
            hint=f"lower-case words joined by underscores, such as land_registry, at most {_LONGEST} letters",
        )
    if kind in connector_kinds():
        raise Misconfigured(f"a connector {kind!r} is installed already", hint="choose another name")


def _words(kind: str) -> dict[str, str]:
    camel = "".join(part.capitalize() for part in kind.split("_"))
    return {
        "kind": kind,
        "Kind": camel,
        "KIND": kind.upper(),
        "package": f"lienthong_connector_{kind}",
        "distribution": f"lienthong-connector-{kind.replace('_', '-')}",
    }


def _rendered(words: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, template in sorted(_templates(files("lienthong.scaffold") / "templates", "")):
        yield _filled(name.removesuffix(_SUFFIX), words), _filled(template, words)


def _templates(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for item in folder.iterdir():
        name = f"{prefix}{item.name}"
        if item.is_dir():
            yield from _templates(item, f"{name}/")
        elif name.endswith(_SUFFIX):
            yield name, item.read_text(encoding="utf-8")


def _filled(text: str, words: dict[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(f"@{name}@", word)
    return text
