"""Format 2: each rule finds its forgery, although everything was chained and signed anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from operators import operator_signer
from rich_run import EXCHANGE, Rich
from verdicts import found, told

from lienthong.ledger import Database, QuarantineItem
from lienthong.ledger.fields import FORMAT_1
from lienthong.records import canonical, parse
from lienthong.signing import KeyRing, Signer, TrustStore

Payloads = list[dict[str, Any]]


def _both(name: str, by: int, other: str, push: int = 3) -> Callable[[Payloads], Any]:
    """Move records from one term to another, in push and in settle alike."""

    def change(p: Payloads) -> None:
        for payload in (p[push], p[6]):
            payload["counts"][name] -= by
            payload["counts"][other] += by

    return change


def _former(payload: dict[str, Any]) -> None:
    """Turn a statement into one of format 1."""
    for name in ("kind", "act", "operator"):
        del payload[name]
    payload["format"] = FORMAT_1
    for name in ("inputs", "outputs", "quarantined"):
        for segment in payload[name]["segments"]:
            segment.pop("index", None)


# pull, validate, transform, push part 1, act, push part 2, settle, act
SIGNED_LIES: dict[str, tuple[Callable[[Payloads], Any], str]] = {
    "superseded as acknowledged": (_both("superseded", 1, "acknowledged"), "count 'answered' of step push"),
    "unchanged as pending": (_both("unchanged", 2, "pending"), "the deliveries give 0"),
    "unchanged as superseded": (_both("unchanged", 1, "superseded"), "the deliveries give 2"),
    "refused as superseded": (_both("refused", 1, "superseded"), "the deliveries give 1"),
    "settle alone": (lambda p: p[6]["counts"].update(superseded=1, unchanged=3), "'superseded' of"),
    "settle leaves a term out": (lambda p: p[6]["counts"].pop("unchanged"), "'unchanged' of step settle"),
    "push leaves a term out": (lambda p: p[3]["counts"].pop("superseded"), "count 'superseded' of step push"),
    "nothing said of sent": (lambda p: p[3]["counts"].pop("sent"), "count 'sent' of step push"),
    "more sent": (lambda p: p[3]["counts"].update(sent=6), "count 'sent' of step push"),
    "less sent": (lambda p: p[3]["counts"].update(sent=1), "count 'sent' of step push"),
    "less answered": (lambda p: p[3]["counts"].update(answered=1), "count 'answered' of step push"),
    "inherited": (lambda p: p[3]["counts"].update(inherited=1), "count 'answered' of step push"),
    "inherited and answered": (
        lambda p: p[3]["counts"].update(inherited=1, answered=1, sent=1), "the deliveries give 0",
    ),
    "nothing pending": (_both("pending", 1, "acknowledged", 5), "the deliveries give 5"),
    "lost": (lambda p: p[3]["counts"].update(unchanged=1), "count 'pending' of step push"),
    "an older format again": (lambda p: _former(p[6]), "its format is older than the one before"),
    "a step that is an act": (lambda p: p[3].update(kind="act"), "signature does not hold"),
    "an act that is a step": (lambda p: p[4].update(kind="step"), "signature does not hold"),
    "a step by an operator": (lambda p: p[3].update(operator="hoa"), "field 'operator' is malformed"),
    "a step with an act": (lambda p: p[3].update(act=p[4]["act"]), "field 'act' is malformed"),
    "an act with counts": (lambda p: p[4].update(counts={"pulled": 1}), "field 'counts' is malformed"),
    "an act with records": (lambda p: p[4].update(inputs=p[3]["inputs"]), "field 'inputs' is malformed"),
    "an act for an agency": (lambda p: p[4].update(agency="H29.10"), "field 'agency' is malformed"),
    "an act without a reason": (lambda p: p[4]["act"].update(why=" "), "field 'act' is malformed"),
    "an act without a name": (lambda p: p[4]["act"].update(who=""), "field 'act' is malformed"),
    "an unknown act": (lambda p: p[4]["act"].update(name="run.forget"), "field 'act' is malformed"),
    "an act of another operator": (lambda p: p[4].update(operator="lan"), "operator lan but hoa signed it"),
    "an act of another run": (lambda p: p[4].update(run="manual"), "another run than the first"),
    "an act in the place of a step": (lambda p: p[4].update(supersedes=3), "field 'supersedes' is malformed"),
    "an act that goes back in time": (
        lambda p: p[4].update(started=_LONG_AGO, ended=_LONG_AGO, recorded=_LONG_AGO), "not valid before",
    ),
    "a bad index": (lambda p: p[2]["outputs"]["segments"][0].update(index="x"), "field 'outputs'"),
    "another index": (
        lambda p: [f["segments"][0].update(index="0" * 64) for x in (p[0], p[1], p[2], p[3])
                   for f in (x["inputs"], x["outputs"]) if f["segments"]],
        "no statement in force names it",
    ),
}  # fmt: skip
_LONG_AGO = "2020-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("lie", SIGNED_LIES)
def test_lie_of_someone_who_holds_the_keys(forge: Any, trust: TrustStore, lie: str) -> None:
    """Each rule of format 2 finds its forgery although everything was chained and signed anew."""
    change, expected = SIGNED_LIES[lie]
    assert expected in found(forge.resign(change), trust)


def test_resigned_without_a_change_holds(forge: Any, trust: TrustStore) -> None:
    """The forger's tool itself breaks nothing."""
    assert told(forge.resign(lambda payloads: None), trust)


