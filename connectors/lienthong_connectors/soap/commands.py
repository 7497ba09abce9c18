"""``lienthong wsdl``: look at a WSDL, keep it, compare it, write a starting exchange from it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from lienthong.connector import Connection
    from lienthong_connectors.soap.documents import Documents
    from lienthong_connectors.soap.starter import Starter
    from lienthong_connectors.soap.wsdl import Description


def add_commands(commands: Any) -> None:
    """Add the command to the parser of ``lienthong``."""
    parser = commands.add_parser("wsdl", help="look at a WSDL, keep it offline, start an exchange from it")
    parser.add_argument("where", help="file, catalogue folder, package:name/path or URL of a WSDL")
    parser.add_argument("--host", action="append", default=[], help="another host that it may be read from")
    parser.add_argument(
        "--root", type=Path, help="folder whose files a local one may refer to (../lib/x.xsd)"
    )
    parser.add_argument("--connection", help="connection whose credentials its own address is shown")
    parser.add_argument("--connections", type=Path, help="a connections file (JSON, YAML or .env)")
    parser.add_argument("--fetch", type=Path, metavar="FOLDER", help="keep it as an offline catalogue")
    parser.add_argument("--compare", metavar="OTHER", help="tell what is different in another WSDL")
    parser.add_argument("--operation", help="show, or write, this operation only")
    parser.add_argument(
        "--write", type=Path, metavar="FOLDER", help="write a starting exchange into a project"
    )
    parser.add_argument("--as", dest="role", choices=("source", "target", "lookup"), default="source")
    parser.add_argument("--record", default="", help="element of the answer that is a record")
    parser.add_argument("--key", default="", help="member that names a record (dotted path)")
    parser.add_argument("--set", action="append", default=[], metavar="MEMBER=VALUE", help="request member")
    parser.add_argument("--name", default="", help="id of the exchange")
    parser.add_argument("--connection-id", default="", help="connection id that the exchange names")
    parser.add_argument("--package", default="", help="schemas package to write into")
    parser.add_argument("--provider", default="", help="agency code of who gives the data")
    parser.add_argument("--consumer", default="", help="agency code of who takes it")
    parser.set_defaults(handler=_run)


def _run(args: argparse.Namespace) -> int:
    documents = _documents(args.where, args)
    if args.compare:
        return _compare(documents, args)
    if args.fetch:
        return _fetch(documents, args.fetch)
    return _write(documents, args) if args.write else _show(documents, args.operation or "")


def _documents(where: str, args: argparse.Namespace) -> Documents:
    from lienthong_connectors.soap.fetch import documents_at

    return documents_at(where, hosts=tuple(args.host), connection=_connection(args), root=args.root)


def _connection(args: argparse.Namespace) -> Connection | None:
    if not args.connection:
        return None
    from lienthong.connector.local import local_connections

    return local_connections(args.connections)(args.connection)


def _show(documents: Documents, operation: str) -> int:
    from rich.console import Console

    from lienthong_connectors.soap.tree import draw
    from lienthong_connectors.soap.wsdl import understood

    description = understood(documents)
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(draw(description, operation))
    return 0 if operation else _complete(description)


def _complete(description: Description) -> int:
    """Say what a description lacks; return the exit code for it."""
    said = description.incomplete
    if said:
        sys.stderr.write(f"{said}; ask the agency for the whole WSDL\n")
    return 1 if said else 0


def _fetch(documents: Documents, folder: Path) -> int:
    from lienthong_connectors.soap.catalogue import write_catalogue
    from lienthong_connectors.soap.wsdl import understood

    description = understood(documents)
    write_catalogue(folder, documents)
    sys.stdout.write(f"{len(documents.own)} documents in {folder}\nwsdl_digest {documents.digest}\n")
    return _complete(description)


def _compare(documents: Documents, args: argparse.Namespace) -> int:
    from lienthong_connectors.soap.drift import changes
    from lienthong_connectors.soap.wsdl import understood

    other = _documents(args.compare, args)
    found = changes(understood(documents), understood(other))
    for line in found:
        sys.stdout.write(f"{line}\n")
    same = documents.digest == other.digest
    if not found:
        sys.stdout.write("the same documents\n" if same else "other documents that say the same\n")
    return 2 if found else 0


def _write(documents: Documents, args: argparse.Namespace) -> int:
    from lienthong.errors import Misconfigured
    from lienthong_connectors.soap.starter import Wish, plan
    from lienthong_connectors.soap.starter_files import write
    from lienthong_connectors.soap.wsdl import understood

    if not args.operation:
        raise Misconfigured("no operation is chosen", where="--write", hint="name one with --operation")
    pairs = [text.partition("=") for text in args.set]
    wish = Wish(
        args.operation,
        args.role,
        record=args.record,
        key=args.key,
        name=args.name,
        provider=args.provider,
        consumer=args.consumer,
        connection=args.connection_id or args.connection or "",
        values={name: value for name, _, value in pairs},
    )
    starter = plan(understood(documents), wish)
    for path in write(starter, documents, args.write, args.package):
        sys.stdout.write(f"wrote {path}\n")
    _advise(starter, args.write)
    return 0


def _advise(starter: Starter, folder: Path) -> None:
    """Say what is left to do before the first run."""
    sys.stdout.write(
        f"next: pip install -e {folder}, decide each TODO, give the connections {starter.connection!r} "
        f"(lienthong_soap, host {starter.address or 'of the service'}) and 'database' (lienthong_sql), then\n"
        f"  lienthong check {folder / 'dags' / starter.name}.py\n"
        f"  lienthong run {folder / 'dags' / starter.name}.py --limit 20\n"
    )
