"""OAuth2 client credentials (RFC 6749 section 4.4): auth dialect A, and the token step of others.

The client says who it is in the Authorization header (client_secret_basic, RFC 6749 section 2.3.1),
in the form (client_secret_post), in JSON fields, as some gateways want it, or by a signed assertion
(private_key_jwt, RFC 7523). What is granted is compared with what was asked for.
"""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson

from lienthong.connector import Connection, Context
from lienthong.errors import Forbidden, Misconfigured, ProtocolViolation
from lienthong_connectors.http.asking import ask, usable_text
from lienthong_connectors.http.auth import Credential, Dialect, basic_value
from lienthong_connectors.http.auth_fields import CLIENT_CREDENTIALS
from lienthong_connectors.http.fields import base_url, join_url
from lienthong_connectors.http.transport import Transport

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


def token_credential(
    connection: Connection, context: Context, transport: Transport, beneath: Dialect | None = None
) -> Credential:
    """Return the credential that the connection's token endpoint grants.

    ``beneath`` is a dialect that says by itself who asks; without it ``token_credentials`` says
    how. Raises `Misconfigured`, naming the field, where one is missing.
    """
    endpoint = TokenEndpoint(connection, context, transport, beneath)
    secret = endpoint.secret
    shared = None
    if context.cache is not None and secret:
        from lienthong_connectors.http.tokens import SharedToken

        shared = SharedToken(context.cache, endpoint.identity, secret)
    return Credential(endpoint.fetch, shared)


class TokenEndpoint:
    """One client's token endpoint."""

    def __init__(
        self, connection: Connection, context: Context, transport: Transport, beneath: Dialect | None
    ) -> None:
        self._connection, self._transport, self._beneath = connection, transport, beneath
        self._where = f"connection {connection.id!r} (token)"
        self._url = join_url(base_url(connection), str(connection.require("token_url")))
        self._client = str(connection.require("login"))
        self._scope = str(connection.option("scope", ""))
        self._way = "beneath" if beneath else str(connection.option("token_credentials", "basic"))
        self._assertion = None
        if self._way == "private_key_jwt":
            from lienthong_connectors.http.assertion import ClientAssertion

            self._assertion = ClientAssertion(connection, context, self._url)
            self.secret = self._assertion.secret
        else:
            self._password = str(connection.require("password"))
            self.secret = self._password.encode()
        if not beneath and self._way not in CLIENT_CREDENTIALS:
            raise Misconfigured(
                f"connection extra 'token_credentials' is {self._way!r}",
                where=f"connection {connection.id!r}",
                hint=f"one of {', '.join(CLIENT_CREDENTIALS)}",
            )

    @property
    def identity(self) -> tuple[str, ...]:
        """Who asks where for what: under this a token may be shared."""
        asked = (str(self._connection.option(name, "")) for name in ("audience", "resource"))
        return (self._connection.id, self._url, self._client, self._way, self._scope, *asked)

    def fetch(self) -> tuple[str, float]:
        """Ask for a token; return it and its life in seconds, 0 where the answer does not say it."""
        headers, body = self._request()
        answer = ask(
            self._transport,
            self._url,
            headers,
            body,
            where=self._where,
            beneath=self._beneath,
            stamped=self._assertion is not None,
        )
        kind = answer.get("token_type", "bearer")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise ProtocolViolation(
                "the token is not a bearer token", where=self._where, hint="ask the agency for one"
            )
        self._check_scope(answer)
        return usable_text(answer, "access_token", where=self._where), _seconds(answer.get("expires_in"))

    def _request(self) -> tuple[dict[str, str], bytes]:
        """Return headers and body of a token request."""
        fields: list[tuple[str, str]] = [("grant_type", "client_credentials")]
        fields += [
            (name, value)
            for name in ("scope", "audience")
            if (value := str(self._connection.option(name, "")))
        ]
        resources = str(self._connection.option("resource", "")).split()
        headers = {"Content-Type": _FORM, "Accept": _JSON}
        if self._way == "basic":
            # RFC 6749 section 2.3.1: both are form-encoded before they are joined
            headers["Authorization"] = basic_value(quote_plus(self._client), quote_plus(self._password))
        elif self._way in {"post", "json"}:
            fields += [("client_id", self._client), ("client_secret", self._password)]
        elif self._assertion is not None:
            fields += self._assertion.form().items()
        if self._way == "json":
            more = {"resource": resources} if resources else {}
            return headers | {"Content-Type": _JSON}, orjson.dumps(dict(fields) | more)
        return headers, urlencode([*fields, *(("resource", one) for one in resources)]).encode()

    def _check_scope(self, answer: dict[str, Any]) -> None:
        """Refuse a token that is good for less than was asked; a silent answer grants everything.

        RFC 6749 sections 3.3 and 5.1.
        """
        granted = answer.get("scope")
        if granted is None or not self._scope:
            return
        if not isinstance(granted, str):
            raise ProtocolViolation("the granted scope is not a text", where=self._where)
        missing = [one for one in self._scope.split() if one not in granted.split()]
        if missing:
            raise Forbidden(
                f"the token lacks the scope {', '.join(missing)}",
                where=self._where,
                hint="ask the agency to grant it, or take it out of the connection's scope",
            )


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
