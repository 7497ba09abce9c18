"""Messages of a trusted signer who breaks the rules: signed anew, so that only the rules can refuse."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from envelope_attacks import ID, RULES, unreferenced
from signing_clock import NOW

from lienthong.errors import SignatureInvalid
from lienthong.signing import Signer, TrustStore, wsse
from lienthong.signing._wsse.c14n import canonical
from lienthong.signing._wsse.names import DS, WSSE


def _reason(data: bytes, trust: TrustStore, **policy: Any) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        wsse.verify(data, trust=trust, policy=wsse.VerifyPolicy(**policy), at=NOW)
    return str(caught.value.details["reason"])


@pytest.mark.parametrize(("change", "reason"), RULES)
def test_references_and_methods_outside_the_rules_are_refused_by_name(
    change: Callable[[Any], None], reason: str, parts: Any, signer: Signer, trust: TrustStore
) -> None:
    """Signed anew by the trusted signer, so that the signature value holds and only the rule refuses."""
    change(parts)
    parts.resign(signer)
    expected = {"missing-id", "wrapping"} if reason == "missing-or-wrapping" else {reason}
    assert _reason(parts.bytes(), trust) in expected


def test_coverage_of_timestamp_and_addressing_can_be_waived(
    parts: Any, signer: Signer, trust: TrustStore
) -> None:
    unreferenced("timestamp")(parts)
    unreferenced("to")(parts)
    parts.resign(signer)
    verified = wsse.verify(
        parts.bytes(),
        trust=trust,
        at=NOW,
        policy=wsse.VerifyPolicy(require_timestamp=False, require_addressing=False),
    )
    assert verified.created is None
    assert verified.headers == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: p.one(f"{{{WSSE}}}Reference").set("URI", "#" + p.body.get(ID)), "key-info"),
        (lambda p: p.one(f"{{{WSSE}}}Reference").set("URI", "http://x"), "key-info"),
        (lambda p: p.header.append(p.one(f"{{{WSSE}}}BinarySecurityToken")), "key-info"),
        (lambda p: p.one(f"{{{WSSE}}}BinarySecurityToken").set("ValueType", "urn:other"), "key-info"),
        (lambda p: setattr(p.one(f"{{{WSSE}}}BinarySecurityToken"), "text", "AAAA"), "key-info"),
        (lambda p: setattr(p.one(f"{{{WSSE}}}BinarySecurityToken"), "text", "no base64!"), "key-info"),
        (lambda p: p.one(f"{{{DS}}}KeyInfo").clear(), "key-info"),
        (lambda p: p.signature.remove(p.one(f"{{{DS}}}KeyInfo")), "key-info"),
    ],
)
def test_an_insider_can_redirect_neither_key_info_nor_token(
    change: Any, reason: str, parts: Any, trust: TrustStore
) -> None:
    change(parts)
    assert _reason(parts.bytes(), trust) == reason


@pytest.mark.parametrize(
    ("created", "expires", "reason"),
    [
        ("2026-01-01", None, "timestamp"),
        ("2026-01-01T00:00:00", None, "timestamp"),
        ("2026-13-01T00:00:00Z", None, "timestamp"),
        ("", None, "timestamp"),
        ("2000-01-01T00:00:00Z", None, "stale"),
        ("2999-01-01T00:00:00Z", None, "future"),
        ("0001-01-01T00:00:00+14:00", None, "timestamp"),
        (None, "2000-01-01T00:00:00Z", "expired-timestamp"),
        (None, "soon", "timestamp"),
    ],
)
def test_signed_timestamps_are_read_strictly(
    created: str | None, expires: str | None, reason: str, parts: Any, signer: Signer, trust: TrustStore
) -> None:
    if created is not None:
        parts.timestamp[0].text = created
    if expires is not None:
        parts.timestamp[1].text = expires
    value = parts.reference(parts.timestamp).find(f"{{{DS}}}DigestValue")
    assert value is not None
    value.text = base64.b64encode(hashlib.sha256(canonical(parts.timestamp)).digest()).decode()
    parts.resign(signer)
    assert _reason(parts.bytes(), trust) == reason
