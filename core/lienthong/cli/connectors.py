"""``lienthong connector``: what is installed, what it takes, whether an endpoint answers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lienthong.connector import ConnectorDescriptor, Finding
    from lienthong.exchange import Exchange


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser("connector", help="list, describe and check connectors")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="list the installed connectors").set_defaults(handler=_list)
    describe = verbs.add_parser("describe", help="print a connector's connection form and settings")
    describe.add_argument("kind")
    describe.set_defaults(handler=_describe)
    new = verbs.add_parser("new", help="write the package of a new connector, with its tests")
    new.add_argument("name", help="lower-case words joined by underscores, such as land_registry")
    new.add_argument("--to", type=Path, default=Path(), help="folder to make the package's folder in (.)")
    new.set_defaults(handler=_new)
    check = verbs.add_parser(
        "check", help="test the endpoints of a DAG file's exchanges, without side effects"
    )
    check.add_argument("file", type=Path)
    check.add_argument("--exchange")
    check.add_argument("--connections", type=Path, help="a connections file (JSON, YAML or .env)")
    check.add_argument("--vi", action="store_true", help="say in Vietnamese what can be said so")
    check.set_defaults(handler=_check)


def _list(_args: argparse.Namespace) -> int:
    from lienthong.connector import connector, connector_kinds

    for kind in connector_kinds():
        found = connector(kind)
        sys.stdout.write(f"{kind}\t{'/'.join(found.settings)}\t{found.summary.en}\n")
    return 0


def _describe(args: argparse.Namespace) -> int:
    from rich.console import Console

    from lienthong.connector import connector

    found = connector(args.kind)
    console = Console()
    console.print(f"[bold]{found.kind}[/] {found.title.en} / {found.title.vi}\n{found.summary.en}\n")
    console.print(_connection_table(found))
    for role in found.settings:
        console.print(_settings_table(found, role))
    return 0


def _connection_table(found: ConnectorDescriptor) -> Any:
    from rich.table import Table

    table = Table(
        "field", "type", "required", "default", "meaning", title=f"connection {found.connection_type}"
    )
    for item in found.connection:
        kind = f"{item.type}, secret" if item.secret else item.type
        default = "" if item.default is None else str(item.default)
        choices = f" ({', '.join(item.choices)})" if item.choices else ""
        table.add_row(item.name, kind, "yes" if item.required else "", default, item.doc + choices)
    return table


def _settings_table(found: ConnectorDescriptor, role: Any) -> Any:
    from rich.table import Table

    table = Table("option", "type", "default", "meaning", title=f"{role}: {found.settings[role].__name__}")
    for item in found.options(role):
        table.add_row(item.name, item.type, "required" if item.required else item.default, item.doc)
    return table


def _new(args: argparse.Namespace) -> int:
    from lienthong.scaffold import write_connector

    written = write_connector(args.name, args.to)
    for path in written.files:
        sys.stdout.write(f"{path}\n")
    sys.stdout.write(
        f"\nIt works as it is, on a folder of JSON files. Next:\n"
        f"  cd {written.folder}\n"
        "  python -m pip install -e .\n"
        "  python -m pytest\n"
        "then put your own system in the place of system.py.\n"
    )
    return 0


def _check(args: argparse.Namespace) -> int:
    from lienthong.cli.exchanges import exchanges_in, one_exchange

    if args.exchange:
        chosen = [one_exchange(args.file, args.exchange)]
    else:
        chosen = list(exchanges_in(args.file).values())
    return max((_check_exchange(exchange, args.connections, vi=args.vi) for exchange in chosen), default=0)


def _check_exchange(exchange: Exchange, file: Path | None, *, vi: bool) -> int:
    from lienthong.cli.deployment import open_archive, open_bus
    from lienthong.pipeline import compile_plan
    from lienthong.pipeline.gate import Gate
    from lienthong.pipeline.health import expiry_findings
    from lienthong.pipeline.places import place_findings

    plan = compile_plan(exchange)
    bus, archive = open_bus(file), open_archive(file)
    context = bus.context(plan, "check")
    worst = 0
    for role in ("source", "lookup", "target"):
        end = getattr(exchange, role)
        if end is None:
            continue
        connection = bus.connections(end.connection)
        opened = getattr(end.connector, f"open_{role}")(connection, context)
        try:
            sys.stdout.write(f"{exchange.id}: {role} {end.connection} ({end.connector.kind})\n")
            findings = [*Gate(bus, connection).findings(), *opened.check()]
            findings += expiry_findings(opened, connection)
            findings += place_findings(archive, plan) if role == "target" else []
            worst = max(worst, _print_findings(findings, vi=vi))
        finally:
            opened.close()
    return worst


def _print_findings(findings: Iterable[Finding], *, vi: bool) -> int:
    """Print findings as a table, one row per step of the way; what to do stands under a failure."""
    rows = list(findings)
    hops = max((len(row.hop) for row in rows), default=0)
    checks = max((len(row.check) for row in rows), default=0)
    for row in rows:
        mark = "ok  " if row.ok else "FAIL"
        said = (vi and row.vi) or row.detail
        place = f"{row.hop:{hops}}  " if hops else ""
        sys.stdout.write(f"  {mark}  {place}{row.check:{checks}}  {said}\n")
        if row.hint and not row.ok:
            sys.stdout.write(f"{'':{8 + len(place) + checks + 2}}{row.hint}\n")
    return 0 if all(row.ok for row in rows) else 2
