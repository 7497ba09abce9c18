"""Who speaks: authorities held to their agencies, operators apart from agencies, acts that may be signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chains import Node, Province, key, node
from cryptography import x509

from lienthong.config import load_config
from lienthong.errors import Misconfigured, SignatureInvalid, UnknownName
from lienthong.signing import KeyRing, LocalSigner, TrustStore, http, jws, keyring, wsse
from lienthong.signing.keys import create_development_keys, create_operator_key
from lienthong.signing.roles import Authority, Role, agency_of, common, covers, role_of


def reason(store: TrustStore, leaf: Node, *others: Node) -> str:
    """Return the reason of a refusal, empty where the leaf is believed."""
    try:
        store.check(leaf.certificate, [one.certificate for one in others])
    except SignatureInvalid as error:
        return str(error.details["reason"])
    return ""


def given(authority: Node, *agencies: str, acts: tuple[str, ...] = ()) -> Authority:
    return Authority("any", (authority.certificate,), agencies, acts)


@pytest.fixture(scope="module")
def province() -> Node:
    return node("CN=Province CA", ca=True)


@pytest.fixture(scope="module")
def commercial() -> Node:
    return node("CN=Commercial CA", ca=True)


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("H21", "H21", True),
        ("H21", "H21.1", False),
        ("H21.*", "H21.129", True),
        ("H21.*", "H21.1.2", True),
        ("H21.*", "H21", False),
        ("H21.*", "H210", False),
        ("*", "H21", True),
        ("h21", "H21", False),
    ],
)
def test_patterns(pattern: str, name: str, covered: bool) -> None:
    assert covers(pattern, name) is covered


def test_what_two_lists_have_in_common() -> None:
    assert common(["*"], ["a.*", "b"]) == ("a.*", "b")
    assert common(["a.*", "c"], ["a.b", "a.c.*", "d"]) == ("a.b", "a.c.*")
    assert common(["a"], ["b"]) == ()


def test_an_authority_speaks_only_for_its_agencies(province: Node, commercial: Node) -> None:
    """739c95f: whoever is trusted may speak for everybody."""
    open_store = TrustStore([province.certificate, commercial.certificate])
    assert reason(open_store, commercial.agency("H21.129")) == ""
    store = TrustStore([], authorities=[given(province, "H21", "H21.*"), given(commercial, "G22")])
    assert reason(store, province.agency("H21")) == ""
    assert reason(store, province.agency("H21.129")) == ""
    assert reason(store, province.agency("H22")) == "not-its-agency"
    assert reason(store, commercial.agency("G22")) == ""
    assert reason(store, commercial.agency("H21.129")) == "not-its-agency"
    assert reason(store, commercial.issue("CN=H21.129")) == "not-its-agency"  # by its common name


def test_an_authority_without_a_table_speaks_for_nobody_where_there_are_tables(
    province: Node, commercial: Node
) -> None:
    store = TrustStore([commercial.certificate], authorities=[given(province, "*")])
    assert reason(store, commercial.agency("H21")) == "not-its-agency"
    assert reason(store, province.agency("H21")) == ""
    pinned = commercial.agency("H23")
    store = TrustStore([pinned.certificate], authorities=[given(province, "*")])
    assert reason(store, pinned) == "not-its-agency"
    configured = {key_of(pinned): "H23"}
    named = TrustStore([pinned.certificate], authorities=[given(province, "*")], names=configured)
    assert reason(named, pinned) == ""


def key_of(one: Node) -> str:
    return LocalSigner(one.secret, agency="x", certificate=one.certificate).key_id


def test_a_renewed_authority_keeps_what_it_was_given() -> None:
    authority = Province()
    old, new = authority.root(900, -20), authority.root(40, 900)
    store = TrustStore([new.certificate], authorities=[given(old, "H21")])
    assert reason(store, new.agency("H21")) == ""
    assert reason(store, new.agency("H22")) == "not-its-agency"


def test_every_authority_of_a_path_must_be_given_the_agency(province: Node) -> None:
    """One that is limited does not get more through a certificate of it that the message brings."""
    secret = key()
    listed = province.issue("CN=Sub", secret, ca=True, days=-1)
    again = province.issue("CN=Sub", secret, ca=True)
    store = TrustStore([], authorities=[given(province, "*"), given(listed, "H21.5")])
    assert reason(store, again.agency("H21.5"), again) == ""
    assert reason(store, again.agency("H21.6"), again) == "not-its-agency"
    other = province.issue("CN=Unlisted", ca=True)
    assert reason(store, other.agency("H21.6"), other) == ""


def test_another_path_is_taken_where_one_may_not_speak(province: Node, commercial: Node) -> None:
    secret = key()
    ours, theirs = province.issue("CN=M", secret, ca=True), commercial.issue("CN=M", secret, ca=True)
    tables = [given(province, "H21"), given(commercial, "G22")]
    for store in (TrustStore([], authorities=tables), TrustStore([], authorities=tables[::-1])):
        for others in ((ours, theirs), (theirs, ours)):
            assert reason(store, ours.agency("H21"), *others) == ""
            assert reason(store, ours.agency("G22"), *others) == ""
            assert reason(store, ours.agency("H22"), *others) == "not-its-agency"


def test_every_standard_asks(province: Node, commercial: Node) -> None:
    """Tokens, HTTP messages and SOAP envelopes alike refuse an agency that is not the authority's."""
    leaf = commercial.agency("H21")
    signer = LocalSigner(leaf.secret, agency="H21", certificate=leaf.certificate)
    store = TrustStore([leaf.certificate], authorities=[given(province, "*"), given(commercial, "G22")])
    token = jws.sign(b"x", signer, typ="t")
    message = http.HttpMessage(status=200, headers={}, body=b"")
    signed = http.sign_message(message, signer, components=["@status"])
    answer = http.HttpMessage(status=200, headers=signed, body=b"")
    soap = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>'
    envelope = wsse.sign(soap, signer)
    policy = http.HttpSignaturePolicy(required=("@status",))
    calls: list[Any] = [
        lambda: jws.verify(token, trust=store, typ="t"),
        lambda: http.verify_message(answer, trust_or_keys=store, policy=policy),
        lambda: wsse.verify(envelope, trust=store),
    ]
    for call in calls:
        with pytest.raises(SignatureInvalid) as caught:
            call()
        assert caught.value.details["reason"] == "not-its-agency"


