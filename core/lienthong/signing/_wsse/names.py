"""Namespaces and algorithm URIs of SOAP, WS-Security and XML Signature."""

from __future__ import annotations

from typing import Final, NoReturn

from lienthong.errors import SignatureInvalid

SOAP11: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"
RECEIVER: Final = frozenset(
    {
        "",
        "http://schemas.xmlsoap.org/soap/actor/next",
        f"{SOAP12}/role/next",
        f"{SOAP12}/role/ultimateReceiver",
    }
)
"""Roles that the receiver of an answer plays."""

SOAP: Final = frozenset({SOAP11, SOAP12})

_OASIS: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
WSSE: Final = f"{_OASIS}-wssecurity-secext-1.0.xsd"
WSU: Final = f"{_OASIS}-wssecurity-utility-1.0.xsd"
WSSE11: Final = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
X509V3: Final = f"{_OASIS}-x509-token-profile-1.0#X509v3"
PKIPATH: Final = f"{_OASIS}-x509-token-profile-1.0#X509PKIPathv1"
X509SKI: Final = f"{_OASIS}-x509-token-profile-1.0#X509SubjectKeyIdentifier"
CONFIRMATION: Final = f"{{{WSSE11}}}SignatureConfirmation"
THUMBPRINT: Final = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1"
BASE64: Final = f"{_OASIS}-soap-message-security-1.0#Base64Binary"
PASSWORD_TEXT: Final = f"{_OASIS}-username-token-profile-1.0#PasswordText"
PASSWORD_DIGEST: Final = f"{_OASIS}-username-token-profile-1.0#PasswordDigest"

WSA: Final = frozenset(
    {"http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing"}
)

DS: Final = "http://www.w3.org/2000/09/xmldsig#"
ENVELOPED: Final = f"{DS}enveloped-signature"
EXC_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"

SIGNATURES: Final = {
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256": "ES256",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384": "ES384",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512": "ES512",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": "RS256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": "RS384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": "RS512",
    "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1": "PS256",
    "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1": "PS384",
    "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1": "PS512",
    "http://www.w3.org/2000/09/xmldsig#rsa-sha1": "RS1",
}
"""Signature methods (RFC 9231) and their JOSE names."""

ACCEPTED: Final = frozenset(SIGNATURES.values()) - {"RS1"}
"""Signature algorithms that are accepted unless a policy narrows them: SHA-2 each, by their JOSE names."""

SIGNATURE_URIS: Final = {
    jose: uri for uri, jose in SIGNATURES.items() if jose in ("ES256", "RS256", "PS256", "PS512")
}
"""Signature methods that we write."""

DIGESTS: Final = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
    "http://www.w3.org/2000/09/xmldsig#sha1": "sha1",
}
"""Digest methods and the names that hashlib knows them by."""

SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"

WSU_ID: Final = f"{{{WSU}}}Id"


def refuse(message: str, reason: str) -> NoReturn:
    """Raise :class:`SignatureInvalid`, naming the reason."""
    raise SignatureInvalid(message, where="WS-Security", reason=reason)
