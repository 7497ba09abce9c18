"""OAuth2 client credentials against an authorization server that we did not write (oidc-provider)."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import counterparts
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from lienthong.connector import Connection, Context, ReadRequest
from lienthong.errors import (
    Forbidden,
    LienThongError,
    Misconfigured,
    ProtocolViolation,
    RateLimited,
    TimedOut,
    Unauthenticated,
    Unavailable,
)
from lienthong.signing import KeyRing, Signer
from lienthong.signing.keys import create_development_keys
from lienthong_connectors.http.asking import refusal
from lienthong_connectors.http.oauth2 import TokenEndpoint
from lienthong_connectors.http.tls import Tls
from lienthong_connectors.http.transport import Limits, Transport
from lienthong_connectors.rest import RestSource

SECRET = "kh:oa & 100%+/="
SOURCE = RestSource(path="protected/hoso", records="")


@dataclass(frozen=True)
class Keys:
    """Private keys in files, and the public ones as the server knows them."""

    folder: Path
    signer: Signer

    def path(self, name: str) -> str:
        return str(self.folder / name)


def number(value: int) -> str:
    return (
        base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
    )


def public_jwk(key: Any, kid: str, alg: str) -> dict[str, str]:
    numbers = key.public_numbers()
    if isinstance(numbers, rsa.RSAPublicNumbers):
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), "kid": kid, "alg": alg}
    width = {"x": numbers.x, "y": numbers.y}
    point = {
        n: base64.urlsafe_b64encode(v.to_bytes(32, "big")).rstrip(b"=").decode() for n, v in width.items()
    }
    return {"kty": "EC", "crv": "P-256", "kid": kid, "alg": alg, **point}


def write(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """A P-256 key (plain, encrypted, PKCS#12 with certificate), an RSA key, and an agency's signer."""
    folder = tmp_path_factory.mktemp("keys")
    create_development_keys(folder, "H21")
    signer = KeyRing.for_home(folder).signer("H21")
    elliptic = ec.generate_private_key(ec.SECP256R1())
    plain, pem = NoEncryption(), (Encoding.PEM, PrivateFormat.PKCS8)
    write(folder / "ec.pem", elliptic.private_bytes(*pem, plain))
    write(folder / "ec.locked.pem", elliptic.private_bytes(*pem, BestAvailableEncryption(b"pw")))
    write(
        folder / "ec.p12",
        pkcs12.serialize_key_and_certificates(b"k", elliptic, None, None, BestAvailableEncryption(b"pw")),
    )
    big = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    write(folder / "rsa.pem", big.private_bytes(*pem, plain))
    return Keys(folder, signer)


def clients(keys: Keys) -> list[dict[str, Any]]:
    """What the server knows: one client for each way of saying who asks."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    def signed(name: str, alg: str, key: Any, kid: str) -> dict[str, Any]:
        return {
            "client_id": name,
            "scope": "hoso",
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": alg,
            "jwks": {"keys": [public_jwk(key, kid, alg)]},
        }

    def load(name: str) -> Any:
        return load_pem_private_key((keys.folder / name).read_bytes(), None).public_key()

    def secret(name: str, way: str) -> dict[str, Any]:
        known = {"client_id": name, "client_secret": SECRET, "scope": "hoso xacthuc"}
        return known | {"token_endpoint_auth_method": way}

    own = keys.signer
    return [
        secret("h%eader app", "client_secret_basic"),
        secret("form", "client_secret_post"),
        signed("es", "ES256", load("ec.pem"), "kid-1"),
        signed("ps", "PS256", load("rsa.pem"), "kid-1"),
        signed("rs", "RS256", load("rsa.pem"), "kid-1"),
        signed("own", "ES256", own.certificate.public_key(), own.key_id),
    ]


@pytest.fixture(scope="module")
def server(keys: Keys) -> Iterator[str]:
    file = keys.folder / "clients.json"
    file.write_text(json.dumps(clients(keys)))
    with counterparts.node("oauth2.mjs", file) as port:
        yield f"http://127.0.0.1:{port}"


def read(
    server: str, login: str, *, source: RestSource = SOURCE, context: Context | None = None, **extra: Any
) -> Any:
    """Read one page of a resource that asks for the scope hoso; return its records."""
    password = extra.pop("password", "")
    fields = {"auth": "oauth2", "token_url": "/token", "scope": "hoso", **extra}
    connection = Connection("agency", "lienthong_rest", server, login=login, password=password, extra=fields)
    opened = source.open_source(connection, context or Context(log=lambda _: None))
    try:
        return [record for page in opened.read(ReadRequest()) for record in page.records]
    finally:
        opened.close()


def listed(server: str, login: str, **extra: Any) -> None:
    """Read with success: the resource answers an object, so the list is asked for where there is none."""
    with pytest.raises(ProtocolViolation, match="list"):
        read(server, login, **extra)


@pytest.mark.parametrize(("login", "way"), [("h%eader app", "basic"), ("form", "post")])
def test_a_secret_with_any_character_is_understood(server: str, login: str, way: str) -> None:
    """Colon, blank, percent sign and plus arrive as they are, in the header and in the form."""
    listed(server, login, token_credentials=way, password=SECRET)
    with pytest.raises(Unauthenticated, match="invalid_client") as caught:
        read(server, login, token_credentials=way, password="wrong-s3cret")
    assert "wrong-s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("login", "key", "extra"),
    [
        ("es", "ec.pem", {}),
        ("es", "ec.locked.pem", {"assertion_key_password": "pw"}),
        ("es", "ec.p12", {"assertion_key_password": "pw"}),
        ("ps", "rsa.pem", {}),
        ("rs", "rsa.pem", {"assertion_algorithm": "RS256"}),
    ],
)
def test_an_assertion_of_every_algorithm_and_key_file_is_accepted(
    server: str, keys: Keys, login: str, key: str, extra: dict[str, str]
) -> None:
    listed(
        server, login, token_credentials="private_key_jwt", assertion_key=keys.path(key),
        assertion_key_id="kid-1", **extra,
    )  # fmt: skip


def test_an_assertion_of_the_exchange_s_own_key_is_accepted(server: str, keys: Keys, tmp_path: Path) -> None:
    """Nothing is shared among tasks then: there is no secret at hand that it could be encrypted with."""
    context = Context(signer=keys.signer, cache=tmp_path / "cache", log=lambda _: None)
    listed(server, "own", token_credentials="private_key_jwt", context=context)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("login", "key", "extra"),
    [
        ("es", "rsa.pem", {"assertion_key_id": "kid-1"}),
        ("es", "ec.pem", {"assertion_key_id": "kid-2"}),
        ("ps", "ec.pem", {"assertion_key_id": "kid-1"}),
        ("es", "ec.pem", {"assertion_key_id": "kid-1", "assertion_audience": "https://another.example"}),
    ],
)
def test_an_assertion_of_another_key_or_for_another_server_is_refused(
    server: str, keys: Keys, login: str, key: str, extra: dict[str, str]
) -> None:
    with pytest.raises(Unauthenticated, match="invalid_client"):
        read(server, login, token_credentials="private_key_jwt", assertion_key=keys.path(key), **extra)


def test_a_scope_that_the_client_lacks_is_forbidden(server: str) -> None:
    with pytest.raises(Forbidden, match="invalid_scope"):
        read(server, "form", token_credentials="post", password=SECRET, scope="hoso admin")


def test_a_token_without_the_resource_s_scope_is_forbidden_there(server: str) -> None:
    with pytest.raises(Forbidden):
        read(server, "form", token_credentials="post", password=SECRET, scope="xacthuc")


def test_a_token_of_the_real_server_is_shared(server: str, tmp_path: Path) -> None:
    """The second task asks for none: its secret could not even get one."""
    context = Context(cache=tmp_path, log=lambda _: None)
    listed(server, "form", token_credentials="post", password=SECRET, context=context)
    lines: list[str] = []
    listed(
        server, "form", token_credentials="post", password=SECRET, context=replace(context, log=lines.append)
    )
    assert lines and not any("(token)" in line for line in lines)


def endpoint(agency: Any, keys: Keys, **extra: Any) -> TokenEndpoint:
    """A token endpoint of the scripted agency, for a client with an assertion."""
    fields = {"login": "es", "token_url": "/token", "token_credentials": "private_key_jwt"}
    fields |= {"assertion_key": keys.path("ec.pem")} | extra
    transport = Transport(Limits(), agency.lines.append, where="", tls=Tls())
    return TokenEndpoint(agency.connection(**fields), agency.context(), transport, None)


def test_every_assertion_is_new_and_short(agency: Any, keys: Keys) -> None:
    """A minute of life, ours as issuer and subject, the endpoint as audience, a jti never used before."""
    agency.default = agency.response({"access_token": "t"})
    asking = endpoint(agency, keys)
    threads = [threading.Thread(target=asking.fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    claims = []
    for asked in agency.asked:
        form = {name: value[0] for name, value in parse_qs(asked.body.decode()).items()}
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert form["client_id"] == "es" and "client_secret" not in form
        _, body, _ = form["client_assertion"].split(".")
        claims.append(json.loads(base64.urlsafe_b64decode(body + "==")))
    assert len({one["jti"] for one in claims}) == 4
    for one in claims:
        assert one["exp"] - one["iat"] == 60
        assert one["iss"] == one["sub"] == "es"
        assert one["aud"] == f"http://127.0.0.1:{agency.port}/api/token"


def test_audience_and_resources_are_sent_in_form_and_json(agency: Any) -> None:
    agency.default = agency.response({"access_token": "t"})
    fields = {
        "login": "a",
        "password": "b",
        "token_url": "/token",
        "audience": "x",
        "resource": "urn:1 urn:2",
    }
    for way in ("post", "json"):
        connection = agency.connection(token_credentials=way, scope="s", **fields)
        transport = Transport(Limits(), agency.lines.append, where="", tls=Tls())
        TokenEndpoint(connection, agency.context(), transport, None).fetch()
    form, body = parse_qs(agency.asked[0].body.decode()), agency.asked[1].json()
    common = {"grant_type": "client_credentials", "scope": "s", "audience": "x"}
    common |= {"client_id": "a", "client_secret": "b"}
    assert form == {name: [value] for name, value in common.items()} | {"resource": ["urn:1", "urn:2"]}
    assert body == common | {"resource": ["urn:1", "urn:2"]}
    assert agency.asked[1].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ({"scope": "hoso xacthuc more"}, None, ""),
        ({"scope": "xacthuc hoso"}, None, ""),
        ({}, None, ""),
        ({"token_type": "bearer"}, None, ""),
        ({"scope": "hoso"}, Forbidden, "lacks the scope xacthuc"),
        ({"scope": ""}, Forbidden, "hoso, xacthuc"),
        ({"scope": ["hoso"]}, ProtocolViolation, "scope"),
        ({"token_type": "mac"}, ProtocolViolation, "bearer"),
        ({"expires_in": "soon"}, None, ""),
    ],
)
def test_what_is_granted_is_compared_with_what_was_asked(
    agency: Any, keys: Keys, answer: dict[str, Any], kind: type[LienThongError] | None, said: str
) -> None:
    """RFC 6749 section 5.1: a silent answer grants everything; less is refused, naming what is missing."""
    agency.default = agency.response({"access_token": "t"} | answer)
    asking = endpoint(agency, keys, scope="hoso xacthuc")
    if kind is None:
        assert asking.fetch()[0] == "t"
    else:
        with pytest.raises(kind, match=said):
            asking.fetch()


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, {"error": "invalid_request"}, Misconfigured, "invalid_request"),
        (400, {"error": "invalid_grant"}, Unauthenticated, "invalid_grant"),
        (400, {"error": "unauthorized_client"}, Forbidden, "unauthorized_client"),
        (400, {"error": "unsupported_grant_type"}, Misconfigured, "unsupported_grant_type"),
        (400, {"error": "invalid_target"}, Misconfigured, "invalid_target"),
        (400, {"error": "temporarily_unavailable"}, Unavailable, "temporarily_unavailable"),
        (401, {"error": "custom_code"}, Unauthenticated, "custom_code"),
        (401, {"error": "Secret <xyz>", "error_description": "xyz"}, Unauthenticated, "401"),
        (404, "no JSON", Misconfigured, "token_url"),
        (408, {}, TimedOut, "408"),
        (429, {}, RateLimited, "429"),
        (302, {}, ProtocolViolation, "redirects"),
        (500, {"error": "invalid_client"}, Unavailable, "500"),
        (200, "no JSON", ProtocolViolation, "JSON"),
        (200, {"access_token": 5}, ProtocolViolation, "access_token"),
    ],
)
def test_every_answer_of_a_token_endpoint_has_its_kind(
    agency: Any, keys: Keys, status: int, body: Any, kind: type[LienThongError], said: str
) -> None:
    """The code of RFC 6749 section 5.2 is named; texts of the endpoint are not quoted."""
    agency.default = agency.response(body, status=status, headers={"Retry-After": "7"})
    with pytest.raises(kind, match=said) as caught:
        endpoint(agency, keys).fetch()
    assert "xyz" not in str(caught.value)
    assert type(caught.value) is kind
    if isinstance(caught.value, (RateLimited, Unavailable)):
        assert caught.value.retry_after == 7
    assert "agency" in caught.value.where


def test_a_refused_assertion_says_how_far_our_clock_is_off(agency: Any, keys: Keys) -> None:
    agency.default = agency.response(
        {"error": "invalid_client"}, status=401, headers={"Date": formatdate(0, usegmt=True)}
    )
    with pytest.raises(Unauthenticated, match="s ahead of the other side's"):
        endpoint(agency, keys).fetch()


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"assertion_key": ""}, "assertion_key"),
        ({"assertion_key": "/nowhere/key.pem"}, "key"),
        ({"assertion_algorithm": "HS256"}, "assertion_algorithm"),
        ({"assertion_algorithm": "RS256"}, "RS256"),
        ({"token_credentials": "client_secret_jwt", "password": "x"}, "token_credentials"),
    ],
)
def test_a_key_or_algorithm_that_cannot_be_used_is_named(
    agency: Any, keys: Keys, extra: dict[str, str], named: str
) -> None:
    with pytest.raises(Misconfigured, match=named):
        endpoint(agency, keys, **extra)


def test_keys_that_others_can_read_and_wrong_passwords_are_refused(agency: Any, keys: Keys) -> None:
    for name, mode, password in (("ec.p12", 0o600, "wrong"), ("ec.pem", 0o644, "")):
        copy = keys.folder / f"copy.{name}"
        write(copy, (keys.folder / name).read_bytes())
        copy.chmod(mode)
        with pytest.raises(Misconfigured) as caught:
            endpoint(agency, keys, assertion_key=str(copy), assertion_key_password=password)
        assert "wrong" not in str(caught.value).replace("the password is wrong", "")


def test_refusals_are_judged_by_their_status_alone_where_there_is_no_code(agency: Any) -> None:
    from requests.structures import CaseInsensitiveDict

    from lienthong_connectors.http.transport import Reply

    reply = Reply(403, CaseInsensitiveDict(), b"", b"<html>")
    assert type(refusal(reply, where="x")) is Unauthenticated