DELIVERY_LIES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a line with two fates": (lambda d: d[0].update(unchanged=[[2, 5]]), "named twice"),
    "a line that is no line": (lambda d: d[0].update(superseded=[[0, 1], [6, 6]]), "does not exist"),
    "a range backwards": (lambda d: d[0].update(unchanged=[[3, 2]]), "does not exist"),
    "a huge range": (lambda d: d[0].update(unchanged=[[2, 10**15]]), "does not exist"),
    "half a range": (lambda d: d[0].update(unchanged=[[2]]), "cannot be read"),
    "a fraction": (lambda d: d[0].update(unchanged=[[2, 3.5]]), "does not exist"),
    "overlapping ranges": (lambda d: d[0].update(unchanged=[[2, 3], [3, 3]]), "named twice"),
    "sent": (lambda d: d[0].update(sent_count=3), "its counts do not add up"),
    "taken": (lambda d: d[0].update(taken_count=2), "its counts do not add up"),
    "acknowledged": (lambda d: d[0].update(acknowledged=2), "its counts do not add up"),
    "acknowledged and taken": (lambda d: d[0].update(acknowledged=2, taken_count=2), "do not add up"),
    "inherited": (lambda d: d[0].update(inherited=[[4, 4]]), "its counts do not add up"),
    "inherited, all put right": (
        lambda d: d[0].update(inherited=[[4, 4]], sent_count=1, taken_count=0, state="refused"),
        "the deliveries give 1",
    ),
    "superseded as acknowledged": (
        lambda d: d[0].update(superseded=[[0, 0]], acknowledged=2, taken_count=2, sent_count=3),
        "the deliveries give 2",
    ),
    "unknown as acknowledged": (
        lambda d: d[1].update(unknown=[], state="acknowledged", acknowledged=6, taken_count=6),
        "the deliveries give 6",
    ),
    "never sent": (lambda d: d[1].update(state="intended", sent_count=0, total=0), "the deliveries give 0"),
    "state": (lambda d: d[0].update(state="refused"), "it is acknowledged, not refused"),
    "total": (lambda d: d[1].update(total=5), "its counts do not add up"),
    "a field missing": (lambda d: d[0].pop("unchanged"), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("lie", DELIVERY_LIES)
def test_deliveries_that_contradict_themselves_or_push(forge: Any, trust: TrustStore, lie: str) -> None:
    """A deliveries document of format 2 that does not fit is found although bound and signed."""
    change, expected = DELIVERY_LIES[lie]
    content = parse(forge.contents()["documents/deliveries.json"])
    change(content["deliveries"])
    forged = forge.resign(lambda payloads: None, deliveries=canonical(content))
    assert expected in found(forged, trust)


@pytest.mark.parametrize("stem", ["deliveries", "quarantine"])
def test_document_of_another_format(forge: Any, trust: TrustStore, stem: str) -> None:
    """A document that does not say that it is of format 2 is refused under a settle of format 2."""
    content = parse(forge.contents()[f"documents/{stem}.json"])
    del content["format"]
    forged = forge.resign(lambda payloads: None, **{stem: canonical(content)})
    assert "it is of another format" in found(forged, trust)


QUARANTINE_LIES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "another run first": (lambda q: q[0]["first"].update(run="earlier"), "another id"),
    "another place first": (lambda q: q[0]["first"].update(line=0), "another id"),
    "no first": (lambda q: q[0].pop("first"), "cannot be read"),
    "another place": (lambda q: q[0].update(line=0), "refused it without an entry"),
}  # fmt: skip


