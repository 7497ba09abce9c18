"""What would spoil a run is noticed before anything is delivered: expiry, trust and clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chains import NOW, Node, key, node
from memory_bus import Bench, unit

from lienthong.connector import Connection, Expiry, account_expiry, expiries_of
from lienthong.errors import Misconfigured
from lienthong.exchange import Text
from lienthong.ledger import export, verify_bundle
from lienthong.pipeline import RunRequest, pull, run_exchange
from lienthong.pipeline.health import (
    Notice,
    check_act,
    check_clock,
    check_health,
    clock_notices,
    expiry_findings,
)
from lienthong.signing import KeyRing
from lienthong.signing.keys import create_operator_key

REQUEST = RunRequest("r1")


class Shifted(datetime):
    """The clock of a machine that somebody has set."""

    by = timedelta(0)

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) + cls.by


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set the clock of ledger and pipeline by so many seconds."""
    for module in ("lienthong.ledger.clock", "lienthong.pipeline.attest", "lienthong.pipeline.health"):
        monkeypatch.setattr(f"{module}.datetime", Shifted)
    monkeypatch.setattr(Shifted, "by", timedelta(0))
    return lambda seconds: setattr(Shifted, "by", timedelta(seconds=seconds))


def keyed(bench: Bench, tmp_path: Path, leaf: Node, *trusted: Node, name: str = "G22") -> None:
    """Give the bench this key and these trusted certificates."""
    leaf.pem(tmp_path / "leaf.pem")
    leaf.key_pem(tmp_path / "leaf.key")
    paths = [one.pem(tmp_path / f"t{number}.pem") for number, one in enumerate(trusted)]
    entry = {"pem": str(tmp_path / "leaf.key"), "certificate": str(tmp_path / "leaf.pem")}
    ring = KeyRing.from_config({name: entry}, trust=paths)
    ring._home = tmp_path  # believed through its authority, as in a development home
    bench.bus.__dict__["keys"] = ring
    bench.bus.__dict__.pop("trust", None)


def health(bench: Bench, **given: Any) -> list[Notice]:
    return check_health(bench.bus, bench.plan(), REQUEST, **given)


def test_a_sound_deployment_has_nothing_to_say(bench: Bench) -> None:
    assert health(bench) == []


def test_an_expired_signer_stops_the_run(bench: Bench, tmp_path: Path) -> None:
    """739c95f: runs settle and deliver, and every bundle fails to verify (`expired`)."""
    root = node("CN=Root", ca=True)
    keyed(bench, tmp_path, root.agency("G22", days=-1), root)
    with pytest.raises(Misconfigured, match=r"would not verify.*expired") as caught:
        health(bench)
    assert (caught.value.where, caught.value.details["reason"]) == ("keys.G22", "expired")


def test_a_signer_whose_authority_is_not_trusted_or_has_expired_stops_the_run(
    bench: Bench, tmp_path: Path
) -> None:
    root, gone = node("CN=Root", ca=True), node("CN=Gone", ca=True, days=-2)
    keyed(bench, tmp_path, gone.agency("G22"), root)
    with pytest.raises(Misconfigured, match="not trusted"):
        health(bench)
    keyed(bench, tmp_path, gone.agency("G22"), root, gone)
    with pytest.raises(Misconfigured, match="expired"):
        health(bench)
    keyed(bench, tmp_path, root.agency("H99"), root)
    with pytest.raises(Misconfigured, match="not that of agency 'G22'"):
        health(bench)


def test_what_ends_within_thirty_days_is_a_notice_in_both_languages(bench: Bench, tmp_path: Path) -> None:
    root = node("CN=Root", ca=True)
    keyed(bench, tmp_path, root.agency("G22", days=20), root)
    (notice,) = health(bench)
    assert notice.code == "expires.signer"
    assert notice.until == f"{NOW + timedelta(days=20):%Y-%m-%dT%H:%M:%S}Z"
    assert "signing certificate of G22 expires on" in notice.en
    assert "chứng thư ký số của G22 hết hạn" in notice.vi
    assert notice.as_dict()["until"] == notice.until
    keyed(bench, tmp_path, root.agency("G22", days=31), root)
    assert health(bench) == []


