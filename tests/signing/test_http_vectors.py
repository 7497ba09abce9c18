"""RFC 9421: the signatures of appendix B, the values of section 2, and messages of another library."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from lienthong.errors import SignatureInvalid
from lienthong.signing import _fields, _http_message, http
from lienthong.signing._http_message import HttpMessage, parse_component

FILE = Path(__file__).parent / "fixtures" / "http" / "rfc9421.json"
RFC = json.loads(FILE.read_text())
OPEN = {"required": (), "max_age": None, "body_covered": False}


def _keys() -> dict[str, Any]:
    keys: dict[str, Any] = {name: load_pem_public_key(pem.encode()) for name, pem in RFC["keys"].items()}
    for name, secret in RFC["secret"].items():
        keys[name] = http.SharedSecret(name, base64.b64decode(secret))
    return keys


def _message(name: str, *more: tuple[str, str]) -> HttpMessage:
    given = RFC["messages"][name]
    return HttpMessage(
        method=given.get("method"),
        url=given.get("url"),
        status=given.get("status"),
        headers=[*map(tuple, given["headers"]), *more],
        body=given["body"].encode(),
    )


def _signed(vector: dict[str, str]) -> HttpMessage:
    return _message(
        vector["message"],
        ("Signature-Input", f"{vector['label']}={vector['input']}"),
        ("Signature", f"{vector['label']}=:{vector['signature']}:"),
    )


@pytest.mark.parametrize("vector", RFC["vectors"], ids=lambda v: v["section"])
def test_the_signatures_of_appendix_b_hold(vector: dict[str, str]) -> None:
    """B.2.1 to B.2.6 and B.3, with the keys of B.1."""
    policy = http.HttpSignaturePolicy(**OPEN, algorithms=frozenset({vector["algorithm"]}))
    verified = http.verify_message(_signed(vector), trust_or_keys=_keys(), policy=policy)
    assert verified.algorithm == vector["algorithm"]
    assert verified.label == vector["label"]


@pytest.mark.parametrize("vector", RFC["vectors"], ids=lambda v: v["section"])
def test_the_signatures_of_appendix_b_are_of_these_messages_only(vector: dict[str, str]) -> None:
    """Every covered component, changed in turn, breaks the signature."""
    policy = http.HttpSignaturePolicy(**OPEN, algorithms=frozenset({vector["algorithm"]}))
    covered = _fields.parse_dictionary(f"x={vector['input']}")["x"]
    assert isinstance(covered, _fields.InnerList)
    message = _signed(vector)
    for item in covered.items:
        changed = _changed(message, str(item.value))
        with pytest.raises(SignatureInvalid):
            http.verify_message(changed, trust_or_keys=_keys(), policy=policy)


def _changed(message: HttpMessage, name: str) -> HttpMessage:
    url, headers = message.url or "", list(message.headers)
    swaps = {"@path": ("/foo", "/fop"), "@query": ("Value", "Other"), "@query-param": ("dog", "cat")}
    method = "PUT" if name == "@method" else message.method
    if name == "@authority":
        url = url.replace("example", "elpmaxe")
    url = url.replace(*swaps.get(name, ("", "")), 1) if name in swaps else url
    headers = [(k, v[:-1] + "!" if k.lower() == name else v) for k, v in headers]
    status = 201 if name == "@status" else message.status
    return HttpMessage(method=method, url=url or None, headers=headers, body=message.body, status=status)


@pytest.mark.parametrize("section", ["B.2.5", "B.2.6"])
def test_deterministic_signatures_are_reproduced(section: str) -> None:
    """HMAC and Ed25519 leave no freedom: our signing gives the very bytes of the standard."""
    vector = next(v for v in RFC["vectors"] if v["section"] == section)
    if section == "B.2.5":
        signer: Any = _keys()["test-shared-secret"]
    else:
        key: Any = load_pem_private_key(RFC["private"]["test-key-ed25519"].encode(), None)
        signer = http.Ed25519Signer("test-key-ed25519", key)
    covered = _fields.parse_dictionary(f"x={vector['input']}")["x"]
    assert isinstance(covered, _fields.InnerList)
    headers = http.sign_message(
        _message(vector["message"]),
        signer,
        components=[str(item.value) for item in covered.items],
        label=vector["label"],
        created=1618884473,
        include_alg=False,
    )
    assert headers["Signature-Input"] == f"{vector['label']}={vector['input']}"
    assert headers["Signature"] == f"{vector['label']}=:{vector['signature']}:"


def _value(component: str, **message: Any) -> str:
    return _http_message.component_value(HttpMessage(**message), parse_component(component))


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("@method", "POST"),
        ("@target-uri", "https://www.example.com/path?param=value"),
        ("@authority", "www.example.com"),
        ("@scheme", "https"),
        ("@request-target", "/path?param=value"),
        ("@path", "/path"),
        ("@query", "?param=value"),
        ('@query-param;name="param"', "value"),
    ],
)
def test_derived_components_of_section_2_2(component: str, value: str) -> None:
    assert _value(component, method="POST", url="https://www.example.com/path?param=value") == value


@pytest.mark.parametrize(
    ("url", "component", "value"),
    [
        ("HTTP://WWW.Example.COM:80/p", "@authority", "www.example.com"),
        ("https://example.com:80/p", "@authority", "example.com:80"),
        ("https://[2001:DB8::1]:8443/p", "@authority", "[2001:db8::1]:8443"),
        ("HTTPS://example.com", "@scheme", "https"),
        ("https://example.com", "@path", "/"),
        ("https://example.com/p", "@query", "?"),
        ("https://example.com/p?queryString", "@query", "?queryString"),
        (
            "https://example.com/p?param=value&foo=bar&baz=bat%2Dman",
            "@query",
            "?param=value&foo=bar&baz=bat%2Dman",
        ),
    ],
)
def test_parts_of_the_url(url: str, component: str, value: str) -> None:
    assert _value(component, method="GET", url=url) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("var", "this%20is%20a%20big%0Amultiline%20value"),
        ("bar", "with%20plus%20whitespace"),
        ("fa%C3%A7ade%22%3A%20", "something"),
        ("t", "a%7Eb*-._"),
        ("empty", ""),
    ],
)
def test_query_parameters_are_encoded_again(name: str, value: str) -> None:
    """The example of section 2.2.8, and the characters that Python's quote treats otherwise."""
    url = (
        "https://www.example.com/parameters?var=this%20is%20a%20big%0Amultiline%20value"
        "&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&t=a~b*-._&empty="
    )
    assert _value(f'@query-param;name="{name}"', method="GET", url=url) == value


