"""TLS of one connection: whom we believe, who we are, and in words what did not hold."""

from __future__ import annotations

import secrets
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from lienthong.connector import Connection
from lienthong.errors import Misconfigured

if TYPE_CHECKING:  # loaded where there is a client certificate only
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs12

_CA: Final = "give the authority's certificate as ca_file; never switch verification off"
_OURS: Final = "ask the agency which certificate it knows us by; it goes into client_certificate"
#: what OpenSSL finds in the other side's certificate (verify codes of X509_V_ERR_*)
_VERIFY: Final = {
    9: ("the system's certificate is not valid yet", "check this machine's clock, then tell the agency"),
    10: ("the system's certificate has expired", "tell the agency; never switch verification off"),
    18: ("the system's certificate is self-signed and not trusted", _CA),
    19: ("the system's certificate comes from an authority that is not trusted", _CA),
    20: ("the system's certificate comes from an authority that is not trusted", _CA),
    21: ("the system's certificate comes from an authority that is not trusted", _CA),
    62: ("the system's certificate is for another name", "check the host, then ask the agency for its name"),
    64: ("the system's certificate is for another address", "use the name that the certificate is for"),
}
#: alerts by which the other side refuses our certificate (RFC 8446 section 6.2), as OpenSSL names them
_REFUSALS: Final = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the system asks for a client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "the system does not know the authority of our client certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the system says that our client certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "the system says that our client certificate was revoked",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the system refuses our client certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the system refuses our client certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "the system refuses our client certificate's kind",
    "TLSV1_ALERT_ACCESS_DENIED": "the system refuses our client certificate",
}
_OTHER: Final = {
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "the system finds nothing in common with us",
        "it may ask for a client certificate, or speak old algorithms only",
    ),
    "TLSV1_ALERT_PROTOCOL_VERSION": ("the system wants another version of TLS", "ask the agency for TLS 1.2"),
    "UNSUPPORTED_PROTOCOL": ("the system speaks an old version of TLS", "ask the agency for TLS 1.2"),
    "WRONG_VERSION_NUMBER": ("the system does not speak TLS at this port", "check host and port"),
}
#: what nginx says in its answer of status 400 instead of an alert
_PAGES: Final = {
    b"No required SSL certificate was sent": "the system asks for a client certificate",
    b"The SSL certificate error": "the system refuses our client certificate",
}


