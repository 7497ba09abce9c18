"""Content-Digest and Repr-Digest (RFC 9530)."""

from __future__ import annotations

import pytest

from lienthong.errors import SignatureInvalid
from lienthong.signing.digest import check_content_digest, content_digest

HELLO = b'{"hello": "world"}\n'  # the representation of RFC 9530 appendix A and B


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (HELLO, "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"),
        (b'{"hello": "world"}', "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
        (b"", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
    ],
)
def test_digests_of_the_standard(body: bytes, value: str) -> None:
    """The worked examples of RFC 9530 and of RFC 9421 section 2.1.2."""
    assert content_digest(body) == value
    check_content_digest(value, body)


def test_sha_512_of_the_standard() -> None:
    """The Content-Digest of the test request in RFC 9421 appendix B.2."""
    value = (
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
    )
    assert content_digest(b'{"hello": "world"}', algorithm="sha-512") == value


def _refused(header: str, body: bytes = HELLO) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        check_content_digest(header, body)
    return str(caught.value.details["reason"])


def test_every_known_digest_must_match() -> None:
    """One right digest does not excuse a wrong one beside it."""
    right, wrong = content_digest(HELLO), content_digest(b"other", algorithm="sha-512")
    assert _refused(f"{right}, {wrong}") == "digest"
    assert _refused(content_digest(b"other")) == "digest"


def test_deprecated_digests_are_not_enough() -> None:
    assert _refused("md5=:Sd/dVLAcvNLSq16eXua5uQ==:") == "digest-missing"
    assert _refused("") == "digest-missing"
    check_content_digest(f"md5=:AAAA:, {content_digest(HELLO)}", HELLO)
    with pytest.raises(SignatureInvalid):
        check_content_digest(content_digest(HELLO), HELLO, required={"sha-512"})


@pytest.mark.parametrize(
    "header", ["sha-256=abc", "sha-256", 'sha-256="RK/0"', "sha-256=(:AA==:)", "sha-256=:AA==:"]
)
def test_values_that_are_no_digest_are_refused(header: str) -> None:
    assert _refused(header) == "digest"


def test_broken_fields_are_refused() -> None:
    assert _refused("sha-256=:AA=:") == "field"
    assert _refused("SHA-256=X48E9q") == "field"
