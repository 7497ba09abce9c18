"""The commands of people who run the bus, on a home where a run has been."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from chains import Node, revoked
from cryptography.hazmat.primitives.serialization import Encoding
from memory_bus import Bench, unit
from operators import operator_signer

from lienthong import Delivery
from lienthong.cli import main
from lienthong.connector import TargetCapabilities
from lienthong.errors import OutcomeUnknown
from lienthong.ledger.acts import acts
from lienthong.pipeline import RunRequest, run_exchange
from lienthong.pipeline.acts import act
from lienthong.signing.signers import load_private_key, read_certificates

Run = Callable[..., tuple[int, str, str]]
SAID = ("--by", "Trần Thị Hoa", "--why", "biên bản 12")


def test_the_sandbox_answers_its_own_help(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Options behind the word belong to the sandbox; elsewhere an unknown one is an error."""
    with pytest.raises(SystemExit) as ended:
        main(["sandbox", "--help"])
    assert ended.value.code == 0
    assert "from" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["codes", "--no-such-option"])
    assert ended.value.code == 2


def test_quarantine_list_show_and_repair(bench: Bench, run: Run, tmp_path: Path) -> None:
    """A steward sees the reason in either language, sees the record only when asking, and repairs it."""
    code, out, _ = run("quarantine", "list")
    assert code == 0
    assert "[schema.pattern]" in out
    assert "1 records" in out
    _, vi, _ = run("quarantine", "list", "--vi")
    assert "khuôn mẫu" in vi or "mẫu" in vi
    name = out.split()[0]
    _, shown, _ = run("quarantine", "show", name)
    assert "1x" not in shown
    _, shown, _ = run("quarantine", "show", name, "--record")
    assert '"MaDonVi":"1x"' in shown
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(unit(10)), encoding="utf-8")
    bad.write_text("[1, 2", encoding="utf-8")
    code, _, err = run("quarantine", "repair", name, "--file", bad, *SAID)
    assert (code, "no JSON record" in err) == (2, True)
    code, out, _ = run("quarantine", "repair", name.upper(), "--file", good, *SAID)
    assert (code, "version 2" in out) == (0, True)
    code, _, err = run("quarantine", "release", name, *SAID)
    assert code == 3
    assert "later version" in err


def test_evidence_runs_export_verify_and_check_ledger(bench: Bench, run: Run, tmp_path: Path) -> None:
    """An auditor lists runs, exports one, verifies it, and checks the whole ledger."""
    _, out, _ = run("evidence", "runs")
    assert out.startswith("units\tr1\t")
    bundle, trust = tmp_path / "b.zip", bench.bus.config.home / "keys" / "ca.pem"
    assert run("evidence", "export", "--run", "r1", "-o", bundle)[0] == 0
    code, out, _ = run("verify", bundle, "--trust", trust, "--json")
    assert (code, json.loads(out)["ok"]) == (0, True)
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(bytes(data))
    assert run("verify", bundle, "--trust", trust)[0] == 4
    code, out, _ = run("evidence", "check-ledger")
    assert (code, out) == (0, f"{bench.bus.ledger.head().sequence} entries, 0 findings\n")  # type: ignore[union-attr]
    code, _, err = run("evidence", "export", "--run", "no-such", "-o", bundle)
    assert (code, "no run 'no-such'" in err) == (2, True)


def test_evidence_of_a_run_that_found_nothing(bench: Bench, run: Run, tmp_path: Path) -> None:
    """It is listed with its counts, exported and verified like any other, by whoever may only read."""
    bench.source.offers = []
    run_exchange(bench.bus, bench.plan(delivery=Delivery(quarantine_above=0.5)), RunRequest("idle"))
    _, out, _ = run("evidence", "runs", "--limit", "1")
    assert out.startswith("units\tidle\t")
    assert "pulled 0, acknowledged 0" in out
    assert "idle, run" not in run("runs", "list", "--open")[1]
    bundle, trust = tmp_path / "b.zip", bench.bus.config.home / "keys" / "ca.pem"
    code, out, _ = run("evidence", "export", "--run", "idle", "-o", bundle)
    assert (code, ": 1 statements, 0 segments" in out) == (0, True)
    code, out, _ = run("verify", bundle, "--trust", trust, "--json")
    assert (code, json.loads(out)["ok"]) == (0, True)
    assert run("evidence", "check-ledger")[0] == 0


