"""WS-Security for the population database, done by the engine's own module when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from lxml import etree

from lienthong_sandbox.soap import SoapError


class Seal(Protocol):
    """Opens signed requests and signs answers."""

    def open(self, envelope: bytes) -> etree._Element:
        """Return the Body that was signed; raise a SOAP fault when the signature does not hold."""

    def close(self, envelope: bytes) -> bytes:
        """Return the answer signed."""


@dataclass(frozen=True)
class WsseSeal:
    """A seal made of ``lienthong.signing.wsse``: whom to trust, what to ask for, who signs."""

    trust: Any
    policy: Any
    signer: Any

    def open(self, envelope: bytes) -> etree._Element:
        """Verify the request; a request whose signature fails is refused with ``CK01``."""
        from lienthong.errors import LienThongError
        from lienthong.signing import wsse

        try:
            verified = wsse.verify(envelope, trust=self.trust, policy=self.policy)
        except LienThongError as error:
            raise SoapError("CK01", f"Chữ ký không hợp lệ: {error.code}") from error
        body: etree._Element = verified.body
        return body

    def close(self, envelope: bytes) -> bytes:
        """Sign the answer."""
        from lienthong.signing import wsse

        signed: bytes = wsse.sign(envelope, signer=self.signer)
        return signed
