"""HTTP Message Signatures (RFC 9421) at the one-stop system: results must be signed by an agency."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request


class Notary:
    """Checks signed requests against the agencies' certificates under ``<home>/keys``."""

    def __init__(self, home: Path) -> None:
        """Take the keys' folder of a bus (see ``lienthong keys create``); it is read at each check."""
        self._home = home

    def signer_of(self, request: Request, body: bytes) -> str | None:
        """Return the key id that signed method, target and body of a request, None where none did."""
        from lienthong.errors import LienThongError
        from lienthong.signing import KeyRing, http

        message = http.HttpMessage(
            method=request.method, url=str(request.url), headers=request.headers.items(), body=body
        )
        try:
            verified = http.verify_message(
                message,
                trust_or_keys=KeyRing.for_home(self._home).certificates(),
                policy=http.HttpSignaturePolicy(required=http.REQUEST_COMPONENTS),
            )
        except LienThongError:
            return None
        return verified.key_id
