"""The way through a Security Server, as the connection's ``xroad_`` fields describe it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from uuid import uuid4

from lienthong.connector import Connection
from lienthong.errors import Misconfigured
from lienthong_connectors.http.auth import Dialect
from lienthong_connectors.http.fields import sendable
from lienthong_connectors.http.route import Route
from lienthong_connectors.http.trouble import FAR_GATEWAY, GATEWAY
from lienthong_connectors.xroad.identifiers import Member, ServiceId, encoded, parts_of


@dataclass(frozen=True, slots=True)
class Parties:
    """Who calls whom, and what every message says of it.

    ``code`` is empty where the service's code is the operation's name (SOAP). ``represented`` and
    ``server`` are the decoded parts of their identifiers.
    """

    client: Member
    provider: Member
    code: str = ""
    version: str = ""
    user: str = ""
    issue: str = ""
    represented: tuple[str, ...] = ()
    server: tuple[str, ...] = ()

    def service(self, operation: str = "") -> ServiceId:
        """Return the service that an operation calls."""
        return ServiceId(self.provider, self.code or operation, self.version)

    def headers(self) -> dict[str, str]:
        """Return the REST protocol's headers that are the same for every message."""
        every = {
            "X-Road-Client": str(self.client),
            "X-Road-UserId": self.user,
            "X-Road-Issue": self.issue,
            "X-Road-Represented-Party": encoded(self.represented),
            "X-Road-Security-Server": encoded(self.server),
        }
        return {name: value for name, value in every.items() if value}


def parties_of(connection: Connection) -> Parties:
    """Return the parties that a connection names; raise `Misconfigured`, naming the field."""

    def where(name: str) -> str:
        return f"connection {connection.id!r}, {name}"

    def text(name: str) -> str:
        value = str(connection.option(name, ""))
        if not value.isprintable():
            raise Misconfigured("a text holds what a header cannot carry", where=where(name))
        return value

    def parts(name: str, least: int, most: int, form: str) -> tuple[str, ...]:
        value = text(name)
        return parts_of(value, least, most, where=where(name), form=form) if value else ()

    return Parties(
        Member.parse(str(connection.require("xroad_client")), where=where("xroad_client")),
        Member.parse(str(connection.require("xroad_provider")), where=where("xroad_provider")),
        text("xroad_service"),
        text("xroad_service_version"),
        text("xroad_user_id"),
        text("xroad_issue"),
        parts("xroad_represented_party", 1, 2, "class/code"),
        parts("xroad_security_server", 4, 4, "instance/class/member/server"),
    )


class SecurityServer(Route):
    """What the ways of both protocols share."""

    gateway = "Security Server"

    @property
    def hops(self) -> tuple[str, ...]:
        """Our Security Server, and the provider's."""
        return (self.gateway, self.place(FAR_GATEWAY))

    def __init__(self, base: str, credential: Dialect | None, parties: Parties) -> None:
        super().__init__(base, credential)
        self.parties = parties

    def place(self, hop: str) -> str:
        """Return what a hop is called in checks."""
        return {GATEWAY: self.gateway, FAR_GATEWAY: "provider's Security Server"}.get(hop, hop)


def towards(parties: Parties, code: str) -> Parties:
    """Return the same parties with another service of the provider, without version and user's issue."""
    return dataclasses.replace(parties, code=code, version="")


def message_id() -> str:
    """Return a fresh identifier of one message (a UUID, as the protocol recommends)."""
    return str(uuid4())


def xroad_route(connection: Connection, base: str, credential: Dialect | None, *, soap: bool) -> Route:
    """Return the way of a connection whose requests are SOAP envelopes or plain HTTP.

    Raises `Misconfigured`, naming the field.
    """
    from lienthong_connectors.xroad.rest import RestWay
    from lienthong_connectors.xroad.soap import SoapWay

    parties, protocol = parties_of(connection), str(connection.option("xroad_protocol", "soap"))
    hash_check = str(connection.option("xroad_rest_hash", "shape"))
    for name, value, known in (
        ("xroad_protocol", protocol, ("soap", "rest")),
        ("xroad_rest_hash", hash_check, ("shape", "verify")),
    ):
        if value not in known:
            raise Misconfigured(
                f"connection extra {name!r} is {value!r}",
                where=f"connection {connection.id!r}",
                hint=f"one of {', '.join(known)}",
            )
    if soap and protocol == "soap":
        return SoapWay(base, credential, parties)
    connection.require("xroad_service")
    sendable(parties.headers(), f"connection {connection.id!r}, xroad_user_id and xroad_issue")
    return RestWay(base, credential, parties, verify=hash_check == "verify")
