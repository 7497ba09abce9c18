"""Faults by which a service refuses our WS-Security header: it surely took nothing, and trying again is vain.

The codes are those of Web Services Security: SOAP Message Security 1.1 section 12 and its ``wsu``
(``MessageExpired``, section 10), of WS-SecureConversation 1.4 section 9 and of WS-Trust 1.4 section 11;
WCF and WSS4J use the same. A wrong password that is tried again and again locks the account, so none of
them is ever a passing trouble.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

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


def security_code(codes: Iterable[str]) -> str:
    """Return the code of a fault (without prefix) that is about WS-Security, empty for none."""
    return next((code for code in codes if code in CODES), "")