def test_an_operator_is_no_agency(province: Node) -> None:
    """Named like an agency, by its URN or its common name, it still stands for none."""
    leaf = province.operator("H21.129")
    assert role_of(leaf.certificate) == Role("operator", "H21.129", ("*",))
    assert agency_of(leaf.certificate) == "operator:H21.129"
    signer = LocalSigner(leaf.secret, agency="operator:H21.129", certificate=leaf.certificate)
    verified = jws.verify(jws.sign(b"x", signer, typ="t"), trust=TrustStore([province.certificate]), typ="t")
    assert verified.agency == "operator:H21.129"
    assert verified.role.kind == "operator"
    for name in ("operator:lan", "urn:lienthong:operator:lan"):
        posing = (
            province.issue(f"CN={name}") if name.startswith("operator") else province.agency("operator:lan")
        )
        assert role_of(posing.certificate) == Role("agency", "")


def test_an_operator_signs_no_messages_of_systems(province: Node) -> None:
    leaf = province.operator("lan")
    signer = LocalSigner(leaf.secret, agency="operator:lan", certificate=leaf.certificate)
    store = TrustStore([province.certificate, leaf.certificate])
    soap = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>'
    message = http.HttpMessage(status=200, headers={}, body=b"")
    signed = http.sign_message(message, signer, components=["@status"])
    answer = http.HttpMessage(status=200, headers=signed, body=b"")
    policy = http.HttpSignaturePolicy(required=("@status",))
    envelope = wsse.sign(soap, signer)
    calls: list[Any] = [
        lambda: http.verify_message(answer, trust_or_keys=store, policy=policy),
        lambda: wsse.verify(envelope, trust=store),
    ]
    for call in calls:
        with pytest.raises(SignatureInvalid) as caught:
            call()
        assert caught.value.details["reason"] == "role"