@dataclass(frozen=True)
class Tls:
    """The TLS side of a connection's fields; its context is made at first use.

    The other side is always verified, against the public authorities or those in ``ca_file``.
    ``certificate`` is a PEM or PKCS#12 file, ``key`` a PEM file where it is apart.
    """

    ca_file: str = ""
    certificate: str = ""
    key: str = ""
    password: str = field(default="", repr=False)
    where: str = ""

    @classmethod
    def of(cls, connection: Connection) -> Tls:
        """Return what a connection's fields say."""
        return cls(
            ca_file=str(connection.option("ca_file", "")),
            certificate=str(connection.option("client_certificate", "")),
            key=str(connection.option("client_key", "")),
            password=str(connection.option("client_key_password", "")),
            where=f"connection {connection.id!r}",
        )

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The context of all connections.

        Raises `Misconfigured`, naming the field, where a file is missing, is not what it should be,
        or does not open with the password.
        """
        authorities = self.ca_file or DEFAULT_CA_BUNDLE_PATH
        folder = Path(authorities).is_dir()
        try:
            context = ssl.create_default_context(
                cafile=None if folder else authorities, capath=authorities if folder else None
            )
        except ssl.SSLError:
            self._unusable("ca_file", "it holds no certificate", "give a PEM file")
        except OSError as error:
            self._unusable("ca_file", error.strerror or "it cannot be read", "check the path")
        if self.certificate:
            self._identify(context)
        return context

    def own_until(self) -> datetime | None:
        """Return until when our certificate is valid, None without one."""
        return self._leaf.not_valid_after_utc if self.certificate else None

    def own_days(self) -> int | None:
        """Return for how many days our certificate is valid (negative: since when not), None without one."""
        until = self.own_until()
        return None if until is None else (until - datetime.now(UTC)).days

    def failure(self, error: BaseException, *, where: str) -> Misconfigured:
        """Return what a TLS error means."""
        what, hint = "", "check the system's certificate, ca_file and client_certificate"
        if isinstance(error, ssl.SSLCertVerificationError):
            what, hint = _VERIFY.get(error.verify_code, (error.verify_message, _CA))
        elif isinstance(error, ssl.SSLError) and error.reason:
            what, hint = _OTHER.get(error.reason, (error.reason, hint))
        if refused(error):
            return self._refused(_REFUSALS[str(getattr(error, "reason", ""))], where)
        return Misconfigured(f"TLS could not be agreed: {what or 'no reason given'}", where=where, hint=hint)

    def page(self, body: bytes, *, where: str) -> Misconfigured | None:
        """Return what a web server's own page about our certificate means, None where it is no such page."""
        found = next((text for page, text in _PAGES.items() if page in body), "")
        return self._refused(found, where) if found else None

    def _refused(self, what: str, where: str) -> Misconfigured:
        days = self.own_days()
        if days is None:
            hint = "set client_certificate and client_key, as agreed with the agency"
        elif days < 0:
            what, hint = f"{what}: it expired {-days} days ago", "ask the authority for a new certificate"
        else:
            hint = _OURS
        return Misconfigured(f"TLS could not be agreed: {what}", where=where, hint=hint)

    @cached_property
    def _data(self) -> bytes:
        try:
            return Path(self.certificate).read_bytes()
        except OSError as error:
            self._unusable("client_certificate", error.strerror or "", "check the path")

    @cached_property
    def _leaf(self) -> x509.Certificate:
        from lienthong.signing.signers import read_certificates

        if self._is_pem:
            return read_certificates(Path(self.certificate))[0]
        return self._opened.cert.certificate  # type: ignore[union-attr]  # there: checked where it is opened

    @property
    def _is_pem(self) -> bool:
        return b"-----BEGIN " in self._data

    @cached_property
    def _opened(self) -> pkcs12.PKCS12KeyAndCertificates:
        from cryptography.hazmat.primitives.serialization import pkcs12

        try:
            opened = pkcs12.load_pkcs12(self._data, self.password.encode() or None)
        except ValueError:
            self._unusable("client_certificate", "neither PEM nor PKCS#12, or the password is wrong")
        if opened.key is None or opened.cert is None:
            self._unusable("client_certificate", "the PKCS#12 file lacks the key or its certificate")
        return opened

    def _identify(self, context: ssl.SSLContext) -> None:
        try:
            if self._is_pem:
                # a password, even an empty one: OpenSSL would ask for it at the terminal
                context.load_cert_chain(self.certificate, self.key or None, password=self.password)
            else:
                self._load_pkcs12(context)
            self._leaf  # noqa: B018 - read now, so that a flaw shows before anything leaves
        except ssl.SSLError as error:
            why = "the key is that of another certificate" if "MISMATCH" in (error.reason or "") else ""
            self._unusable("client_certificate", why or "not a certificate with its key, or a wrong password")
        except OSError as error:
            self._unusable("client_key", error.strerror or "it cannot be read", "check the path")

    def _load_pkcs12(self, context: ssl.SSLContext) -> None:
        """Hand the key to OpenSSL, which takes files only: in a file encrypted under a passphrase of our own.

        The passphrase is random, stays in memory and serves once; the file is gone afterwards, and
        what a crash or the disk may keep of it opens nothing.
        """
        from cryptography.hazmat.primitives.serialization import (
            BestAvailableEncryption,
            Encoding,
            PrivateFormat,
        )

        passphrase = secrets.token_hex(32)
        opened = self._opened
        assert opened.key is not None  # noqa: S101 - narrows for mypy
        text = opened.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
        )
        for one in (opened.cert, *opened.additional_certs):
            text += one.certificate.public_bytes(Encoding.PEM) if one else b""
        with tempfile.NamedTemporaryFile(prefix="lienthong-tls-") as file:
            file.write(text)
            file.flush()
            context.load_cert_chain(file.name, password=passphrase)

    def _unusable(self, name: str, why: str, hint: str = "check file and client_key_password") -> NoReturn:
        raise Misconfigured(
            f"connection field {name!r} cannot be used: {why}", where=self.where, hint=hint
        ) from None


def refused(error: BaseException) -> bool:
    """Tell whether by this error the other side refused our certificate.

    Then it has not looked at the request, even though TLS 1.3 let us send it already: a server
    reads no data before the client's part of the handshake holds (RFC 8446 section 4.4).
    """
    return isinstance(error, ssl.SSLError) and error.reason in _REFUSALS
