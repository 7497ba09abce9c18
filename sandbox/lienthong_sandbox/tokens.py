"""OAuth2 client credentials as WSO2-style gateways grant them (auth dialect A)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


def basic(request: Request) -> tuple[str, str] | None:
    """Return user and password of a Basic ``Authorization`` header, or ``None``."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password


def unauthorized(message: str = "Invalid Credentials") -> JSONResponse:
    """Return the gateway's 401 answer."""
    body = {"fault": {"code": 900901, "message": message, "description": "Access failure for API"}}
    return JSONResponse(body, 401, headers={"WWW-Authenticate": 'OAuth2 realm="lgsp"'})


class Issuer:
    """Grants opaque bearer tokens to known clients and recognises them until they expire.

    Tokens live in memory: a restart invalidates them, which clients must survive.
    """

    def __init__(self, clients: dict[str, str], lifetime: float, scope: str) -> None:
        """Know ``clients`` (id -> secret); tokens live ``lifetime`` seconds and carry ``scope``."""
        self._clients, self.lifetime, self._scope = clients, lifetime, scope
        self._granted: dict[str, float] = {}

    def knows(self, client: str, secret: str) -> bool:
        """Compare a secret in constant time."""
        expected = self._clients.get(client)
        return expected is not None and hmac.compare_digest(expected.encode(), secret.encode())

    async def grant(self, request: Request) -> Response:
        """Answer ``POST /token``; credentials in a Basic header or in the form or JSON body."""
        form = await _fields(request)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        client, secret = basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        if not self.knows(client, secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        wanted = set(form.get("scope", "").split())
        if not wanted <= set(self._scope.split()):
            return JSONResponse({"error": "invalid_scope"}, 400)
        return self.hand_out(form.get("scope", ""))

    def hand_out(self, scope: str = "") -> Response:
        """Grant a token to a caller who is known."""
        token = self.issue()
        body = {"access_token": token, "token_type": "Bearer", "expires_in": int(self.lifetime)}
        return JSONResponse(body | {"scope": scope or self._scope}, headers={"Cache-Control": "no-store"})

    def issue(self) -> str:
        """Return a fresh token."""
        token = secrets.token_urlsafe(32)
        self._granted[token] = time.monotonic() + self.lifetime
        return token

    def accepts(self, request: Request) -> bool:
        """Tell whether the request carries a bearer token that is still valid."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.granted(token)

    def granted(self, token: str) -> bool:
        """Tell whether a token was handed out and is still valid."""
        return self._granted.get(token, 0.0) > time.monotonic()


async def _fields(request: Request) -> dict[str, str]:
    if "json" in request.headers.get("content-type", ""):
        try:
            body = await request.json()
        except ValueError:
            return {}
        return {str(k): str(v) for k, v in body.items()} if isinstance(body, dict) else {}
    return {k: v[0] for k, v in parse_qs((await request.body()).decode("utf-8", "replace")).items()}