def test_an_authority_that_ends_soon_is_a_notice_unless_it_was_renewed(bench: Bench, tmp_path: Path) -> None:
    secret = key()
    ends, renewed = node("CN=Root", secret, ca=True, days=10), node("CN=Root", secret, ca=True, days=900)
    leaf = ends.agency("G22")
    keyed(bench, tmp_path, leaf, ends)
    assert [one.code for one in health(bench)] == ["expires.authority"]
    other = node("CN=Other", ca=True, days=10)
    keyed(bench, tmp_path, node("CN=Root", secret, ca=True, days=90).agency("G22"), other, renewed)
    assert [one.code for one in health(bench)] == ["expires.trusted"]
    keyed(bench, tmp_path, leaf, ends, renewed)
    assert health(bench) == []
    old = node("CN=Root", secret, ca=True, age=900, days=-5)  # kept for old evidence
    keyed(bench, tmp_path, leaf, old, renewed)
    assert health(bench) == []


@pytest.mark.parametrize("text", ["2027-06-30", "2027-06-30T24:00", "soon"])
def test_the_account_of_a_connection(bench: Bench, text: str) -> None:
    """A day counts to its end in Viet Nam; what is no date is said, with the connection's name."""
    connection = Connection("portal", "memory", extra={"expires": text})
    if text == "2027-06-30":
        (found,) = account_expiry(connection)
        assert found.until == datetime(2027, 6, 30, 17, tzinfo=UTC)
    else:
        with pytest.raises(Misconfigured, match="'expires' is no date") as caught:
            account_expiry(connection)
        assert caught.value.where == "connection 'portal'"
    assert account_expiry(Connection("portal", "memory")) == []


def test_an_account_that_has_ended_stops_the_run_and_one_that_will_is_said(bench: Bench) -> None:
    def connections(days: int) -> Any:
        day = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"
        return lambda name: Connection(name, "memory", extra={"expires": day} if name == "target" else {})

    bench.bus.connections = connections(-3)
    with pytest.raises(Misconfigured, match="the account expired") as caught:
        health(bench)
    assert caught.value.where == "connection 'target'"
    assert health(bench, role="source") == []
    bench.bus.connections = connections(10)
    (notice,) = health(bench)
    assert notice.code == "expires.connection"
    assert "connection 'target'" in notice.en
    assert "kết nối 'target'" in notice.vi
    bench.bus.connections = connections(60)
    assert health(bench) == []


def test_what_an_open_end_says_of_its_certificates_counts(bench: Bench) -> None:
    """The hook is optional: a connector without it has only its account."""
    what = Text("chứng thư máy khách", "the client certificate")

    def opened(days: float) -> Any:
        until = datetime.now(UTC) + timedelta(days=days)
        return SimpleNamespace(expiries=lambda: [Expiry(what, until, "ask for a new one")])

    with pytest.raises(Misconfigured, match=r"the client certificate expired.*ask for a new one"):
        health(bench, role="target", opened=opened(-1))
    (notice,) = health(bench, role="target", opened=opened(3))
    assert "the client certificate of connection 'target'" in notice.en
    assert health(bench, role="target", opened=opened(300)) == []
    assert health(bench, role="target", opened=object()) == []
    connection = Connection("c", "memory")
    assert expiries_of(object(), connection) == []
    good, bad = expiry_findings(opened(3), connection)[0], expiry_findings(opened(-3), connection)[0]
    assert (good.ok, bad.ok) == (True, False)
    assert "renew it now" in good.detail
    assert "đã hết hạn" in bad.vi


