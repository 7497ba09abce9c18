"""Writes the page of settings from descriptors: ``python -m lienthong.testing.settings_page FILE``.

Without a file the page goes to standard output. REST, SOAP and SQL are there with their connection forms, the
settings of each role, and the classes that these settings take, in the order of the packages.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from lienthong.connector import ConnectorDescriptor, Option, connector
from lienthong.connector.descriptor import options_of

KINDS = ("rest", "soap", "sql")
_HEAD = """# Settings of the connectors

<!-- Written by `make settings` from the connectors' descriptors; edit the `doc` of the option there. -->

Every field of the connections and every option of the settings, as `lienthong connector describe KIND`
prints them. What they are for, with examples, is in [rest.md](rest.md), [soap.md](soap.md) and
[sql.md](sql.md).
"""


def page() -> str:
    """Return the page (Markdown)."""
    lines = [_HEAD]
    for kind in KINDS:
        lines += _connector(connector(kind))
    return "\n".join(lines) + "\n"


def _connector(found: ConnectorDescriptor) -> Iterator[str]:
    yield f"## {found.kind}: {found.title.en}\n"
    yield f"{found.title.vi}. {found.summary.en}.\n"
    yield f"### Connection `{found.connection_type}`\n"
    yield "| field | | default | meaning |\n|---|---|---|---|"
    for item in found.connection:
        marks = [word for word, said in (("required", item.required), ("secret", item.secret)) if said]
        default = "" if item.default is None else f"`{item.default}`"
        choices = f" ({', '.join(item.choices)})" if item.choices else ""
        yield f"| `{item.name}` | {', '.join(marks)} | {default} | {_cell(item.doc + choices)} |"
    yield ""
    for role, settings in found.settings.items():
        yield from _table(f"{settings.__name__} ({role})", found.options(role))
    for further in _further(found):
        yield from _table(further.__name__, options_of(further))


def _further(found: ConnectorDescriptor) -> Iterator[Any]:
    """Yield the documented classes that a connector's package offers beside the roles' settings."""
    roles = set(found.settings.values())
    packages = {settings.__module__.rpartition(".")[0] for settings in roles}
    for package in sorted(packages):
        module = import_module(package)
        for name in getattr(module, "__all__", ()):
            item = getattr(module, name)
            if isinstance(item, type) and dataclasses.is_dataclass(item) and item not in roles:
                yield item


def _table(title: str, options: list[Option]) -> Iterator[str]:
    yield f"### {title}\n"
    if not options:
        yield "It has no options.\n"
        return
    yield "| option | type | default | meaning |\n|---|---|---|---|"
    for item in options:
        default = "required" if item.required else f"`{_cell(item.default)}`"
        yield f"| `{item.name}` | `{_cell(item.type)}` | {default} | {_cell(item.doc)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> int:
    """Write the page to the file that is named, or to standard output."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
