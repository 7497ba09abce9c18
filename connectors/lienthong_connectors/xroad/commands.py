"""``lienthong xroad``: ask a Security Server who is there, what they offer and how it is described."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lienthong.faults import file_faults

if TYPE_CHECKING:
    import argparse

    from lienthong_connectors.http.client import Client
    from lienthong_connectors.xroad.identifiers import Member
    from lienthong_connectors.xroad.route import SecurityServer


def add_commands(commands: Any) -> None:
    """Add the command to the parser of ``lienthong``."""
    parser = commands.add_parser("xroad", help="ask a Security Server who is there and what they offer")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = _verb(verbs, "clients", "list members and subsystems", _clients)
    listing.add_argument("--instance", default="", help="of a federated instance instead of ours")
    methods = _verb(verbs, "methods", "list a provider's services, REST and SOAP", _methods)
    methods.add_argument("--allowed", action="store_true", help="only those that we may call")
    openapi = _verb(verbs, "openapi", "print the OpenAPI description of a REST service", _openapi)
    wsdl = _verb(verbs, "wsdl", "print the WSDL of a SOAP service", _wsdl)
    wsdl.add_argument("--version", default="", help="version of the service")
    for one in (openapi, wsdl):
        one.add_argument("service", help="code of the service")
        one.add_argument("-o", "--output", type=Path, help="write to a file instead")
    for one in (methods, openapi, wsdl):
        one.add_argument(
            "--provider", default="", help="instance/class/member/subsystem; the connection's own"
        )


def _verb(verbs: Any, name: str, about: str, handler: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=about)
    parser.add_argument("connection", help="connection that goes through X-Road")
    parser.add_argument("--connections", type=Path, help="a connections file (JSON, YAML or .env)")
    parser.set_defaults(handler=handler)
    return parser


@contextmanager
def _asking(args: argparse.Namespace) -> Iterator[tuple[Client, SecurityServer]]:
    from lienthong.connector import Context
    from lienthong.connector.local import local_connections
    from lienthong_connectors.http.client import Client
    from lienthong_connectors.http.transport import Limits
    from lienthong_connectors.xroad.metadata import way_of

    client = Client(local_connections(args.connections)(args.connection), Context(), Limits(), soap=True)
    try:
        yield client, way_of(client)
    finally:
        client.close()


def _provider(args: argparse.Namespace, way: SecurityServer) -> Member:
    from lienthong_connectors.xroad.identifiers import Member

    return Member.parse(args.provider, where="--provider") if args.provider else way.parties.provider


def _clients(args: argparse.Namespace) -> int:
    from lienthong_connectors.xroad.metadata import clients

    with _asking(args) as (client, way):
        for found in clients(client, way, args.instance):
            sys.stdout.write(f"{found.member}\t{found.name}\n")
    return 0


def _methods(args: argparse.Namespace) -> int:
    from lienthong_connectors.xroad.metadata import rest_methods, soap_methods

    with _asking(args) as (client, way):
        provider = _provider(args, way)
        found = rest_methods(client, way, provider, allowed=args.allowed)
        found += soap_methods(client, way, provider, allowed=args.allowed)
    for one in found:
        version = f" {one.service.version}" if one.service.version else ""
        sys.stdout.write(f"{one.kind}\t{one.service}{version}\n")
        for endpoint in one.endpoints:
            sys.stdout.write(f"\t  {endpoint}\n")
    return 0


def _openapi(args: argparse.Namespace) -> int:
    from lienthong_connectors.xroad.metadata import openapi

    with _asking(args) as (client, way):
        return _written(openapi(client, way, _provider(args, way), args.service), args.output)


def _wsdl(args: argparse.Namespace) -> int:
    from lienthong_connectors.xroad.metadata import wsdl

    with _asking(args) as (client, way):
        return _written(wsdl(client, way, _provider(args, way), args.service, args.version), args.output)


def _written(data: bytes, output: Path | None) -> int:
    if output is not None:
        with file_faults("the answer cannot be written", output):
            output.write_bytes(data)
    else:
        sys.stdout.write(data.decode("utf-8", "replace").rstrip("\n") + "\n")
    return 0