@pytest.mark.parametrize("lie", QUARANTINE_LIES)
def test_quarantine_that_contradicts_itself(forge: Any, trust: TrustStore, lie: str) -> None:
    """Where a record was first met follows from its id; where it was met now from the statements."""
    change, expected = QUARANTINE_LIES[lie]
    content = parse(forge.contents()["documents/quarantine.json"])
    change(content["quarantined"])
    forged = forge.resign(lambda payloads: None, quarantine=canonical(content))
    assert expected in found(forged, trust)


def test_first_met_in_this_run_at_a_place_that_is_not_listed(forge: Any, trust: TrustStore) -> None:
    """A record that this run met first has that first place in its list, too."""
    content = parse(forge.contents()["documents/quarantine.json"])
    item = content["quarantined"][0]
    elsewhere = item["first"] | {"line": 0}
    other = QuarantineItem(EXCHANGE, key_hash="", reasons=(), dataset="", **elsewhere)
    item |= {"first": elsewhere, "id": other.id}
    forged = forge.resign(lambda payloads: None, quarantine=canonical(content))
    assert "at a place that is not listed" in found(forged, trust)


def _swap(rows: list[bytes], at: int, entry: bytes) -> list[bytes]:
    return [*rows[:at], entry, *rows[at + 1 :]]


INDEX_LIES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "another leaf": (lambda rows: _swap(rows, 2, rows[2][:-32] + b"x" * 32), "root is not the one that was"),
    "a record twice": (lambda rows: _swap(rows, 3, rows[3][:40] + rows[2][40:]), "names a record twice"),
    "a line not there": (lambda rows: _swap(rows, 2, rows[2][:40] + b"\xff" * 36), "one that does not exist"),
    "an entry less": (lambda rows: rows[:-1], "5 entries, 6 records"),
    "an entry more": (lambda rows: [*rows, b"\xff" * 76], "7 entries, 6 records"),
    "out of order": (lambda rows: [rows[1], rows[0], *rows[2:]], "not in order"),
    "cut short": (lambda rows: [*rows[:-1], rows[-1][:40]], "entries, 6 records"),
}  # fmt: skip


@pytest.mark.parametrize("lie", INDEX_LIES)
def test_index_that_is_not_that_of_its_records(
    local: Database, make_run: Any, operator: Signer, trust: TrustStore, tmp_path: Path, lie: str
) -> None:
    """A key index whose root was signed names each record of its segment once, with its leaf hash."""
    change, expected = INDEX_LIES[lie]
    rich = Rich(make_run(local), operator)
    rich.change = change
    assert expected in found(rich.build().export(tmp_path / "run.zip"), trust)


def test_every_flipped_byte_of_an_index_is_found(forge: Any, trust: TrustStore) -> None:
    """With the container's checksums put right, the signed root alone finds a changed byte of an index."""
    contents = forge.contents()
    name = next(name for name in contents if name.startswith("indexes/"))
    for at in range(0, len(contents[name]), 5):
        data = bytearray(contents[name])
        data[at] ^= 1 << at % 8
        text = found(forge.write({**contents, name: bytes(data)}), trust)
        assert name in text, at


def test_removed_act_is_visible(forge: Any, trust: TrustStore) -> None:
    """An act inside the run's chain cannot be taken out, nor put elsewhere."""
    assert "a statement was removed" in found(
        forge.rewrite(lambda c: c.pop("statements/0000000005.jws")), trust
    )

    def moved(contents: dict[str, bytes]) -> None:
        one, other = "statements/0000000005.jws", "statements/0000000008.jws"
        contents[one], contents[other] = contents[other], contents[one]

    assert "it was signed as entry" in found(forge.rewrite(moved), trust)


def test_act_after_settle_and_step_after_settle(forge: Any, trust: TrustStore) -> None:
    """People may act on a settled run; a step after settle is still refused."""
    assert told(forge.bundle, trust)
    assert "after the run was settled" in found(forge.resign(lambda p: p.append(p.pop(5))), trust)


def test_roles(forge: Any, trust: TrustStore, operator: Signer, keys: KeyRing) -> None:
    """Agencies' keys sign no acts, operators' no steps, and limited operators nothing beyond their acts."""
    by_agency = replace(forge, operator=forge.signer)
    assert "which is no operator" in found(by_agency.resign(lambda p: None), trust)
    by_operator = replace(forge, signer=operator)
    assert "a step was signed by the operator hoa" in found(by_operator.resign(lambda p: None), trust)
    assert keys._home
    limited = operator_signer(keys._home, "lan", ["quarantine.*"])
    by_lan = replace(forge, operator=limited)
    text = found(by_lan.resign(lambda p: [act.update(operator="lan") for act in (p[4], p[7])]), trust)
    assert "the operator lan may not sign delivery.resolve" in text
    assert "quarantine.release" not in text
