"""A SOAP service as the three roles use it: operations, one request, one answer."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lienthong.connector import Connection, Context
from lienthong.errors import Misconfigured
from lienthong_connectors.soap.addressing import SPACES, blocks, message_id
from lienthong_connectors.soap.answering import Answering, Asking
from lienthong_connectors.soap.attachments_out import packing_of
from lienthong_connectors.soap.catalogue import is_catalogue
from lienthong_connectors.soap.described import Described
from lienthong_connectors.soap.descriptions import Wanted, described
from lienthong_connectors.soap.envelope import Envelope, check_headers, check_members, compose, plain
from lienthong_connectors.soap.location import locate
from lienthong_connectors.soap.security import WSSE, Security
from lienthong_connectors.soap.template import Template
from lienthong_connectors.soap.transport import Wire
from lienthong_connectors.xml.shape import local

if TYPE_CHECKING:
    from lienthong_connectors.soap.wsdl import Description

_NOTHING: Final = ("lienthong-no-operation", "urn:lienthong:check", "urn:lienthong:check:no-operation")
_SHOWN: Final = frozenset({"madonvi", "officer", "phone", "account", "dstcode", "partner_code"})
_CREDENTIAL: Final = re.compile(r"\$connection\.(login|password)\b")
_OURS: Final = frozenset({WSSE, *SPACES.values()})


class Request:
    """An operation with its compiled request and SOAP headers.

    ``delivers``: the operation must answer. The operation is looked up in the description when it
    is first needed, because a description may be at the service itself.
    """

    def __init__(
        self, service: Service, name: str, body: Template, headers: Template, *, delivers: bool
    ) -> None:
        self._service, self._name, self._delivers = service, name, delivers
        self._body, self._headers = body, headers
        self.names = body.names | headers.names

    @cached_property
    def operation(self) -> Described:
        """The operation; raises `Misconfigured`, naming what is wrong, where the request does not fit it."""
        found = self._service.operation(self._name)
        check_members(found, self._body.members)
        provided = _OURS | self._service.wire.client.route.namespaces
        check_headers(found, self._service.settings.soap_headers, provided)
        self._service.admit(found)
        security = self._service.settings.security
        if found.encoded and security is not None and security.sign:
            raise Misconfigured(
                f"operation {self._name!r} is rpc/encoded, whose types a signature would not cover",
                where=self._service.where,
                hint="set sign=False and rely on TLS, or ask for a literal operation",
            )
        if self._delivers and found.one_way:
            raise Misconfigured(
                f"operation {self._name!r} has no answer, so a delivery could never be acknowledged",
                where=self._service.where,
                hint="use an operation that answers",
            )
        return found

    def envelope(self, scope: Mapping[str, Any], further: Mapping[str, Any]) -> Envelope:
        """Return the envelope, with ``further`` header blocks.

        Raises `Refused` where the scope makes no valid request; see `compose`.
        """
        headers = {**self._written(scope), **further}
        filled, packing = self._body.fill(scope), self._service.packing
        return compose(self.operation, filled if packing is None else packing.marked(filled), headers)

    def nothing(self, scope: Mapping[str, Any] | None) -> tuple[Described, Envelope]:
        """Return an operation that no service has, and the envelope that calls it.

        The SOAP headers are the request's own for this scope; None leaves them out.
        """
        nothing = plain(*_NOTHING, self.operation.version)
        return nothing, compose(nothing, {}, {} if scope is None else self._written(scope))

    def _written(self, scope: Mapping[str, Any]) -> dict[str, Any]:
        """Return the SOAP headers, in which alone the connection's login and password may be named."""
        return self._headers.fill({**scope, "connection": {**scope["connection"], **self._service.login}})


