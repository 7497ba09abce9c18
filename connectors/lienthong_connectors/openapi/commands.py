"""``lienthong openapi``: look at an OpenAPI document, keep it, write a starting exchange from it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from lienthong_connectors.openapi.documents import Documents


def add_commands(commands: Any) -> None:
    """Add the command to the parser of ``lienthong``."""
    parser = commands.add_parser(
        "openapi", help="look at an OpenAPI document, keep it offline, start an exchange from it"
    )
    parser.add_argument("where", help="file, catalogue folder or URL of an OpenAPI 3 or Swagger 2 document")
    parser.add_argument("--host", action="append", default=[], help="another host that it may be read from")
    parser.add_argument("--connection", help="connection whose credentials its own address is shown")
    parser.add_argument("--connections", type=Path, help="a connections file (JSON, YAML or .env)")
    parser.add_argument("--fetch", type=Path, metavar="FOLDER", help="keep it as an offline catalogue")
    parser.add_argument(
        "--operation", default="", help="operationId, or method and path: show or write it only"
    )
    parser.add_argument(
        "--write", type=Path, metavar="FOLDER", help="write a starting exchange into a project"
    )
    parser.add_argument("--as", dest="role", choices=("source", "target"), default="source")
    parser.add_argument("--records", help="dotted path of the list of records in the answer")
    parser.add_argument("--key", default="", help="member that names a record (dotted path)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PARAMETER=VALUE", help="what to ask for"
    )
    parser.add_argument("--name", default="", help="id of the exchange")
    parser.add_argument("--connection-id", default="", help="connection id that the exchange names")
    parser.add_argument("--package", default="", help="schemas package to write into")
    parser.add_argument("--provider", default="", help="agency code of who gives the data")
    parser.add_argument("--consumer", default="", help="agency code of who takes it")
    parser.set_defaults(handler=_run)


def _run(args: argparse.Namespace) -> int:
    documents = _documents(args)
    if args.fetch:
        return _fetch(documents, args.fetch)
    return _write(documents, args) if args.write else _show(documents, args.operation)


def _documents(args: argparse.Namespace) -> Documents:
    from lienthong_connectors.openapi.documents import documents_at

    if not args.where.startswith(("http://", "https://")):
        return documents_at(args.where)
    from lienthong.connector.local import local_connections
    from lienthong_connectors.openapi.fetch import documents_from

    connection = local_connections(args.connections)(args.connection) if args.connection else None
    return documents_from(args.where, hosts=tuple(args.host), connection=connection)


def _show(documents: Documents, operation: str) -> int:
    from rich.console import Console

    from lienthong_connectors.openapi.operations import Description
    from lienthong_connectors.openapi.starter import chosen
    from lienthong_connectors.openapi.tree import draw

    said = Description(documents.root, documents.main)
    only = chosen(said, operation).name if operation else ""
    Console(width=None if sys.stdout.isatty() else 200).print(draw(documents, said, only))
    return 0


def _fetch(documents: Documents, folder: Path) -> int:
    from lienthong_connectors.openapi.documents import write_catalogue
    from lienthong_connectors.openapi.operations import Description

    Description(documents.root, documents.main)
    write_catalogue(folder, documents)
    sys.stdout.write(f"{len(documents.files)} documents in {folder}\ndigest {documents.digest}\n")
    return 0


def _write(documents: Documents, args: argparse.Namespace) -> int:
    from lienthong.errors import Misconfigured
    from lienthong_connectors.openapi.operations import Description
    from lienthong_connectors.openapi.starter import Wish, plan
    from lienthong_connectors.starting.files import advice, write

    if not args.operation:
        raise Misconfigured("no operation is chosen", where="--write", hint="name one with --operation")
    pairs = [given.partition("=") for given in args.set]
    wish = Wish(
        args.operation,
        args.role,
        records=args.records,
        key=args.key,
        name=args.name,
        provider=args.provider,
        consumer=args.consumer,
        connection=args.connection_id or args.connection or "",
        values={name: value for name, _, value in pairs},
    )
    made = plan(Description(documents.root, documents.main), wish)
    for path in write(made, args.write, args.package):
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write(advice(made, args.write))
    return 0
