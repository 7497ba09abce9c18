"""Who speaks by a certificate, an agency or an operator, and what an authority may let speak.

An agency's certificate names it by the alternative name ``urn:lienthong:agency:CODE`` (else by its
common name), an operator's by ``urn:lienthong:operator:NAME`` and, where it is limited, by
``urn:lienthong:act:PATTERN``. A pattern is a name, or its beginning and ``.*``, or ``*`` alone:
``H21.*`` covers ``H21.129`` and not ``H21``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

from lienthong.signing._certificates import UNREADABLE, refuse

AGENCY_URN: Final = "urn:lienthong:agency:"
"""Prefix of the subjectAltName URI that names the agency a certificate was issued to."""

OPERATOR_URN: Final = "urn:lienthong:operator:"
"""Prefix of the subjectAltName URI that names the operator a certificate was issued to."""

ACT_URN: Final = "urn:lienthong:act:"
"""Prefix of a subjectAltName URI that names acts which an operator's certificate may sign."""

OPERATOR: Final = "operator:"
"""What stands before an operator's name where an agency's code is expected; no code holds a colon."""

SERVICE: Final = "airflow"
"""The operator whose key signs what people do in Airflow, under the name that Airflow has of them."""

ALL: Final = ("*",)
"""The pattern of everything."""


@dataclass(frozen=True, slots=True)
class Role:
    """Who speaks by a certificate: an agency by its code, or an operator and the acts it may sign."""

    kind: Literal["agency", "operator"]
    name: str
    acts: tuple[str, ...] = ()

    @property
    def speaker(self) -> str:
        """The agency's code, or ``operator:NAME``, which is no agency's code."""
        return self.name if self.kind == "agency" else f"{OPERATOR}{self.name}"

    def may_sign_act(self, act: str) -> bool:
        """Tell whether this is an operator who may sign an act of this name."""
        return self.kind == "operator" and covered(act, self.acts)


@dataclass(frozen=True, slots=True)
class Authority:
    """What the trust configuration gives to authorities (or pinned certificates).

    ``agencies`` and ``acts`` are patterns: whom their certificates may speak for, and which acts
    their operators may sign.
    """

    name: str
    certificates: tuple[x509.Certificate, ...]
    agencies: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()


def covers(pattern: str, name: str) -> bool:
    """Tell whether a pattern covers a name, or every name that another pattern covers."""
    if pattern in ("*", name):
        return True
    return pattern.endswith(".*") and name.startswith(pattern[:-1])


def covered(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether one of the patterns covers a name."""
    return any(covers(pattern, name) for pattern in patterns)


def common(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    """Return patterns for what both cover."""
    ours, theirs = tuple(one), tuple(other)
    narrow = [p for p in ours if covered(p, theirs)] + [p for p in theirs if covered(p, ours)]
    return tuple(dict.fromkeys(narrow))


@lru_cache(maxsize=512)
def role_of(certificate: x509.Certificate) -> Role:
    """Return the role that a certificate gives itself.

    Raises `SignatureInvalid` with ``reason`` ``role`` where it names both an agency and an operator.
    """
    uris = _uris(certificate)
    agencies = [uri.removeprefix(AGENCY_URN) for uri in uris if uri.startswith(AGENCY_URN)]
    operators = [uri.removeprefix(OPERATOR_URN) for uri in uris if uri.startswith(OPERATOR_URN)]
    if agencies and operators:
        refuse("a certificate names both an agency and an operator", "role")
    if operators:
        acts = tuple(uri.removeprefix(ACT_URN) for uri in uris if uri.startswith(ACT_URN))
        return Role("operator", operators[0], acts or ALL)
    named = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = agencies[0] if agencies else str(named[0].value) if named else ""
    return Role("agency", "" if name.startswith(OPERATOR) else name)


def agency_of(certificate: x509.Certificate) -> str:
    """Return the agency code in a certificate: the ``urn:lienthong:agency:`` name, else the common name.

    An operator's certificate stands for no agency: it gives ``operator:NAME``.
    """
    return role_of(certificate).speaker


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return []