def test_evidence_acts(bench: Bench, run: Run) -> None:
    """What people did is listed with who, why and when, all of it or of one exchange or run."""
    operator_signer(bench.bus.config.home)
    bench.bus.__dict__.pop("keys")  # which were read before there was an operator
    said = {"who": "Trần Thị Hoa", "why": "theo công văn 12\nngày 3/7"}
    act(bench.bus, name="housekeeping", **said)
    act(bench.bus, name="run.close", **said, exchange="units", run="r1", subject={"state": "sent"})
    code, out, _ = run("evidence", "acts")
    assert code == 0
    first, second = (line.split("\t") for line in out.splitlines())
    assert first[1:3] == ["housekeeping", "everything"]
    assert second[1:6] == ["run.close", "units r1", "state sent", "Trần Thị Hoa", "theo công văn 12 ngày 3/7"]
    assert second[6] == "entry 7, key hoa"
    code, out, _ = run("evidence", "acts", "--exchange", "units", "--run", "r1", "--json")
    (one,) = map(json.loads, out.splitlines())
    assert (one["name"], one["why"], one["subject"]) == ("run.close", said["why"], {"state": "sent"})
    assert run("evidence", "acts", "--run", "r2")[1] == ""


def test_deliveries_are_listed_and_resolved_by_hand(bench: Bench, run: Run) -> None:
    """An outcome that the target cannot tell is settled by a person, who is named."""
    bench.target.can = TargetCapabilities()
    bench.source.offers.append(unit(20))
    bench.target.answer_with = [OutcomeUnknown("cut", taken=True)]
    plan = bench.plan(delivery=Delivery(batch=10, attempts=1, quarantine_above=0.5))
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, plan, RunRequest("r2"))
    _, out, _ = run("delivery", "list", "--state", "unknown")
    (line,) = out.splitlines()
    name = line.split("\t")[0]
    assert run("delivery", "resolve", name, "--taken", *SAID)[0] == 0
    assert run_exchange(bench.bus, plan, RunRequest("r2")).counts["acknowledged"] == 1
    code, _, err = run("delivery", "resolve", name, "--taken", *SAID)
    assert (code, "not in doubt" in err) == (2, True)


def test_who_said_that_nothing_was_taken_is_kept(bench: Bench, run: Run) -> None:
    """`--not-taken --by` leaves the person's name on the delivery, and the batch is sent again."""
    bench.target.can = TargetCapabilities()
    bench.source.offers.append(unit(20))
    bench.target.answer_with = [OutcomeUnknown("cut", taken=False)]
    plan = bench.plan(delivery=Delivery(batch=10, attempts=1, quarantine_above=0.5))
    with pytest.raises(OutcomeUnknown):
        run_exchange(bench.bus, plan, RunRequest("r2"))
    (state,) = bench.bus.journal.deliveries(exchange="units", state="unknown")
    assert run("delivery", "resolve", state.id, "--not-taken", *SAID)[0] == 0
    assert run_exchange(bench.bus, plan, RunRequest("r2")).counts["acknowledged"] == 1
    receipts = bench.bus.journal.delivery(state.id).receipts
    assert receipts[0]["reference"] == "Trần Thị Hoa"


