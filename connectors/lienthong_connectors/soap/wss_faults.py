"""Faults by which a service refuses our WS-Security header: it surely took nothing, and trying again is vain.

The codes are those of Web Services Security: SOAP Message Security 1.1 section 12 and its ``wsu``
(``MessageExpired``, section 10), of WS-SecureConversation 1.4 section 9 and of WS-Trust 1.4 section 11;
WCF and WSS4J use the same. A wrong password that is tried again and again locks the account, so none of
them is ever a passing trouble.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from lienthong.errors import SignatureInvalid
from lienthong_connectors.http.privacy import spoken

_WHO: Final = "unauthenticated"
_HOW: Final = "misconfigured"

CODES: Final = {
    # WS-Security 1.1 section 12
    "FailedAuthentication": (_WHO, "check login and password, or the certificate, that the token is made of"),
    "InvalidSecurityToken": (_WHO, "check the certificate or token; is it expired, or not known there?"),
    "SecurityTokenUnavailable": (_WHO, "the service cannot find our certificate: give it to the agency"),
    "UnsupportedSecurityToken": (_HOW, "check username_token, sign_token and key_info of the settings"),
    "UnsupportedAlgorithm": (_HOW, "check algorithm of the settings"),
    "InvalidSecurity": (_HOW, "check what the settings sign, the timestamp, the password and both clocks"),
    "FailedCheck": (_HOW, "check algorithm and headers of the settings, and which certificate signs"),
    # wsu, section 10
    "MessageExpired": (_HOW, "compare both clocks; see lifetime of the settings"),
    # WS-SecureConversation
    "BadContextToken": (_WHO, "the service wants a secure conversation, or has ended one"),
    "UnsupportedContextToken": (_HOW, "the service wants another kind of token"),
    "UnknownDerivationSource": (_HOW, "the service wants another kind of token"),
    # WS-Trust
    "AuthenticationBadElements": (_WHO, "check login and password of the token"),
    "ExpiredData": (_WHO, "the token has expired; compare both clocks"),
    "InvalidTimeRange": (_HOW, "compare both clocks; see lifetime of the settings"),
    "RenewNeeded": (_WHO, "the service wants a token that is renewed"),
    "UnableToRenew": (_WHO, "the service wants a token that is renewed"),
    # WCF's authorization
    "SecurityAccessDenied": (_WHO, "ask the agency for the right to this service"),
}
"""Local names of codes: the list of a table of faults that each belongs to, and what to do."""

_IN_FAULT: Final = re.compile(
    rb"<(?:[\w.-]+:)?(?:faultcode|Value)\b[^>]{0,300}>\s{0,99}([\w.:-]{1,99})\s{0,99}</", re.ASCII
)
_FAULT: Final = re.compile(rb"<(?:[\w.-]+:)?Fault[\s>]", re.ASCII)
_MOST: Final = 65_536


def security_code(codes: Iterable[str]) -> str:
    """Return the code of a fault (without prefix) that is about WS-Security, empty for none."""
    return next((code for code in codes if code in CODES), "")


def unverified_code(answer: bytes) -> str:
    """Return the innermost code of a fault in an answer that nobody vouches for, empty where there is none.

    It is for people only: whoever stands between could have written it.
    """
    if not _FAULT.search(answer, 0, _MOST):
        return ""
    found = [code.decode().rpartition(":")[2] for code in _IN_FAULT.findall(answer, 0, _MOST)]
    return security_code(found) or (found[-1] if found else "")


def naming_fault(error: SignatureInvalid, answer: bytes) -> SignatureInvalid:
    """Return the error of an answer whose signature does not hold, with what its fault says, if it is one.

    Services that check WS-Security refuse by faults that they do not sign. The kind of the error stays: a
    delivery is not counted as not taken on a word that anybody could have written.
    """
    code = spoken(unverified_code(answer))[:60]
    if not code:
        return error
    said = CODES.get(code, ("", ""))[1]
    hint = "; ".join(filter(None, (error.hint, f"if the fault is true: {said}" if said else "")))
    message = f"{error.message}; it holds a fault with the code {code}, which is unverified"
    return SignatureInvalid(message, where=error.where, hint=hint, **{**error.details, "unverified": code})
