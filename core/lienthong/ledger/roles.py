"""Who may sign what: agencies sign steps, operators sign acts, and neither signs for the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lienthong.errors import SignatureInvalid
from lienthong.ledger.clock import parse_time
from lienthong.ledger.fields import ACT
from lienthong.ledger.statements import ALGORITHMS, payload_of, typ_of
from lienthong.signing import TrustStore, Verified, jws
from lienthong.signing.trust import CertificatePath


@dataclass(frozen=True, slots=True)
class Believed:
    """What a token says, when it says it was recorded, and by which certificates it is believed."""

    payload: dict[str, Any]
    at: datetime
    path: CertificatePath


def verified(token: str, said: Mapping[str, Any], trust: TrustStore) -> Believed:
    """Return what a token says, its signature verified at the time it says it was recorded.

    ``said`` is its payload unverified, from which only type and time are taken. Raises
    `SignatureInvalid` with the ``reason`` ``agency`` where another agency or operator signed than it
    speaks for, ``role`` where a key signed what its holder does not sign, others as `jws.verify`
    does; `EvidenceTampered` for a payload that is no statement.
    """
    try:
        at = parse_time(said["recorded"])
    except (KeyError, ValueError):
        raise SignatureInvalid("the token holds no statement with a time") from None
    found = jws.verify(token, trust=trust, algorithms=ALGORITHMS, typ=typ_of(said), at=at)
    payload = payload_of(found.payload)
    check = _check_act if payload.get("kind") == ACT else _check_step
    check(payload, found)
    return Believed(payload, at, found.path)


def _check_step(payload: Mapping[str, Any], found: Verified) -> None:
    if found.role.kind == "operator":
        raise SignatureInvalid(f"a step was signed by the operator {found.role.name}", reason="role")
    if found.agency != payload["agency"]:
        raise SignatureInvalid(
            f"it speaks for {payload['agency']} but {found.agency} signed it", reason="agency"
        )


def _check_act(payload: Mapping[str, Any], found: Verified) -> None:
    role, name = found.role, payload["act"]["name"]
    if role.kind != "operator":
        raise SignatureInvalid(f"an act was signed by {role.name}, which is no operator", reason="role")
    if role.name != payload["operator"]:
        raise SignatureInvalid(
            f"it speaks for the operator {payload['operator']} but {role.name} signed it", reason="agency"
        )
    if not role.may_sign_act(name):
        raise SignatureInvalid(f"the operator {role.name} may not sign {name}", reason="role")
