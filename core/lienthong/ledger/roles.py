"""Who may sign what: agencies sign steps, operators sign acts, and neither signs for the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cryptography import x509

from lienthong.errors import SignatureInvalid
from lienthong.ledger.clock import parse_time
from lienthong.ledger.statements import ALGORITHMS, payload_of, typ_of
from lienthong.signing import TrustStore, jws

OPERATOR_URN: Final = "urn:lienthong:operator:"
"""Prefix of the subjectAltName URI that names the operator whom a certificate was issued to."""

ACT_URN: Final = "urn:lienthong:act:"
"""Prefix of the URIs that name the acts an operator's certificate may sign; none: every act."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Whom an operator's certificate stands for, and the acts it may sign, as patterns.

    A pattern is a name, or its beginning and ``.*``, or ``*`` alone.
    """

    name: str
    acts: tuple[str, ...] = ("*",)

    def may_sign_act(self, act: str) -> bool:
        """Tell whether this operator may sign an act of this name."""
        return any(
            pattern in ("*", act) or (pattern.endswith(".*") and act.startswith(pattern[:-1]))
            for pattern in self.acts
        )


@lru_cache(maxsize=512)
def operator_of(certificate: x509.Certificate) -> Operator | None:
    """Return the operator that a certificate names, None for an agency's."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    operator = next((uri for uri in uris if uri.startswith(OPERATOR_URN)), None)
    if operator is None:
        return None
    acts = tuple(uri.removeprefix(ACT_URN) for uri in uris if uri.startswith(ACT_URN))
    return Operator(operator.removeprefix(OPERATOR_URN), acts or ("*",))


def verified(token: str, claimed: Mapping[str, Any], trust: TrustStore) -> dict[str, Any]:
    """Return what a token says, its signature verified at the time it says it was recorded.

    ``claimed`` is its payload unverified, from which only type and time are taken. Raises
    `SignatureInvalid` with the ``reason`` ``agency`` where another agency or operator signed than it
    speaks for, ``role`` where a key signed what its holder does not sign, others as `jws.verify`
    does; `EvidenceTampered` for a payload that is no statement.
    """
    try:
        at = parse_time(claimed["recorded"])
    except (KeyError, ValueError):
        raise SignatureInvalid("the token holds no statement with a time") from None
    found = jws.verify(token, trust=trust, algorithms=ALGORITHMS, typ=typ_of(claimed), at=at)
    payload = payload_of(found.payload)
    operator = operator_of(found.certificate)
    if payload.get("kind") == "act":
        _check_act(payload, operator, found.agency)
        return payload
    if operator is not None:
        raise SignatureInvalid(f"a step was signed by the operator {operator.name}", reason="role")
    if found.agency != payload["agency"]:
        raise SignatureInvalid(
            f"it speaks for {payload['agency']} but {found.agency} signed it", reason="agency"
        )
    return payload


def _check_act(payload: Mapping[str, Any], operator: Operator | None, agency: str) -> None:
    if operator is None:
        raise SignatureInvalid(f"an act was signed by {agency}, which is no operator", reason="role")
    if operator.name != payload["operator"]:
        raise SignatureInvalid(
            f"it speaks for the operator {payload['operator']} but {operator.name} signed it", reason="agency"
        )
    name = payload["act"]["name"]
    if not operator.may_sign_act(name):
        raise SignatureInvalid(f"the operator {operator.name} may not sign {name}", reason="role")
