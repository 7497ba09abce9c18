"""``lienthong sample``: ask once, guess what comes, write a starting exchange for a person to decide on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lienthong.errors import Misconfigured

if TYPE_CHECKING:
    import argparse

    from lienthong.connector import Connection
    from lienthong_connectors.starting.plans import Json
    from lienthong_connectors.starting.sampling import Wish


def add_commands(commands: Any) -> None:
    """Add the command to the parser of ``lienthong``."""
    parser = commands.add_parser(
        "sample", help="read a page of a connection, guess types, key and paging, start an exchange from it"
    )
    parser.add_argument("connection", help="connection of kind rest, soap or sql")
    parser.add_argument("place", help="path (rest), operation (soap), or [schema.]table (sql)")
    parser.add_argument("--connections", type=Path, help="a connections file (JSON, YAML or .env)")
    parser.add_argument(
        "--write", type=Path, metavar="FOLDER", help="write a starting exchange into a project"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="what to ask for")
    parser.add_argument("--records", help="rest: dotted path of the list; soap: element that is a record")
    parser.add_argument("--key", default="", help="member that names a record (dotted path)")
    parser.add_argument("--most", type=int, default=100, help="records of the sample (100)")
    parser.add_argument("--name", default="", help="id of the exchange")
    parser.add_argument("--package", default="", help="schemas package to write into")
    parser.add_argument("--provider", default="", help="agency code of who gives the data")
    parser.add_argument("--consumer", default="", help="agency code of who takes it")
    parser.set_defaults(handler=_run)


def _run(args: argparse.Namespace) -> int:
    from lienthong.connector.local import local_connections
    from lienthong_connectors.starting.sampling import Wish

    if args.most < 1:
        raise Misconfigured("a sample has at least one record", where="--most")
    connection = local_connections(args.connections)(args.connection)
    pairs = [given.partition("=") for given in args.set]
    wish = Wish(
        args.place,
        {name: value for name, _, value in pairs},
        args.records,
        args.key,
        args.name,
        args.provider,
        args.consumer,
        args.most,
    )
    kind = connection.kind.removeprefix("lienthong_")
    if kind == "soap":
        return _soap(connection, wish, args)
    if kind not in ("rest", "sql"):
        raise Misconfigured(
            f"a sample of a connection of type {connection.kind!r} cannot be read",
            where=f"connection {connection.id!r}",
            hint="lienthong_rest, lienthong_soap or lienthong_sql",
        )
    return _plain(connection, wish, args, kind)


def _plain(connection: Connection, wish: Wish, args: argparse.Namespace, kind: str) -> int:
    from lienthong_connectors.starting import sample_rest, sample_sql
    from lienthong_connectors.starting.files import advice, dag_file, write

    found = (sample_rest if kind == "rest" else sample_sql).sample(connection, wish)
    _tell(found.count, found.schema)
    if not args.write:
        sys.stdout.write("\n" + "\n".join(_settings(dag_file(found.plan))) + "\n")
        return 0
    for path in write(found.plan, args.write, args.package):
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write(advice(found.plan, args.write))
    return 0


def _soap(connection: Connection, wish: Wish, args: argparse.Namespace) -> int:
    from lienthong_connectors.soap.starter_files import dag_file
    from lienthong_connectors.starting.sample_soap import sample, write_sampled

    starter, documents, count, schema = sample(connection, wish)
    _tell(count, schema)
    if not args.write:
        sys.stdout.write("\n" + "\n".join(_settings(dag_file(starter, "WSDL", documents.digest))) + "\n")
        return 0
    for path in write_sampled(starter, documents, args.write, args.package):
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write(f"next: pip install -e {args.write}, decide each 'undecided' class and each TODO\n")
    return 0


def _settings(dag: str) -> list[str]:
    """Return the lines of a DAG file that say how records are read."""
    lines = dag.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("service = "))
    return lines[start : lines.index(")", start) + 1]


def _tell(count: int, schema: Json) -> None:
    """Show the types that the sample has, and none of its values."""
    from rich.console import Console
    from rich.tree import Tree

    from lienthong_connectors.openapi.tree import add_members

    root = Tree(f"{count} records; their types as these show them, ? where some have none")
    add_members(root, schema)
    Console(width=None if sys.stdout.isatty() else 200).print(root)
