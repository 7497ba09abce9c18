"""Acts: what people do is signed by an operator's key, with who and why, and by nobody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from memory_bus import Bench, unit
from operators import operator_signer

from lienthong.errors import EvidenceTampered, Misconfigured
from lienthong.ledger import ACTS, Statement
from lienthong.ledger.acts import acts
from lienthong.ledger.statements import ACT_TYP, TYP
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.pipeline.acts import act
from lienthong.records import canonical
from lienthong.signing import Signer, TrustStore, jws
from lienthong.signing.keys import create_development_keys


@pytest.fixture
def operator(bench: Bench) -> Signer:
    """The operator's key of the bench's deployment."""
    return operator_signer(bench.bus.config.home)


def did(bench: Bench, name: str = "run.close", **more: Any) -> Any:
    said = {"who": "Trần Thị Hoa", "why": "hệ thống nguồn đã ngừng", **more}
    return act(bench.bus, name=name, **said)


def test_act_is_signed_by_the_operator(bench: Bench, operator: Signer) -> None:
    """Who, why, when and what are under the operator's signature, of a type of its own, in the chain."""
    first = did(bench, "housekeeping", subject={"segments": 3, "runs": ["a", "b"]})
    entry = did(bench, exchange="units", run="r1", subject={"state": "unsettled"})
    verified = jws.verify(entry.token, trust=bench.bus.trust, typ=ACT_TYP)
    assert verified.certificate == operator.certificate
    assert verified.payload == canonical(entry.payload)
    assert entry.payload["previous"] == first.hash
    assert (entry.payload["kind"], entry.payload["step"], entry.payload["agency"]) == ("act", "act", "")
    assert entry.payload["operator"] == "hoa"
    assert entry.payload["act"] == {
        "name": "run.close", "who": "Trần Thị Hoa", "why": "hệ thống nguồn đã ngừng",
        "subject": {"state": "unsettled"},
    }  # fmt: skip
    assert bench.bus.ledger.check(bench.bus.trust) == []


def test_acts_are_read_by_exchange_and_run(bench: Bench, operator: Signer) -> None:
    """Everybody's acts, those of an exchange and those of a run are found, in order, without the steps."""
    bench.source.offers = [unit(1)]
    run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
    for exchange, run in (("", ""), ("units", ""), ("units", "r1"), ("other", "r1")):
        did(bench, exchange=exchange, run=run)
    found = acts(bench.bus.ledger)
    assert [(one.exchange, one.run) for one in found] == [
        ("", ""),
        ("units", ""),
        ("units", "r1"),
        ("other", "r1"),
    ]
    assert [one.sequence for one in acts(bench.bus.ledger, exchange="units")] == [7, 8]
    (one,) = acts(bench.bus.ledger, exchange="units", run="r1")
    assert (one.name, one.who, one.operator, one.why) == (
        "run.close",
        "Trần Thị Hoa",
        "hoa",
        "hệ thống nguồn đã ngừng",
    )
    assert one.when.endswith("Z")


@pytest.mark.parametrize(("field", "option"), [("who", "--by"), ("why", "--why")])
@pytest.mark.parametrize("said", ["", "  ", "\n"])
def test_who_and_why_are_required(bench: Bench, operator: Signer, field: str, option: str, said: str) -> None:
    """An act without a name or a reason is refused, and the option to give is named; nothing is written."""
    with pytest.raises(Misconfigured, match="needs a name and a reason") as caught:
        did(bench, **{field: said})
    assert caught.value.where == option
    assert bench.bus.ledger.head() is None


@pytest.mark.parametrize(
    "more",
    [
        {"name": "run.forget"},
        {"run": "r1"},
        {"subject": {"record": {"name": "x"}}},
        {"subject": {"": "x"}},
        {"subject": {"share": 0.5}},
        {"subject": {"lines": [1, 2]}},
        {"why": "x" * 1001},
    ],
)
def test_malformed_acts_are_refused(bench: Bench, operator: Signer, more: dict[str, Any]) -> None:
    """Unknown acts, a run without its exchange, and subjects that could hold a record are not signed."""
    with pytest.raises(Misconfigured, match="field"):
        did(bench, **more)
    assert bench.bus.ledger.head() is None


