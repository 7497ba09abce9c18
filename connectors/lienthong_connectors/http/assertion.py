"""Client assertions: a token endpoint is told who asks by a JWT that our private key signs.

RFC 7523 sections 2.2 and 3: issuer and subject are the client, the audience is the endpoint, the
life is a minute, and ``jti`` is never used twice.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson

from lienthong.connector import Connection, Context
from lienthong.errors import Misconfigured
from lienthong.signing import jws, signers

if TYPE_CHECKING:
    from lienthong.signing.jws import KeyHolder

LIFE = 60
"""Seconds for which an assertion is good."""
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""Value of ``client_assertion_type`` (RFC 7523 section 2.2)."""

_ALGORITHMS = ("ES256", "PS256", "RS256")


class ClientAssertion:
    """Writes assertions for one client towards one endpoint.

    ``secret`` is what a key for shared tokens may be derived from: the key file's bytes and its
    password, empty where the key is the exchange's own, which may be out of reach (in a hardware
    module, say).
    """

    def __init__(self, connection: Connection, context: Context, token_url: str) -> None:
        self._client = str(connection.require("login"))
        self._audience = str(connection.option("assertion_audience", token_url))
        self._key, self.secret = _key(connection, context)
        self._key_id = str(connection.option("assertion_key_id", "")) or self._key.key_id

    def form(self) -> dict[str, str]:
        """Return the fields of a token request, with a fresh assertion."""
        now = int(time.time())
        claims = {
            "iss": self._client,
            "sub": self._client,
            "aud": self._audience,
            "jti": uuid4().hex,
            "iat": now,
            "exp": now + LIFE,
        }
        token = jws.sign_by_key(orjson.dumps(claims), self._key, typ="JWT", key_id=self._key_id)
        return {
            "client_id": self._client,
            "client_assertion_type": TYPE,
            "client_assertion": token,
        }


def _key(connection: Connection, context: Context) -> tuple[KeyHolder, bytes]:
    """Return the key that signs, and the secret that stands for it."""
    where = f"connection {connection.id!r}"
    algorithm = str(connection.option("assertion_algorithm", ""))
    if algorithm and algorithm not in _ALGORITHMS:
        raise Misconfigured(
            f"connection extra 'assertion_algorithm' is {algorithm!r}",
            where=where,
            hint=f"one of {', '.join(_ALGORITHMS)}",
        )
    if file := str(connection.option("assertion_key", "")):
        password = str(connection.option("assertion_key_password", "")).encode()
        key = signers.BareKey.read(Path(file), password=password or None, algorithm=algorithm)
        return key, signers.read_private(Path(file)) + password
    if context.signer is None:
        raise Misconfigured(
            "there is no key to sign client assertions with",
            where=where,
            hint="set assertion_key in the connection, or run it with the keys of its agencies",
        )
    return signers.with_algorithm(context.signer, algorithm or context.signer.algorithm), b""
