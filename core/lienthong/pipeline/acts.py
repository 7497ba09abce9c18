"""Acts: what people do leaves a signed statement with who, why and when.

An act is signed by the operator's key of this deployment, never by an agency's, and stands in the
ledger's chain and in that of the run it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lienthong.errors import Misconfigured, SignatureInvalid
from lienthong.ledger import Entry, Statement
from lienthong.ledger.clock import now
from lienthong.ledger.fields import ACT
from lienthong.pipeline.attest import code_identity
from lienthong.pipeline.bus import Bus
from lienthong.signing import Signer


def act(
    bus: Bus,
    *,
    name: str,
    who: str,
    why: str,
    exchange: str = "",
    run: str = "",
    subject: Mapping[str, Any] | None = None,
    operator: str | None = None,
) -> Entry:
    """Sign and append a statement about what a person did, and return its ledger entry.

    ``name`` is one of `lienthong.ledger.ACTS`. ``exchange`` and ``run`` are what it concerns, empty
    for an act that concerns all of them. ``subject`` says what exactly: texts, whole numbers, digests
    and lists of texts by name, never a record's values. ``operator`` names the key where this deployment
    has several. Append it before the change that it tells of:
    an act that then fails leaves a trace, a change without one does not.

    Raises `Misconfigured` where ``who`` or ``why`` is empty, where there is no operator's key or a choice
    of them, or where its certificate may not sign this act; nothing is written then.
    """
    check_said(who, why)
    signer = bus.keys.operator(operator)
    speaker = _checked(bus, signer, name)
    at = now()
    entry = bus.ledger.append(
        Statement(
            kind=ACT,
            step=ACT,
            exchange=exchange,
            exchange_digest="",
            run=run,
            started=at,
            ended=at,
            code=code_identity(),
            operator=speaker,
            act={"name": name, "who": who.strip(), "why": why.strip(), "subject": dict(subject or {})},
        ),
        signer,
    )
    bus.audit(name, f"signed by the operator {speaker}, ledger entry {entry.sequence}")
    return entry


def check_said(who: str, why: str) -> None:
    """Raise `Misconfigured` where it is not said who acts or why."""
    for option, said in (("--by", who), ("--why", why)):
        if not said.strip():
            raise Misconfigured(
                "an act needs a name and a reason", where=option, hint=f"give {option} and what it asks for"
            )


def _checked(bus: Bus, signer: Signer, name: str) -> str:
    """Return the operator's name; raise `Misconfigured` where no verifier of ours would accept the act."""
    try:
        role = bus.trust.role_on(bus.trust.path(signer.certificate, signer.chain))
    except SignatureInvalid as error:
        raise Misconfigured(
            f"the operator's certificate is not believed here: {error.message}",
            where="operators",
            hint=error.hint or "check the certificate and the trusted authorities",
        ) from None
    if not role.may_sign_act(name):
        whose = (
            f"the operator {role.name}" if role.kind == "operator" else "this key, which is no operator's,"
        )
        raise Misconfigured(
            f"{whose} may not sign the act {name}",
            where="operators",
            hint="use the key of an operator whose certificate and authority cover this act",
        )
    return role.name
