"""``lienthong codes``: what the result codes of national services mean."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lienthong.connector.codes import CodeTable


def add_commands(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("codes", help="print what the result codes of national services mean")
    parser.add_argument("name", nargs="?", help="a table (default: list the tables)")
    parser.set_defaults(handler=_codes)


def _codes(args: argparse.Namespace) -> int:
    from rich.console import Console

    from lienthong.errors import UnknownName

    tables = _tables()
    if args.name is None:
        Console().print(_overview(tables))
        return 0
    if args.name not in tables:
        known = ", ".join(sorted(tables)) or "none"
        raise UnknownName(f"there is no table of codes {args.name!r}", hint=f"there are: {known}")
    found = tables[args.name]
    Console().print(_listing(found), f"Source: {found.source}\nDigest: {found.digest}", sep="\n")
    return 0


def _tables() -> dict[str, CodeTable]:
    """Return the tables of all installed connectors by name."""
    from lienthong.connector import connector, connector_kinds
    from lienthong.connector.codes import code_table, code_tables

    packages = {connector(kind).codes for kind in connector_kinds()} - {""}
    return {name: code_table(package, name) for package in sorted(packages) for name in code_tables(package)}


def _overview(tables: dict[str, CodeTable]) -> Any:
    from rich.table import Table

    shown = Table("name", "codes", "service", title="tables of result codes")
    for name, found in sorted(tables.items()):
        shown.add_row(name, str(len(found.codes)), f"{found.title.en} / {found.title.vi}")
    return shown


def _listing(found: CodeTable) -> Any:
    from rich.table import Table

    shown = Table("code", "meaning", "English", "tiếng Việt", title=f"{found.title.en} / {found.title.vi}")
    for item in found.codes.values():
        shown.add_row(item.code, item.meaning, item.text.en, item.text.vi)
    return shown