def test_a_notice_is_an_audit_line(bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = node("CN=Root", ca=True)
    keyed(bench, tmp_path, root.agency("G22", days=20), root)
    with caplog.at_level("INFO", "lienthong"):
        health(bench)
    assert any("r1" in line and "[expires.signer]" in line for line in caplog.messages)


def test_a_clock_that_ran_backwards_stops_the_run_and_names_both_times(bench: Bench, set_clock: Any) -> None:
    run_exchange(bench.bus, bench.plan(), REQUEST)
    set_clock(-3)
    assert health(bench) == []
    set_clock(-120)
    with pytest.raises(
        Misconfigured, match=r"this machine's clock says .*Z, but .* recorded at .*Z"
    ) as caught:
        health(bench)
    assert caught.value.code == "misconfigured"
    with pytest.raises(Misconfigured, match="recorded at"):
        check_clock(bench.bus)


def test_nothing_is_signed_by_a_clock_that_ran_backwards(
    bench: Bench, set_clock: Any, tmp_path: Path
) -> None:
    """739c95f: two minutes back between two steps, the run settles, and its bundle never verifies."""
    bench.source.offers = [unit(n) for n in range(1, 4)]
    plan = bench.plan()
    pull(bench.bus, plan, REQUEST)
    set_clock(-120)
    entries = len(list(bench.bus.ledger.entries()))
    with pytest.raises(Misconfigured, match="this machine's clock says"):
        run_exchange(bench.bus, plan, REQUEST)
    assert len(list(bench.bus.ledger.entries())) == entries
    set_clock(0)
    run_exchange(bench.bus, plan, REQUEST)
    file = tmp_path / "b.zip"
    export(
        bench.bus.ledger,
        bench.bus.journal,
        bench.bus.quarantine,
        exchange="units",
        run="r1",
        read_segment=bench.bus.store.data,
        documents={},
        out=file,
    )
    assert verify_bundle(file, trust=bench.bus.trust).ok


def test_a_clock_apart_from_the_database_stops_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are kept by the database's clock; SQLite has none."""
    assert bench.bus.database.clock() is None
    for seconds, stops in ((-60, True), (60, True), (2, False), (-2, False)):
        theirs = timedelta(seconds=seconds)
        monkeypatch.setattr(bench.bus.database, "clock", lambda by=theirs: datetime.now(UTC) + by)
        if stops:
            with pytest.raises(Misconfigured, match="the ledger database's"):
                health(bench)
        else:
            assert health(bench) == []
    bench.bus.config = replace(bench.bus.config, clock_tolerance=300.0)
    monkeypatch.setattr(bench.bus.database, "clock", lambda: datetime.now(UTC) + timedelta(seconds=60))
    assert health(bench) == []


def test_an_act_is_signed_only_by_an_operator_who_may(bench: Bench) -> None:
    """Checked before it is signed: the certificate holds, and lets this act be signed."""
    create_operator_key(bench.bus.config.home, "lan", acts=["quarantine.*"])
    signer = bench.bus.keys.operator()
    check_act(bench.bus, signer, "quarantine.release")
    with pytest.raises(Misconfigured, match=r"operator:lan may not sign the act 'cursor\.set'"):
        check_act(bench.bus, signer, "cursor.set")
    with pytest.raises(Misconfigured, match="G22 may not sign"):
        check_act(bench.bus, bench.bus.keys.signer("G22"), "quarantine.release")


def test_a_counterpart_whose_clock_differs_is_a_notice(bench: Bench) -> None:
    plan = bench.plan()

    def said(ahead: float | None) -> list[Notice]:
        return clock_notices(bench.bus, plan, "target", SimpleNamespace(clock_ahead=lambda: ahead))

    assert said(None) == said(4.9) == said(-5.0) == clock_notices(bench.bus, plan, "target", object()) == []
    (notice,) = said(90.4)
    assert notice.en == "this machine's clock is 90 s ahead of that of connection 'target'"
    assert "chậm hơn" in said(-90.0)[0].vi
    assert notice.code == "clock.counterpart"