FIELDS = [
    ("Host", "www.example.com"),
    ("Date", "Tue, 20 Apr 2021 02:07:56 GMT"),
    ("X-OWS-Header", "   Leading and trailing whitespace.   "),
    ("X-Obs-Fold-Header", "Obsolete\r\n    line folding."),
    ("Cache-Control", "max-age=60"),
    ("Cache-Control", "   must-revalidate"),
    ("Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
    ("Empty-Header", ""),
    ("Example-Header", "value, with, lots"),
    ("Example-Header", "of, commas"),
]


@pytest.mark.parametrize(
    ("component", "value"),
    [
        ("date", "Tue, 20 Apr 2021 02:07:56 GMT"),
        ("Host", "www.example.com"),
        ("x-ows-header", "Leading and trailing whitespace."),
        ("x-obs-fold-header", "Obsolete line folding."),
        ("cache-control", "max-age=60, must-revalidate"),
        ("empty-header", ""),
        ("example-dict", "a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        ("example-dict;sf", "a=1, b=2;x=1;y=2, c=(a b c), d"),
        ('example-dict;key="a"', "1"),
        ('example-dict;key="d"', "?1"),
        ('example-dict;key="b"', "2;x=1;y=2"),
        ('example-dict;key="c"', "(a b c)"),
        ("example-header", "value, with, lots, of, commas"),
        ("example-header;bs", ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"),
    ],
)
def test_header_fields_of_section_2_1(component: str, value: str) -> None:
    assert _value(component, headers=FIELDS, structured={"example-dict": "dictionary"}) == value


@pytest.mark.parametrize(
    ("component", "sentence"),
    [
        ("missing", "not in the message"),
        ("date;tr", "trailers are not supported"),
        ("date;sf", "not known here"),
        ("date;req", "beside a response"),
        ("date;foo", "unknown"),
        ("example-dict;bs;sf", "exclude each other"),
        ('example-dict;key="z"', "not in the dictionary"),
        ('date;key="a"', "not a structured field"),
        ("@status", "not a response"),
        ("@unknown", "not a component"),
        ("@signature-params", "not a component"),
        ("@query-param", "parameters that it cannot have"),
        ('@query-param;name="absent"', "is not there"),
        ('@query-param;name="twice"', "several times"),
        ("@method;sf", "parameters that it cannot have"),
        ("date;sf=1", "with a value"),
    ],
)
def test_components_that_cannot_be_taken_are_refused(component: str, sentence: str) -> None:
    with pytest.raises(SignatureInvalid, match=sentence):
        _value(component, method="GET", url="https://a.vn/?twice=1&twice=2", headers=FIELDS)


def test_messages_of_another_library_are_accepted(fixtures: Path, partners: dict[str, Any]) -> None:
    """Signed by http-message-signatures 3.0.0, which verified ours in turn when this was made."""
    for given in json.loads((fixtures / "http" / "http-message-signatures.json").read_text()):
        message = HttpMessage(
            method=given["method"],
            url=given["url"],
            headers=[(k, v) for k, v in given["headers"]],
            body=given["body"].encode(),
        )
        policy = http.HttpSignaturePolicy(
            required=http.REQUEST_COMPONENTS, algorithms=frozenset({given["algorithm"]}), tag="t"
        )
        verified = http.verify_message(message, trust_or_keys=partners, policy=policy, now=1780300801)
        assert verified.key_id == given["key"]
        assert verified.certificate == partners[given["key"]]
        assert len(verified.components) == 12
