"""Signature wrapping and every other way of making a signature say what was not signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from envelope_attacks import ATTACKS, PAYMENT
from signing_clock import NOW

from lienthong.errors import SignatureInvalid
from lienthong.signing import Signer, TrustStore, wsse
from lienthong.signing._wsse.names import DS, WSU


def _reason(data: bytes, trust: TrustStore, **policy: Any) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        wsse.verify(data, trust=trust, policy=wsse.VerifyPolicy(**policy), at=NOW)
    return str(caught.value.details["reason"])


@pytest.mark.parametrize(("attack", "reason"), ATTACKS, ids=lambda a: getattr(a, "__name__", None))
def test_a_rearranged_envelope_is_refused_by_name(
    attack: Callable[[Any], None], reason: str, parts: Any, trust: TrustStore
) -> None:
    """The signature itself stays untouched and valid: the structure gives the attack away."""
    wsse.verify(parts.bytes(), trust=trust, at=NOW)
    attack(parts)
    assert _reason(parts.bytes(), trust) == reason


def test_business_documents_may_hold_signatures_and_ids_of_their_own(
    signer: Signer, trust: TrustStore
) -> None:
    """A signed dossier inside the Body is content; repeated plain Ids in it are data."""
    inner = (
        f'<r Id="1"/><r Id="1"/><d ID="x"/><Signature xmlns="{DS}"><SignedInfo/></Signature>'
        f'<wsu:Timestamp xmlns:wsu="{WSU}"/>'
    ).encode()
    source = PAYMENT.replace(b"357000", inner)
    verified = wsse.verify(wsse.sign(source, signer, at=NOW), trust=trust, at=NOW)
    assert len(verified.body[0]) == 5


def test_limits_of_size_and_depth(signer: Signer, trust: TrustStore) -> None:
    signed = wsse.sign(PAYMENT, signer, at=NOW)
    assert _reason(signed, trust, max_bytes=100) == "size"
    deep = wsse.sign(PAYMENT.replace(b"357000", b"<x>" * 80 + b"</x>" * 80), signer, at=NOW)
    assert _reason(deep, trust) == "depth"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"<a/>", b"<a", b"\xff\xfe<\x00a\x00/\x00>\x00", b"<!DOCTYPE a><a/>"]
)
def test_what_is_no_envelope_is_refused(data: bytes, trust: TrustStore) -> None:
    assert _reason(data, trust) in {"encoding", "not-soap", "xml", "dtd"}
