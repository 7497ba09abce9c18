"""Name constraints of RFC 5280 section 4.2.1.10, over a path that is built already.

`cryptography` knows DNS names, addresses and mailboxes only: it refuses a critical constraint on
directory names as unsupported, and lets a subject pass that violates one that is not critical. An
authority that may certify one organisation only is told so by directory names, so they are checked
here, critical or not, together with the other forms that stand beside them. A constraint on URIs,
or on a form that nobody checks, refuses every certificate that has a name of that form: our agencies'
``urn:`` names have no host, which RFC 5280 has refused under such a constraint anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from lienthong.signing._certificates import (
    Path,
    described,
    extension,
    refuse,
    relative_names,
    self_issued,
)

_Within = Callable[[Any, Any], bool]


def has_directory_names(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate constrains directory names."""
    constraints = extension(certificate, x509.NameConstraints)
    return constraints is not None and any(isinstance(one, x509.DirectoryName) for one in _bases(constraints))


def check_constraints(path: Path) -> None:
    """Check every certificate of a path against the constraints of all authorities above it.

    The last certificate of the path counts as well: whoever trusts an authority that is limited to
    names has not trusted it for others. Raises `SignatureInvalid` with ``reason`` ``name-constraints``.
    """
    for place, authority in enumerate(path):
        constraints = extension(authority, x509.NameConstraints) if place else None
        if constraints is None:
            continue
        for below, certificate in enumerate(path[:place]):
            if below and self_issued(certificate):
                continue  # RFC 5280 section 6.1.3 (b)
            for name in _names(certificate):
                _check(name, constraints, certificate)


def _check(name: x509.GeneralName, constraints: x509.NameConstraints, certificate: x509.Certificate) -> None:
    permitted = [one for one in constraints.permitted_subtrees or () if type(one) is type(name)]
    excluded = [one for one in constraints.excluded_subtrees or () if type(one) is type(name)]
    if not permitted and not excluded:
        return
    within = _FORMS.get(type(name))
    if within is None:
        refuse(f"an authority of {described(certificate)} limits a form of names that is not known", _REASON)
    if any(_excludes(within, name, one) for one in excluded):
        refuse(f"{described(certificate)} has a name that its authority must not certify", _REASON)
    if permitted and not any(within(name.value, one.value) for one in permitted):
        refuse(f"{described(certificate)} has a name that its authority may not certify", _REASON)


_REASON: Final = "name-constraints"


def _names(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    """Yield the names that constraints are about: the subject, and the alternative names."""
    if certificate.subject.rdns:
        yield x509.DirectoryName(certificate.subject)
    alternative = extension(certificate, x509.SubjectAlternativeName)
    if alternative is not None:
        yield from alternative
        return
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
        if isinstance(attribute.value, str) and attribute.value.isascii():
            yield x509.RFC822Name(attribute.value)


def _bases(constraints: x509.NameConstraints) -> Iterable[x509.GeneralName]:
    return (*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ()))


def _excludes(within: _Within, name: x509.GeneralName, base: x509.GeneralName) -> bool:
    """Tell whether an excluded subtree reaches a name; of a wildcard, whether it reaches any name of it."""
    if isinstance(name, x509.DNSName) and name.value.startswith("*.") and _dns(base.value, name.value[2:]):
        return True
    return within(name.value, base.value)


def _directory(name: x509.Name, base: x509.Name) -> bool:
    wanted = relative_names(base)
    return relative_names(name)[: len(wanted)] == wanted


def _dns(name: str, base: str) -> bool:
    name, base = name.lower().rstrip("."), base.lower().lstrip(".")
    return not base or name == base or name.endswith(f".{base}")


def _mailbox(name: str, base: str) -> bool:
    local, _, host = name.rpartition("@")
    if "@" in base:
        their_local, _, their_host = base.rpartition("@")
        return (local, host.lower()) == (their_local, their_host.lower())
    base = base.lower()
    return host.lower().endswith(base) if base.startswith(".") else host.lower() == base


def _address(name: Any, base: IPv4Network | IPv6Network) -> bool:
    return name.version == base.version and name in base


_FORMS: Final[dict[type, _Within]] = {
    x509.DirectoryName: _directory,
    x509.DNSName: _dns,
    x509.RFC822Name: _mailbox,
    x509.IPAddress: _address,
}