def test_operator_whose_certificate_does_not_name_the_act(bench: Bench) -> None:
    """A certificate that names acts may sign those, and no other: neither here nor for a verifier."""
    limited = operator_signer(bench.bus.config.home, "lan", ["quarantine.*", "hold.place"])
    for name in ACTS:
        if name.startswith("quarantine.") or name == "hold.place":
            assert did(bench, name).payload["operator"] == "lan"
            continue
        with pytest.raises(Misconfigured, match="may not sign"):
            did(bench, name)
    assert bench.bus.ledger.check(bench.bus.trust) == []
    head = bench.bus.ledger.head()
    assert head is not None
    forged = Statement(**{**_fields(head.payload), "act": {**head.payload["act"], "name": "run.close"}})
    bench.bus.ledger.append(forged, limited)
    (finding,) = bench.bus.ledger.check(bench.bus.trust)
    assert (finding.rule, finding.sequence) == ("role", head.sequence + 1)
    assert "may not sign run.close" in finding.en


def test_several_operators(bench: Bench, operator: Signer) -> None:
    """Where a deployment has several operators' keys, the one that signs is named."""
    operator_signer(bench.bus.config.home, "lan")
    with pytest.raises(Misconfigured, match="several operators"):
        did(bench)
    assert did(bench, operator="lan").payload["operator"] == "lan"


def test_operator_who_is_not_believed(
    bench: Bench, operator: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no verifier of this deployment would accept is not signed."""
    create_development_keys(tmp_path / "other", "G22")
    stranger = operator_signer(tmp_path / "other")
    for signer, said in (
        (stranger, "is not believed here"),
        (bench.bus.signer(bench.plan()), "no operator's"),
    ):
        monkeypatch.setattr(bench.bus.keys, "operator", lambda name, signer=signer: signer)
        with pytest.raises(Misconfigured, match=said):
            did(bench)
    assert bench.bus.ledger.head() is None


def _fields(payload: dict[str, Any]) -> dict[str, Any]:
    names = {"sequence", "previous", "run_sequence", "run_previous", "supersedes", "recorded"}
    return {name: value for name, value in payload.items() if name not in names}


def test_neither_signs_for_the_other(bench: Bench, operator: Signer) -> None:
    """A step signed by an operator's key and an act signed by an agency's key are found in the chain."""
    bench.source.offers = [unit(1)]
    plan = bench.plan()
    run_exchange(bench.bus, plan, RunRequest("r1"))
    said = did(bench, exchange="units", run="r1")
    settled = list(bench.bus.ledger.entries(run="r1"))[-2]
    bench.bus.ledger.append(Statement(**{**_fields(settled.payload), "run": "r2"}), operator)
    bench.bus.ledger.append(
        Statement(**{**_fields(said.payload), "act": {**said.payload["act"], "who": "x"}}),
        bench.bus.signer(plan),
    )
    found = [(item.sequence, item.rule) for item in bench.bus.ledger.check(bench.bus.trust)]
    assert found == [(7, "role"), (8, "role")]


def test_neither_passes_for_the_other(bench: Bench, operator: Signer) -> None:
    """A token of one type is no token of the other, whoever signs it."""
    entry = did(bench)
    for typ, signer in ((TYP, operator), (TYP, bench.bus.signer(bench.plan()))):
        token = jws.sign(canonical(entry.payload), signer, typ=typ)
        with pytest.raises(Exception, match="not of the type lienthong-act"):
            jws.verify(token, trust=bench.bus.trust, typ=ACT_TYP)


def test_act_under_another_trust(bench: Bench, operator: Signer) -> None:
    """An act counts only where the operator's authority is trusted."""
    did(bench)
    (finding,) = bench.bus.ledger.check(TrustStore([bench.bus.signer(bench.plan()).certificate]))
    assert finding.rule == "signature"


def test_damaged_act_is_named(bench: Bench, operator: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An act whose token was damaged is not read as if nothing had been done."""
    did(bench)
    monkeypatch.setattr("lienthong.ledger.log.claimed", lambda token: {})
    with pytest.raises(EvidenceTampered) as caught:
        acts(bench.bus.ledger)
    assert caught.value.where == "ledger entry 1"
