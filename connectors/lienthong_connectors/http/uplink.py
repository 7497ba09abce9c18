"""Which way a connection's requests go: its extra ``uplink`` and the profile that stands for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from lienthong.connector import Connection, Context
from lienthong.errors import Misconfigured
from lienthong_connectors.http.auth import Dialect
from lienthong_connectors.http.fields import base_url
from lienthong_connectors.http.gateway_errors import ADAPTER, API_MANAGER
from lienthong_connectors.http.login import dialect
from lienthong_connectors.http.route import GatewayCredential, Route
from lienthong_connectors.http.transport import Transport
from lienthong_connectors.http.trouble import Trouble
from lienthong_connectors.http.uplink_fields import UPLINK_AUTH, UPLINKS

_NEEDED = {
    "basic": ("uplink_login",),
    "bearer": ("uplink_token",),
    "api-key": ("uplink_token",),
    "oauth2": ("uplink_login", "uplink_password", "uplink_token_url"),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """How one kind of gateway is spoken to.

    ``gateway`` is what checks call it; ``prefix`` goes before the service's path, ``service`` names
    the service: in the path behind the prefix, or in ``target_header`` where there is one.
    ``correlation_header`` carries the correlation id. ``code_paths`` say where in an error's JSON
    the gateway's code stands, ``troubles`` what the codes mean.
    """

    gateway: str
    prefix: str = ""
    service: str = ""
    target_header: str = ""
    correlation_header: str = ""
    code_paths: tuple[str, ...] = ()
    troubles: Mapping[str, Trouble] = field(default_factory=dict)


PROFILES: Mapping[str, Profile] = {
    "ndxp": Profile(
        "NDXP gateway",
        correlation_header="activityid",
        code_paths=("fault.code", "code"),
        troubles=API_MANAGER,
    ),
    "vxp": Profile(
        "VXP adapter",
        prefix="/XrdAdapter/RestService/forward",
        target_header="dstcode",
        code_paths=("error_code",),
        troubles=ADAPTER,
    ),
    "ndop": Profile("NDOP gateway"),
}
"""Profiles of the gateways that know no protocol of their own; a connection's extras refine them."""


def route_of(connection: Connection, context: Context, transport: Transport, *, soap: bool = False) -> Route:
    """Return the way that the connection asks for; ``soap``: its requests are SOAP envelopes.

    Raises `Misconfigured`, naming the field, where one is missing or malformed.
    """
    kind = str(connection.option("uplink", "direct"))
    if kind not in UPLINKS:
        raise _wrong(connection, "uplink", kind, UPLINKS)
    if kind == "direct":
        return Route(base_url(connection))
    base = first_address(connection)
    credential = _credential(connection, context, transport, base)
    if kind == "xroad":
        from lienthong_connectors.xroad.route import xroad_route

        return xroad_route(connection, base, credential, soap=soap)
    from lienthong_connectors.http.gateway import Gateway

    return Gateway(base, credential, profile_of(connection, kind))


def first_address(connection: Connection) -> str:
    """Return the address that requests go to first: the gateway's, or the service's own."""
    through = connection.option("uplink", "direct") != "direct" and connection.option("uplink_host")
    return base_url(connection, "uplink_host" if through else "host")


def profile_of(connection: Connection, kind: str) -> Profile:
    """Return a profile as the connection's extras refine it."""
    profile = PROFILES[kind]

    def given(name: str, default: str) -> str:
        return str(connection.option(f"uplink_{name}", default))

    refined = dataclasses.replace(
        profile,
        prefix=given("prefix", profile.prefix),
        service=given("service", profile.service),
        target_header=given("target_header", profile.target_header),
        correlation_header=given("correlation_header", profile.correlation_header),
    )
    if refined.target_header and not refined.service:
        connection.require("uplink_service")
    return refined


def _credential(connection: Connection, context: Context, transport: Transport, base: str) -> Dialect | None:
    """Return who we are to the gateway, None for nobody."""
    kind = str(connection.option("uplink_auth", "none"))
    if kind not in UPLINK_AUTH:
        raise _wrong(connection, "uplink_auth", kind, UPLINK_AUTH)
    if kind == "none":
        return None
    for name in _NEEDED[kind]:
        connection.require(name)
    names = {"token": "token", "token_url": "token_url", "scope": "scope", "api_key_header": "key_header"}
    extra = {ours: connection.option(f"uplink_{theirs}", "") for ours, theirs in names.items()}
    at_gateway = dataclasses.replace(
        connection,
        host=base,
        port=None,
        login=str(connection.option("uplink_login", "")),
        password=str(connection.option("uplink_password", "")),
        extra={**extra, "auth": kind},
    )
    header = str(connection.option("uplink_token_header", ""))
    return GatewayCredential(dialect(at_gateway, context, transport), header, f"connection {connection.id!r}")


def _wrong(connection: Connection, name: str, value: str, known: tuple[str, ...]) -> Misconfigured:
    return Misconfigured(
        f"connection extra {name!r} is {value!r}",
        where=f"connection {connection.id!r}",
        hint=f"one of {', '.join(known)}",
    )
