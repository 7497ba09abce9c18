"""Who signs: the :class:`Signer` protocol, and :class:`LocalSigner` for a key in a file.

A hardware module or a remote signing service fits behind the protocol: it holds the key, we hold
its certificate. Algorithms carry their JOSE names (RFC 7518): ``ES256``, ``PS256``, ``RS256``, and
``PS512`` for the ``rsa-pss-sha512`` of RFC 9421.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from lienthong.errors import Misconfigured
from lienthong.faults import read_private as private_bytes
from lienthong.signing import _algorithms
from lienthong.signing._algorithms import PrivateKey


@runtime_checkable
class Signer(Protocol):
    """Signs bytes in the name of one agency."""

    @property
    def key_id(self) -> str:
        """Hex SHA-256 of the public key's DER SubjectPublicKeyInfo."""

    @property
    def algorithm(self) -> str:
        """JOSE name of the algorithm: ``ES256``, ``PS256`` or ``RS256`` (``PS512`` for RFC 9421)."""

    @property
    def agency(self) -> str:
        """Code of the agency that the key belongs to."""

    @property
    def certificate(self) -> x509.Certificate:
        """Certificate of the key."""

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Intermediate certificates, from the issuer of :attr:`certificate` upwards, without the root."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``; for ``ES256`` 64 bytes ``r || s``."""


@runtime_checkable
class AdaptableSigner(Signer, Protocol):
    """A signer whose key can serve several algorithms, as an RSA key can."""

    def with_algorithm(self, algorithm: str) -> Signer:
        """Return a signer with the same key and another algorithm."""


def with_algorithm(signer: Signer, algorithm: str) -> Signer:
    """Return ``signer`` speaking ``algorithm``, for protocols that demand a certain one.

    Raises :class:`Misconfigured` when the signer or its key cannot.
    """
    if signer.algorithm == algorithm:
        return signer
    if isinstance(signer, AdaptableSigner):
        return signer.with_algorithm(algorithm)
    raise Misconfigured(
        f"the signer signs with {signer.algorithm}, the protocol needs {algorithm}",
        where=f"signer of {signer.agency}",
        hint="configure a key and algorithm that the protocol accepts",
    )


class LocalSigner:
    """A signer whose private key is held in memory, read from a PEM or PKCS#12 file.

    RSA keys sign with ``PS256`` unless :meth:`with_algorithm` says otherwise, P-256 keys with
    ``ES256``. Raises :class:`Misconfigured` for RSA below 2048 bits, for other curves (P-384 among
    them: the bus has one elliptic curve), and for a certificate that belongs to another key.
    """

    __slots__ = ("_agency", "_algorithm", "_certificate", "_chain", "_key", "_key_id")

    def __init__(
        self,
        key: PrivateKey,
        *,
        agency: str,
        certificate: x509.Certificate,
        chain: tuple[x509.Certificate, ...] = (),
        where: str = "",
    ) -> None:
        self._algorithm = _algorithms.default_algorithm(key, where=where)
        self._key, self._agency, self._certificate, self._chain = key, agency, certificate, chain
        self._key_id = _algorithms.key_id(key.public_key())
        if _algorithms.key_id(certificate.public_key()) != self._key_id:
            raise Misconfigured(
                "the certificate does not belong to the private key",
                where=where or f"signer of {agency}",
                hint="check that key and certificate come from the same request",
            )

    @classmethod
    def from_pem(
        cls, path: Path, *, agency: str, certificate: Path | None = None, password: bytes | None = None
    ) -> Self:
        """Read a PEM private key, and its certificate (leaf first, then intermediates).

        ``certificate`` may be left out when the certificates stand in the key file itself.
        Raises :class:`Misconfigured` when a file is missing, unreadable, readable by others, or is
        not what it should be.
        """
        path = Path(path)
        key = load_private_key(path, password=password)
        leaf, *chain = read_certificates(Path(certificate) if certificate else path)
        return cls(key, agency=agency, certificate=leaf, chain=tuple(chain), where=str(path))

    @classmethod
    def from_pkcs12(cls, path: Path, password: bytes | str | None, *, agency: str) -> Self:
        """Read a PKCS#12 file (``.p12``, ``.pfx``) holding one key, its certificate and its chain.

        Raises :class:`Misconfigured` as :meth:`from_pem` does, and for a wrong password.
        """
        path = Path(path)
        secret = password.encode() if isinstance(password, str) else password
        key, leaf, others = _open_pkcs12(path, secret)
        if leaf is None:
            raise Misconfigured(
                "the PKCS#12 file holds no certificate",
                where=str(path),
                hint="export it together with its certificate",
            )
        return cls(
            _supported(key, str(path)), agency=agency, certificate=leaf, chain=tuple(others), where=str(path)
        )

    @property
    def key_id(self) -> str:
        """Hex SHA-256 of the public key's DER SubjectPublicKeyInfo."""
        return self._key_id

    @property
    def algorithm(self) -> str:
        """JOSE name of the algorithm this signer uses."""
        return self._algorithm

    @property
    def agency(self) -> str:
        """Code of the agency that the key belongs to."""
        return self._agency

    @property
    def certificate(self) -> x509.Certificate:
        """Certificate of the key."""
        return self._certificate

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Intermediate certificates from the issuer upwards."""
        return self._chain

    def with_algorithm(self, algorithm: str) -> LocalSigner:
        """Return a signer with the same key and another algorithm (``RS256``, ``PS512``, ...).

        Raises :class:`Misconfigured` when the key cannot: an RSA key never gives ``ES256``.
        """
        if not _algorithms.may_sign(self._key.public_key(), algorithm):
            raise Misconfigured(
                f"the key of {self._agency} cannot sign with {algorithm}",
                hint="ES256 needs a P-256 key; PS256, PS512 and RS256 need an RSA key",
            )
        other = LocalSigner(self._key, agency=self._agency, certificate=self._certificate, chain=self._chain)
        other._algorithm = algorithm
        return other

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``; for ``ES256`` 64 bytes ``r || s``."""
        return _algorithms.sign(self._key, self._algorithm, data)

    def __repr__(self) -> str:
        return f"LocalSigner(agency={self._agency!r}, algorithm={self._algorithm!r}, key_id={self._key_id!r})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a signer holds a private key and is not pickled; pass the agency code instead")


