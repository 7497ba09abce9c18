"""What the package offers, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import lienthong.signing
from lienthong.signing import http, wsse


def test_public_names() -> None:
    """Others build on exactly these names."""
    assert lienthong.signing.__all__ == ["KeyRing", "LocalSigner", "Signer", "TrustStore", "Verified"]
    assert {
        *("HttpMessage", "HttpSignaturePolicy", "ReplayMemory", "VerifiedMessage"),
        *("for_algorithm", "sign_message", "verify_message"),
    } <= set(http.__all__)
    assert wsse.__all__ == [
        "BodyDigest",
        "SignPolicy",
        "VerifiedEnvelope",
        "VerifyPolicy",
        "check_freshness",
        "secure",
        "sign",
        "username_token",
        "verify",
    ]


def test_importing_the_package_does_not_import_lxml() -> None:
    """Workers that never see SOAP do not pay for an XML library."""
    code = "import sys, lienthong.signing, lienthong.signing.http; sys.exit('lxml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own code