class Service:
    """One connection's service, with the settings of one role."""

    def __init__(self, settings: Any, connection: Connection, context: Context) -> None:
        self.settings, self._connection, self._context = settings, connection, context
        self.wire = Wire(connection, context, settings)
        self.where = f"{self.wire.where} {settings.operation}"
        self.extras = {str(k): v for k, v in connection.extra.items() if k in _SHOWN}
        self.login = {"login": connection.login, "password": connection.password}
        self._security = Security(settings.security, connection, context, where=self.where)
        self.packing = packing_of(settings, context, where=self.where)
        name = settings.wsdl or str(connection.option("wsdl", ""))
        self.location = locate(name, self.wire.url) if name else ""

    @property
    def remote(self) -> bool:
        """Whether the description is at a service, so that it is read when it is first needed."""
        return self.location.startswith(("http://", "https://"))

    def request(
        self, operation: str, request: Mapping[str, Any], known: frozenset[str], *, delivers: bool = False
    ) -> Request:
        """Compile a request of an operation.

        Raises `Misconfigured`, naming what is wrong, for an unknown reference and, where the
        description is local, for an unknown operation or member.
        """
        if _CREDENTIAL.search(json.dumps(request, default=str)):
            raise Misconfigured(
                "a request may not name the connection's login or password: they would become data",
                where=self.where,
                hint="name them in soap_headers, where services that ask for them have them",
            )
        body = Template(request, known | {"connection"}, self.where)
        headers = Template(self.settings.soap_headers, known | {"connection"}, self.where)
        compiled = Request(self, operation, body, headers, delivers=delivers)
        if not self.remote or self.settings.wsdl_digest:
            compiled.operation  # noqa: B018 - finds mistakes now
        return compiled

    def answer(
        self, request: Request, scope: Mapping[str, Any], *, record: str | None = None, delivery: bool = False
    ) -> Answering:
        """Send a request; the answer is read by iterating over what is returned."""
        addressing, identity, further = self.settings.addressing, "", {}
        if addressing is not None:
            identity = message_id(scope["request"]["id"] if delivery else "")
            further = blocks(addressing, request.operation, self.wire.url, identity, where=self.where)
        envelope = request.envelope({**scope, "connection": self.extras}, further)
        way = self.wire.client.route.blocks(request.operation.name)
        if way is not None:
            envelope = envelope.beside(way.markup)
        asking = dataclasses.replace(self._asking(self.wire), way=way)
        return Answering(asking, request.operation, envelope, record, delivery=delivery, identity=identity)

    def admit(self, operation: Described) -> None:
        """Raise `Misconfigured` for an operation that the way to the service would never pass on."""
        body = operation.request.body
        element = local(body[0].name) if len(body) == 1 else ""
        self.wire.client.route.admit(operation.name, element, operation.version, where=self.where)

    def knock(self, request: Request, *, anonymous: bool = False) -> Answering:
        """Call an operation that no service has, which shows what the service says to who we are.

        ``anonymous``: without the connection's credentials and headers.
        """
        scope = {"connection": self.extras, "records": []}
        nothing, envelope = request.nothing(None if anonymous else scope)
        return Answering(self._asking(self.wire.anonymous() if anonymous else self.wire), nothing, envelope)

    def close(self) -> None:
        """Close all connections."""
        self.wire.close()

    def operation(self, name: str) -> Described:
        """Return an operation as the description has it, or a plain one where there is none."""
        settings = self.settings
        if not self.location:
            version = settings.soap_version or str(self._connection.option("soap_version", "")) or "1.1"
            return plain(name, settings.namespace, settings.action, version)
        wanted = Wanted(
            self.location,
            name,
            settings.service,
            settings.port,
            settings.soap_version,
            settings.wsdl_digest,
        )
        found = described(wanted, self.wire.home, self.wire.get, self._context.cache)
        return dataclasses.replace(found, action=settings.action) if settings.action else found

    @property
    def pinned(self) -> bool:
        """Whether the description is one that was kept: by its digest, or in a catalogue."""
        return bool(self.location) and (bool(self.settings.wsdl_digest) or is_catalogue(self.location))

    @cached_property
    def description(self) -> Description | None:
        """The service's whole description, None where there is none; raises as `wsdl.describe` does."""
        if not self.location:
            return None
        from lienthong_connectors.soap.wsdl import describe

        pin = self.settings.wsdl_digest
        return describe(self.location, self.wire.home, self.wire.get, pin=pin)

    def _asking(self, wire: Wire) -> Asking:
        return Asking(wire, self.settings, self._security, self.packing, self.where)