def test_a_certificate_for_both_is_refused(province: Node) -> None:
    uris = [x509.UniformResourceIdentifier(f"urn:lienthong:{kind}:x") for kind in ("agency", "operator")]
    assert reason(TrustStore([province.certificate]), province.issue("CN=x", names=uris)) == "role"


def test_certificate_and_trust_say_which_acts(province: Node, commercial: Node) -> None:
    free, limited = province.operator("lan"), province.operator("minh", acts=["quarantine.*", "cursor.set"])
    store = TrustStore([province.certificate])
    assert store.may_sign_act(free.certificate, "run.close")
    assert store.may_sign_act(limited.certificate, "quarantine.release")
    assert not store.may_sign_act(limited.certificate, "cursor.rewind")
    assert not store.may_sign_act(province.agency("H21").certificate, "cursor.set")
    store = TrustStore([], authorities=[given(province, "H21", acts=("quarantine.release", "cursor.*"))])
    assert store.roles(limited.certificate).acts == ("cursor.set", "quarantine.release")
    assert not store.may_sign_act(free.certificate, "run.close")
    assert store.may_sign_act(free.certificate, "cursor.rewind")
    nothing = TrustStore([], authorities=[given(province, "H21")])
    assert reason(nothing, free) == "not-its-agency"
    assert not nothing.may_sign_act(free.certificate, "cursor.set")
    assert not store.may_sign_act(commercial.operator("lan").certificate, "cursor.set")


def test_development_operators(tmp_path: Path) -> None:
    created = create_development_keys(tmp_path, "H21")
    made = create_operator_key(tmp_path, "lan.nguyen", acts=["quarantine.*"])
    assert made.agency == "operator:lan.nguyen"
    assert made.key == tmp_path / "keys" / "operators" / "lan.nguyen" / "key.pem"
    assert made.key.stat().st_mode & 0o777 == 0o600
    assert not create_operator_key(tmp_path, "lan.nguyen").created
    ring = KeyRing.for_home(tmp_path)
    assert (ring.agencies(), ring.operators()) == (("H21",), ("lan.nguyen",))
    signer = ring.operator()
    assert signer is ring.operator("lan.nguyen")
    assert signer.agency == "operator:lan.nguyen"
    verified = jws.verify(jws.sign(b"x", signer, typ="t"), trust=ring.trust(), typ="t")
    assert verified.role == Role("operator", "lan.nguyen", ("quarantine.*",))
    assert ring.trust().agency_of(ring.signer("H21").certificate) == "H21"
    assert created.key_id != made.key_id
    with pytest.raises(UnknownName, match=r"lan\.nguyen"):
        ring.operator("minh")
    create_operator_key(tmp_path, "minh")
    with pytest.raises(UnknownName, match=r"lan\.nguyen, minh"):
        KeyRing.for_home(tmp_path).operator()
    for name in ("../x", "", "a b"):
        with pytest.raises(Misconfigured, match="not an operator's name"):
            create_operator_key(tmp_path, name)
    with pytest.raises(Misconfigured, match="operators"):
        create_development_keys(tmp_path, "operators")


def test_a_development_home_gets_its_first_operator_from_the_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring.getpass, "getuser", lambda: "lan")
    with pytest.raises(UnknownName, match="lienthong keys create --operator lan"):
        KeyRing.for_home(tmp_path).operator()  # a home without keys is no development home
    create_development_keys(tmp_path, "H21")
    assert KeyRing.for_home(tmp_path).operator().agency == "operator:lan"
    assert KeyRing.for_home(tmp_path).operators() == ("lan",)
    monkeypatch.setattr(keyring.getpass, "getuser", lambda: "no such name")
    assert keyring._login() == "operator"