def test_keys_are_made_once_and_kept_private(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`keys create` makes a CA and a key, readable by the owner alone, and keeps them when repeated."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    _, out, _ = run("keys", "create", "--agency", "H21.129")
    assert "made" in out
    key = tmp_path / "keys" / "H21.129" / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    assert "kept" in run("keys", "create", "--agency", "H21.129")[1]
    assert key.read_bytes() == before
    out = run("keys", "list")[1]
    assert out.startswith("H21.129\tES256\t")
    assert re.search(r"valid until \d{4}-\d\d-\d\d \(\d+ days left\)", out)
    assert "Every trusted authority may speak for every agency" in out
    assert "for every agency" in out.splitlines()[1]
    assert run("keys", "create", "--agency", "../evil")[0] == 2


def test_an_operator_s_key_is_made_beside_those_of_agencies(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the acts that it may sign; an agency's key signs none."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    assert run("keys", "create", "--operator", "lan", "--acts", "quarantine.*", "cursor.set")[0] == 0
    assert (tmp_path / "keys" / "operators" / "lan" / "key.pem").exists()
    assert run("keys", "list")[1].startswith("operator lan\tES256\t")
    assert run("keys", "create", "--agency", "H21", "--acts", "cursor.set")[0] == 2


def test_whom_a_command_believes(bench: Bench, run: Run, tmp_path: Path) -> None:
    """`--trust FILE=AGENCIES`, `--trust-config` and `--crl`, for bundles and for the whole ledger."""
    bundle, keys = tmp_path / "b.zip", bench.bus.config.home / "keys"
    ca = keys / "ca.pem"
    run("evidence", "export", "--run", "r1", "-o", bundle)
    assert run("verify", bundle, "--trust", f"{ca}=G22,H21.*")[0] == 0
    code, out, _ = run("verify", bundle, "--trust", f"{ca}=H21,H21.*")
    assert (code, "may not speak for the agency" in out) == (4, True)
    assert run("verify", bundle, "--trust", f"{ca}=G2*")[0] == 2
    assert run("verify", bundle)[0] == 2
    config = tmp_path / "trust.toml"
    for agencies, wanted in (("G22", 0), ("H21", 4)):
        config.write_text(f'[trust.ours]\ncertificates = ["{ca}"]\nagencies = ["{agencies}"]\n')
        assert run("verify", bundle, "--trust-config", config)[0] == wanted
        assert run("evidence", "check-ledger", "--trust-config", config)[0] == wanted
    assert run("verify", bundle, "--trust-config", config, "--trust", ca)[0] == 2
    _, out, _ = run("verify", bundle, "--trust", ca)
    assert "there is no revocation list of" in out
    authority = Node(read_certificates(ca)[0], load_private_key(keys / "ca-key.pem"))
    fresh, stale = tmp_path / "fresh.crl", tmp_path / "stale.crl"
    fresh.write_bytes(authority.crl(age=0.01).public_bytes(Encoding.DER))
    stale.write_bytes(authority.crl(age=90).public_bytes(Encoding.PEM))
    code, out, _ = run("verify", bundle, "--trust", ca, "--crl", fresh)
    assert (code, "revocation list" in out) == (0, False)
    code, out, _ = run("verify", bundle, "--trust", ca, "--crl", stale)
    assert (code, "out of date" in out) == (0, True)
    code, out, err = run("evidence", "check-ledger", "--crl", stale)
    assert (code, "0 findings" in out, "out of date" in err) == (0, True, True)
    leaf = read_certificates(keys / "G22" / "cert.pem")[0]
    fresh.write_bytes(authority.crl(revoked(leaf), age=0.01).public_bytes(Encoding.DER))
    code, out, _ = run("verify", bundle, "--trust", ca, "--crl", fresh)
    assert (code, "was revoked" in out) == (4, True)
    config.write_text(f'[lienthong]\ntrust = ["{ca}"]\ncrls = ["{fresh}"]\n')
    assert run("verify", bundle, "--trust-config", config)[0] == 4
    assert run("evidence", "check-ledger", "--crl", fresh)[0] == 4


def test_connectors_are_listed_and_described(run: Run) -> None:
    """What is installed, its connection form and its settings, from the descriptors."""
    _, out, _ = run("connector", "list")
    assert [line.split("\t")[0] for line in out.splitlines()] == ["rest", "soap", "sql"]
    _, out, _ = run("connector", "describe", "soap")
    assert "lienthong_soap" in out
    assert "SoapLookup" in out
    code, _, err = run("connector", "describe", "fax")
    assert (code, "installed: rest, soap, sql" in err) == (2, True)


def test_mistakes_are_sentences(run: Run, tmp_path: Path) -> None:
    """A missing file, a broken file and a wrong exchange are one line each, without a traceback."""
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n", encoding="utf-8")
    for arguments, words in (
        (("run", tmp_path / "none.py"), "there is no such DAG file"),
        (("run", broken), "ZeroDivisionError"),
        (("run", "dags/dossier_sync.py", "--exchange", "x"), "no exchange 'x'"),
    ):
        code, _, err = run(*arguments)
        assert code == 2
        assert words in err
        assert "Traceback" not in err


def test_check_names_file_exchange_and_field(run: Run, tmp_path: Path) -> None:
    """A personal field into an open target is found without running anything."""
    text = Path("dags/dossier_sync.py").read_text(encoding="utf-8")
    file = tmp_path / "leak.py"
    file.write_text(
        text.replace("sync_dossiers())", "replace(sync_dossiers(), open_data=True))")
        .replace("from lienthong import", "from dataclasses import replace\n\nfrom lienthong import")
        .replace('id="dossier_sync"', 'id="leak"'),
        encoding="utf-8",
    )
    code, out, _ = run("check", file)
    assert code == 2
    assert "leak.py" in out
    assert "'leak'" in out
    assert "open data" in out
    assert run("check", "dags")[0] == 0


def test_check_warns_where_settings_cannot_confirm_the_end_of_a_list(run: Run, tmp_path: Path) -> None:
    """A warning, no failure; none where a total does it, or the engineer says why the end is one."""
    text = Path("dags/dossier_sync.py").read_text(encoding="utf-8")
    linked = "replace(onestop_list('hoso'), paging=LinkHeaderPaging(){})"
    imports = "from dataclasses import replace\n\nfrom lienthong_connectors.rest import LinkHeaderPaging\n"
    for number, (more, end, warned) in enumerate(
        [
            ("", "", True),
            (", total='header:X-Total-Count'", "", False),
            ("", ", end='chỉ có một trang'", False),
        ]
    ):
        file = tmp_path / f"linked{number}.py"
        source = text.replace('onestop_list("hoso")', linked.format(more))
        source = source.replace('cursor="UpdatedAt"', f'cursor="UpdatedAt"{end}')
        source = source.replace('id="dossier_sync"', f'id="linked{number}"')
        file.write_text(
            source.replace("from lienthong import", f"{imports}from lienthong import"), encoding="utf-8"
        )
        code, out, _ = run("check", file)
        assert code == 0, out
        assert (f"warn linked{number}: end of list not confirmed" in out) == warned


def test_codes_of_national_services_are_printed(run: Run) -> None:
    """The list of tables, one table with both languages and its source, and a name that is none."""
    code, out, _ = run("codes")
    assert code == 0
    assert all(name in out for name in ("bhxh", "byt", "dancu", "dkdn", "dvcqg", "hotich"))
    code, out, _ = run("codes", "byt")
    assert code == 0
    assert "unauthenticated" in out
    assert "Sai xác thực" in out
    assert "4750/QĐ-BYT" in out
    code, _, said = run("codes", "bhyt")
    assert code == 2
    assert "bhxh" in said


def test_a_cursor_is_shown_set_and_taken_back(
    bench: Bench, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cursor set` and `rewind` want to know who and why, check the value, and sign before they change."""
    monkeypatch.setattr("lienthong.cli.exchanges.one_exchange", lambda *_: bench.plan().exchange)
    kept = bench.bus.journal.cursor("units").value
    assert kept is not None and kept in run("cursor", "show")[1]
    why = ("--by", "Trực ban", "--why", "chạy lại")
    code, out, _ = run("cursor", "rewind", "x.py", "--back", "2h", *why)
    assert code == 0 and "2025-12-31T22" in out
    assert run("cursor", "set", "x.py", "2026-01-01T00:00:05+07:00", *why)[0] == 0
    assert json.loads(run("cursor", "show", "--exchange", "units", "--json")[1])["cursor"].endswith(
        ":05+07:00"
    )
    for wrong in (
        ("set", "x.py", "hôm qua"),
        ("rewind", "x.py", "--back", "soon"),
        ("rewind", "x.py", "--back", "5"),
    ):
        assert run("cursor", *wrong, *why)[0] == 2
    assert run("cursor", "set", "x.py", kept, "--by", " ", "--why", "x")[0] == 2
    signed = acts(bench.bus.ledger, exchange="units")
    assert [told.name for told in signed] == ["cursor.rewind", "cursor.set"]
    assert signed[0].who == "Trực ban" and signed[0].subject["from"] == kept


def test_a_run_that_a_person_steers_wants_who_and_why(
    bench: Bench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--resend` wants a name and a reason, `--since` takes them: an act is signed before the run begins."""
    monkeypatch.setattr("lienthong.cli.exchanges.one_exchange", lambda *_: bench.plan().exchange)
    monkeypatch.setattr("lienthong.connector.local.local_connections", lambda _: bench.bus.connections)
    since = ("--since", "2026-01-01T00:00:00+07:00")
    for asked in (
        ("--resend",),
        (*since, "--resend"),
        ("--resend", "--by", "Trực ban"),
        (*since, "--why", "x"),
    ):
        code, _, said = run("run", "x.py", *asked)
        assert (code, "needs a name and a reason" in said) == (2, True)
    for asked in ((*since, "--limit", "5"), (*since, "--dry-run"), since):
        assert run("run", "x.py", *asked, "--json")[0] == 0
    assert acts(bench.bus.ledger, exchange="units") == []
    for asked in (since, (*since, "--resend")):
        assert run("run", "x.py", *asked, *SAID, "--json")[0] == 0
    signed = acts(bench.bus.ledger, exchange="units")
    assert [(one.name, one.who, one.subject["since"]) for one in signed] == [
        ("run.since", SAID[1], since[1]),
        ("run.resend", SAID[1], since[1]),
    ]
    for one in signed:
        (first, *_) = [item.sequence for item in bench.bus.ledger.entries(run=one.run)]
        assert first == one.sequence, "the act stands before the first step"