class BareKey:
    """A private key without a certificate, for readers who registered the public key beforehand.

    ``algorithm`` is chosen by the key (``ES256`` or ``PS256``) unless one is asked for. Raises
    :class:`Misconfigured` for the keys that :class:`LocalSigner` refuses, and for an algorithm that
    does not fit the key.
    """

    __slots__ = ("_key", "algorithm", "key_id")

    def __init__(self, key: PrivateKey, *, algorithm: str = "", where: str = "") -> None:
        usual = _algorithms.default_algorithm(key, where=where)
        if algorithm and not _algorithms.may_sign(key.public_key(), algorithm):
            raise Misconfigured(
                f"the key cannot sign with {algorithm}",
                where=where,
                hint="ES256 needs a P-256 key; PS256, PS512 and RS256 need an RSA key",
            )
        self._key = key
        self.algorithm = algorithm or usual
        self.key_id = _algorithms.key_id(key.public_key())

    @classmethod
    def read(cls, path: Path, *, password: bytes | None = None, algorithm: str = "") -> Self:
        """Read a key from a PEM file, or from a PKCS#12 file by its ending (``.p12``, ``.pfx``)."""
        if path.suffix.lower() in {".p12", ".pfx"}:
            key = _supported(_open_pkcs12(path, password)[0], str(path))
        else:
            key = load_private_key(path, password=password)
        return cls(key, algorithm=algorithm, where=str(path))

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``; for ``ES256`` 64 bytes ``r || s``."""
        return _algorithms.sign(self._key, self.algorithm, data)

    def __repr__(self) -> str:
        return f"BareKey(algorithm={self.algorithm!r}, key_id={self.key_id!r})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a private key is not pickled")


def _open_pkcs12(
    path: Path, password: bytes | None
) -> tuple[object, x509.Certificate | None, list[x509.Certificate]]:
    try:
        return pkcs12.load_key_and_certificates(read_private(path), password)
    except ValueError:
        raise Misconfigured(
            "not a PKCS#12 file, or the password is wrong", where=str(path), hint="check the password"
        ) from None


def read_private(path: Path) -> bytes:
    """Return the bytes of a file that only its owner may read.

    Raises :class:`Misconfigured` when it is missing, unreadable, or open to group or others.
    """
    return private_bytes(path, "the private key file")


def load_private_key(path: Path, *, password: bytes | None = None) -> PrivateKey:
    """Read a PEM private key of a supported kind from a file that only its owner may read."""
    try:
        key = load_pem_private_key(read_private(path), password)
    except (ValueError, TypeError) as error:
        # TypeError: a password is missing or given in vain; ValueError: wrong password or not PEM.
        hint = "give the password" if isinstance(error, TypeError) else "check the file and the password"
        raise Misconfigured("not a readable PEM private key", where=str(path), hint=hint) from None
    return _supported(key, str(path))


def _supported(key: object, where: str) -> PrivateKey:
    _algorithms.default_algorithm(key, where=where)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)  # noqa: S101 - narrows for mypy
    return key


def read_certificates(path: Path) -> list[x509.Certificate]:
    """Read all PEM certificates of a file, in file order, at least one.

    Raises :class:`Misconfigured` when the file is missing or holds none.
    """
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise Misconfigured(
            f"the certificate file cannot be read: {error.strerror}", where=str(path), hint="check the path"
        ) from None
    except ValueError:
        raise Misconfigured(
            "no PEM certificate in the file", where=str(path), hint="the file must hold BEGIN CERTIFICATE"
        ) from None