def test_airflows_own_key_is_used_by_name_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is nobody's choice beside a person's, and stands in where no other can be: on a worker."""
    create_operator_key(tmp_path, "airflow", acts=["run.marked"])
    monkeypatch.setattr(keyring.getpass, "getuser", lambda: "airflow")
    assert KeyRing.for_home(tmp_path).operator().agency == "operator:airflow"
    monkeypatch.setattr(keyring.getpass, "getuser", lambda: "lan")
    assert KeyRing.for_home(tmp_path).operator().agency == "operator:lan"
    ring = KeyRing.for_home(tmp_path)
    assert ring.operators() == ("airflow", "lan")
    assert ring.operator().agency == "operator:lan"
    assert ring.operator("airflow").agency == "operator:airflow"
    (tmp_path / "keys" / "operators" / "lan").rename(tmp_path / "lan")
    (tmp_path / "keys" / "ca-key.pem").unlink()  # no development home any more
    assert KeyRing.for_home(tmp_path).operator().agency == "operator:airflow"


def test_configured_operators_and_tables(tmp_path: Path, province: Node, commercial: Node) -> None:
    """A certificate of a public authority, which knows nothing of us, becomes an operator's by the file."""
    person, worker = commercial.issue("CN=Nguyen Van A"), province.agency("H21")
    for one, name in ((person, "person"), (worker, "worker")):
        one.pem(tmp_path / f"{name}.pem")
        one.key_pem(tmp_path / f"{name}.key")
    province.pem(tmp_path / "province.pem")
    commercial.pem(tmp_path / "commercial.pem")
    (tmp_path / "trust.toml").write_text(
        f"""
[trust."Tỉnh"]
certificates = ["{tmp_path}/province.pem"]
agencies = ["H21", "H21.*"]

[keys.H21]
pem = "{tmp_path}/worker.key"
certificate = "{tmp_path}/worker.pem"

[operators.lan]
pem = "{tmp_path}/person.key"
certificate = "{tmp_path}/person.pem"
acts = ["cursor.*"]
"""
    )
    config = load_config({"LIENTHONG_CONFIG": str(tmp_path / "trust.toml")})
    ring = KeyRing.from_config(config.keys, operators=config.operators, authorities=config.authorities)
    trust = ring.trust()
    assert ring.operator().agency == "operator:lan"
    verified = jws.verify(jws.sign(b"x", ring.operator(), typ="t"), trust=trust, typ="t")
    assert verified.role == Role("operator", "lan", ("cursor.*",))
    assert reason(trust, province.agency("H22")) == "not-its-agency"
    assert reason(trust, province.agency("H21.1")) == ""
    entry = {"pem": f"{tmp_path}/worker.key", "certificate": f"{tmp_path}/worker.pem"}
    with pytest.raises(Misconfigured, match="one key is that of agency 'H21' and of operator 'lan'"):
        KeyRing.from_config({"H21": entry}, operators={"lan": entry}).trust()


@pytest.mark.parametrize(
    "table",
    [
        {"agencies": ["H21"]},
        {"certificates": ["a"], "agency": ["H21"]},
        {"certificates": ["a"], "agencies": "H21"},
        {"certificates": ["a"], "agencies": ["H21*"]},
        {"certificates": ["a"], "agencies": ["*.H21"]},
        {"certificates": ["a"], "acts": [""]},
    ],
)
def test_malformed_tables_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as caught:
        KeyRing.from_config({}, authorities={"Tỉnh": table})
    assert caught.value.where == "trust.Tỉnh"


def test_a_list_where_a_table_is_expected_is_said(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('trust = ["a.pem"]\n')
    with pytest.raises(Misconfigured, match="'trust' does not hold tables"):
        load_config({"LIENTHONG_CONFIG": str(tmp_path / "c.toml")})
