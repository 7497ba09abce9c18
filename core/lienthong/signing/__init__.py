"""Signing and checking: one module per standard, verbs over classes.

``jws`` signs statements and receipts (RFC 7515), ``http`` signs REST messages (RFC 9421),
``digest`` their bodies (RFC 9530), ``wsse`` signs SOAP envelopes (WS-Security 1.1). ``keys`` makes
keys for development. Each ``verify`` takes an allow-list of algorithms and the coverage that it
requires, and returns only what was signed. Importing this package does not import lxml.
"""

from __future__ import annotations

from lienthong.signing.jws import Verified
from lienthong.signing.keyring import KeyRing
from lienthong.signing.signers import LocalSigner, Signer
from lienthong.signing.trust import TrustStore

__all__ = ["KeyRing", "LocalSigner", "Signer", "TrustStore", "Verified"]
