"""WS-Security of one service: what is put on requests, and what is read of signed answers."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from lienthong.connector import Connection, Context
from lienthong.errors import Misconfigured, ProtocolViolation, SignatureInvalid
from lienthong_connectors.http.transport import Streamed
from lienthong_connectors.soap.envelope import NAMESPACES, Envelope
from lienthong_connectors.soap.faults import read_fault
from lienthong_connectors.soap.wss_faults import CODES
from lienthong_connectors.xml.encodings import without_lead
from lienthong_connectors.xml.reader import RecordReader, XmlLimits
from lienthong_connectors.xml.shape import TEXT_MEMBER

if TYPE_CHECKING:
    from lienthong_connectors.soap.policies import AnswerPolicy, WsSecurity

_VALUE: Final = re.compile(r"<ds:SignatureValue>([^<]+)</ds:SignatureValue>")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"


class Security:
    """The settings' WS-Security with the keys and credentials that it needs.

    Raises `Misconfigured`, naming it, where a key, a certificate or a credential is missing.
    """

    def __init__(
        self, settings: WsSecurity | None, connection: Connection, context: Context, *, where: str
    ) -> None:
        self.settings, self._connection, self._context, self._where = settings, connection, context, where
        self.verify: AnswerPolicy | None = settings.verify if settings is not None else None
        if settings is None:
            return
        for wanted, have, what in (
            (settings.sign, context.signer, "a signing key"),
            (settings.verify, context.trust, "trusted certificates"),
        ):
            if wanted and have is None:
                raise Misconfigured(
                    f"WS-Security needs {what}, and there is none",
                    where=where,
                    hint="configure the agency's key and the partner's authority, or security=None",
                )
        if settings.username_token:
            self._login()

    def outgoing(self, envelope: Envelope) -> tuple[bytes | Streamed, bytes]:
        """Return a request's bytes, secured, and its SignatureValue (empty where it is not signed).

        A list's bytes are made while they are sent.

        A list is written twice: once to know its length and digest, so that whatever does not fit
        is found before anything is sent, and once to send it. Raises `Refused` where it does not fit.
        """
        settings = self.settings
        identity = f"id-{secrets.token_hex(16)}" if settings is not None and settings.sign else ""
        whole = None if envelope.listed else b"".join(envelope.body(identity))
        state, length = hashlib.sha256(), 0
        for piece in envelope.body(identity) if whole is None else (whole,):
            state.update(piece)
            length += len(piece)
        header = self._header(envelope, identity, state.digest())
        value = _VALUE.search(header) if identity else None
        signature = base64.b64decode(value.group(1)) if value else b""
        if whole is not None:
            return b"".join(envelope.around(header, iter((whole,)))), signature
        length += sum(map(len, envelope.around(header, iter(()))))
        return Streamed(lambda: envelope.around(header, envelope.body(identity)), length), signature

    def open(self, answer: bytes, confirms: bytes, *, max_depth: int) -> tuple[bytes, str, tuple[str, ...]]:
        """Verify a signed answer to a request whose SignatureValue was ``confirms``.

        Return an envelope of nothing but what was signed, the agency that signed, and the headers
        that must be understood. Raises `SignatureInvalid`; where what came is a fault, it names the
        fault's code as unverified: that is how services say what they have against a signature.
        """
        from lxml import etree

        from lienthong.signing import wsse

        policy, trust = self.verify, self._context.trust
        assert policy is not None and trust is not None  # noqa: S101, PT018 - checked when opened
        wanted = wsse.VerifyPolicy(
            algorithms=frozenset(policy.algorithms),
            allow_sha1=policy.allow_sha1,
            require_timestamp=policy.timestamp,
            require_addressing=policy.addressing,
            headers=policy.cover,
            max_age=policy.max_age,
            skew=policy.skew,
            confirms=confirms,
            require_confirmation=policy.confirmation,
            max_bytes=policy.max_bytes,
            max_depth=max_depth,
        )
        answer = without_lead(answer)
        try:
            verified = wsse.verify(answer, trust=trust, policy=wanted)
        except SignatureInvalid as error:
            raise _naming(error, unverified_fault(answer)) from None
        self._check_signer(verified, policy)
        space = next(one for one in NAMESPACES.values() if f"{{{one}}}Body" in verified.covered)
        parts = [b'<Envelope xmlns="', space.encode(), b'"><Header>']
        parts += [etree.tostring(block) for block in verified.headers]
        parts += [b"</Header>", verified.content, b"</Envelope>"]
        return b"".join(parts), verified.agency, verified.demanded

    def check_timestamp(self, header: Mapping[str, Any]) -> None:
        """Check the timestamp of an answer that needs no signature, where it has one.

        Raises `ProtocolViolation` for one that is stale, expired, from the future or none.
        """
        if self.settings is None or self.verify is not None:
            return
        block = header.get(f"{{{WSSE}}}Security")
        stamp = block.get("Timestamp") if isinstance(block, Mapping) else None
        if not isinstance(stamp, Mapping):
            return
        from lienthong.signing import wsse

        try:
            wsse.check_freshness(
                _text(stamp.get("Created")),
                _text(stamp.get("Expires")),
                max_age=None if stamp.get("Expires") else self.settings.lifetime,
                skew=self.settings.skew,
                at=datetime.now(UTC),
            )
        except SignatureInvalid as error:
            raise ProtocolViolation(
                f"the answer's timestamp is not acceptable: {error.message}",
                where=self._where,
                hint="compare both clocks",
                reason=str(error.details.get("reason", "timestamp")),
            ) from None

    def _header(self, envelope: Envelope, identity: str, digest: bytes) -> str:
        settings, header = self.settings, envelope.header()
        if settings is None or not (settings.sign or settings.username_token or settings.timestamp):
            return header
        from lienthong.signing import wsse

        token = None
        if settings.username_token:
            login, password = self._login()
            token = wsse.username_token(login, password, kind=settings.username_token)
        policy = wsse.SignPolicy(
            algorithm=settings.algorithm or None,
            lifetime=settings.lifetime,
            headers=settings.headers,
            sign_token=settings.sign_token,
            key_info=settings.key_info,
            timestamp=settings.timestamp,
            must_understand=settings.must_understand,
        )
        return wsse.secure(
            header.encode(),
            envelope.space,
            signer=self._context.signer if settings.sign else None,
            body=wsse.BodyDigest(identity, digest) if settings.sign else None,
            token=token,
            policy=policy,
        ).decode()

    def _login(self) -> tuple[str, str]:
        """Return the credentials of a UsernameToken: the connection's own ones, else its login."""
        if self._connection.option("wss_login"):
            return self._connection.require("wss_login"), self._connection.require("wss_password")
        return self._connection.require("login"), self._connection.require("password")

    def _check_signer(self, verified: Any, policy: AnswerPolicy) -> None:
        from cryptography.hazmat.primitives.hashes import SHA256

        if policy.signed_by and verified.agency != policy.signed_by:
            raise SignatureInvalid(
                "the answer was signed by another agency than expected",
                where=self._where,
                hint="check signed_by of the settings and whom the address belongs to",
                reason="signer",
            )
        pinned = policy.certificate.lower()
        if pinned and verified.certificate.fingerprint(SHA256()).hex() != pinned:
            raise SignatureInvalid(
                "the answer was signed with another certificate than the one expected",
                where=self._where,
                hint="ask the agency whether it has a new certificate, then set its SHA-256",
                reason="signer",
            )


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get(TEXT_MEMBER, "")
    return "" if value is None else str(value)


def unverified_fault(answer: bytes) -> str:
    """Return the code of the fault that an answer claims to be, empty where it is none or cannot be read."""
    parser = RecordReader(None, {}, XmlLimits(), None, frozenset())
    try:
        parser.feed(answer)
        frame = parser.close()
    except ProtocolViolation:
        return ""
    body = next((value for name, value in frame.items() if name.endswith("}Body")), None)
    if not isinstance(body, Mapping) or "Fault" not in body:
        return ""
    return _UNSAFE.sub("-", read_fault(body["Fault"]).agency_code)[:40]


def _naming(error: SignatureInvalid, code: str) -> SignatureInvalid:
    """Return an error with the code of an unsigned fault, and what to do if it is true.

    The kind of the error stays: a delivery is not counted as not taken on a word that anybody could have
    written who stands between.
    """
    if not code:
        return error
    said = CODES.get(code, ("", ""))[1] or "ask the agency what its service has against our request"
    return SignatureInvalid(
        f"{error.message}; it holds a fault with the code {code}, which is unverified",
        where=error.where,
        hint="; ".join(filter(None, (error.hint, f"if the fault is true: {said}"))),
        **{**error.details, "unverified": code},
    )
