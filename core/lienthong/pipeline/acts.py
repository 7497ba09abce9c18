"""Acts: what people do leaves a signed statement with who, why and when.

An act is signed by the operator's key of this deployment, never by an agency's, and stands in the
ledger's chain and in that of the run it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lienthong.errors import Misconfigured
from lienthong.ledger import Entry, Statement
from lienthong.ledger.clock import now
from lienthong.ledger.fields import ACT
from lienthong.ledger.roles import operator_of
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
) -> Entry:
    """Sign and append a statement about what a person did, and return its ledger entry.

    ``name`` is one of `lienthong.ledger.ACTS`. ``exchange`` and ``run`` are what it concerns, empty
    for an act that concerns all of them. ``subject`` says what exactly: texts, whole numbers, digests
    and lists of texts by name, never a record's values. Append it before the change that it tells of:
    an act that then fails leaves a trace, a change without one does not.

    Raises `Misconfigured` where ``who`` or ``why`` is empty, where there is no operator's key, or where
    its certificate may not sign this act; nothing is written then.
    """
    check_said(who, why)
    signer = operator_signer(bus)
    operator = operator_of(signer.certificate)
    if operator is None or not operator.may_sign_act(name):
        whose = f"the operator {operator.name}" if operator else "this key, which is no operator's,"
        raise Misconfigured(
            f"{whose} may not sign the act {name}",
            where="operator's key",
            hint="use the key of an operator whose certificate names this act",
        )
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
            operator=operator.name,
            act={"name": name, "who": who.strip(), "why": why.strip(), "subject": dict(subject or {})},
        ),
        signer,
    )
    bus.audit(name, f"signed by the operator {operator.name}, ledger entry {entry.sequence}")
    return entry


def check_said(who: str, why: str) -> None:
    """Raise `Misconfigured` where it is not said who acts or why."""
    for option, said in (("--by", who), ("--why", why)):
        if not said.strip():
            raise Misconfigured(
                "an act needs a name and a reason", where=option, hint=f"give {option} and what it asks for"
            )


def operator_signer(bus: Bus) -> Signer:
    """Return the signer of this deployment's acts; `Misconfigured` where there is none."""
    find = getattr(bus.keys, "operator", None)
    if find is None:
        raise Misconfigured("there is no operator's key", where="keys", hint="see docs/keys.md")
    signer: Signer = find(None)
    return signer
