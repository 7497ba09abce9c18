"""The four exchanges of the repository against the sandbox province, through the command line."""

from __future__ import annotations

import json
import sqlite3
import sys
import zipfile
from pathlib import Path

import pytest
from command_line import CommandLine

from lienthong_sandbox import Province
from lienthong_sandbox.people import person

pytestmark = pytest.mark.slow

POPULATION = 5000  # of the sandbox, where nothing else is said
EXPECTED = {
    "administrative_units": {"pulled": 13_398, "acknowledged": 13_395, "quarantined": 3, "refused": 0},
    "dossier_sync": {"pulled": 600, "acknowledged": 586, "quarantined": 8, "refused": 6},
    "citizen_verification": {"pulled": 200, "acknowledged": 185, "quarantined": 15, "refused": 0},
    "civil_registrations": {"pulled": 150, "acknowledged": 142, "quarantined": 5, "refused": 3},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_exchange_balances_and_its_second_run_moves_nothing(
    lienthong: CommandLine, province: Province, name: str
) -> None:
    """Counts are those of the seeded input; run again, nothing is pulled; every reason has both languages."""
    first = lienthong.run(name)
    assert {key: first[key] for key in EXPECTED[name]} == EXPECTED[name]
    assert first["pending"] == 0
    again = lienthong.run(name)
    assert (again["pulled"], again["acknowledged"]) == (0, 0)
    listed = lienthong("quarantine", "list", "--exchange", name, "--json").stdout.splitlines()
    items = [json.loads(line) for line in listed]
    assert len(items) == EXPECTED[name]["quarantined"] + EXPECTED[name]["refused"]
    assert all(reason["vi"] and reason["en"] for item in items for reason in item["reasons"])


def test_all_real_units_reach_the_warehouse_with_their_successors(
    lienthong: CommandLine, province: Province, tmp_path: Path
) -> None:
    """34 provinces, 3,321 communes, 10,040 former ones, each former one with a successor in force."""
    lienthong.run("administrative_units")
    (path,) = (tmp_path / "province").glob("warehouse*.sqlite")
    connection = sqlite3.connect(path)
    try:
        counts = dict(connection.execute("SELECT level, count(*) FROM administrative_unit GROUP BY level"))
        assert counts == {"tinh": 34, "xa": 3321, "xa-cu": 10_040}
        in_force = {
            code for (code,) in connection.execute("SELECT code FROM administrative_unit WHERE level = 'xa'")
        }
        rows = connection.execute("SELECT successors FROM administrative_unit WHERE level = 'xa-cu'")
        successors = [json.loads(text) for (text,) in rows]
    finally:
        connection.close()
    assert all(successors)
    assert {item["MaDonVi"] for found in successors for item in found} <= in_force


def test_changed_dossiers_are_updates_and_new_ones_are_creates(
    lienthong: CommandLine, province: Province
) -> None:
    """The second run moves what changed, and nothing else."""
    lienthong.run("dossier_sync")
    before = len(province.audit("national_portal"))
    _touch(province)
    second = lienthong.run("dossier_sync")
    assert second["pulled"] == 2
    later = province.audit("national_portal")[before:]
    assert sorted(line["operation"] for line in later) == ["create", "update"]


def _touch(province: Province) -> None:
    """Change one sound dossier and add one."""
    import requests

    ends = province.connections()["one_stop"]
    token = requests.post(
        ends["extra"]["token_url"],
        data={
            "grant_type": "client_credentials",
            "client_id": ends["login"],
            "client_secret": ends["password"],
        },
        timeout=60,
    ).json()["access_token"]
    page = requests.get(
        f"{ends['host']}/api/hoso?limit=1000", headers={"Authorization": f"Bearer {token}"}, timeout=60
    ).json()
    taken = {line["key"] for line in province.audit("national_portal")}
    sound = next(item for item in page["Data"] if item["DocCode"] in taken)
    moment = "2026-02-01T08:00:00.000+0700"
    changed = sound | {"UpdatedAt": moment, "FinishedDate": moment}
    added = sound | {"DocCode": "H21.129-260201-9999", "UpdatedAt": "2026-02-01T09:00:00.000+0700"}
    province.upsert("one_stop", "hoso", [changed, added])


def test_every_look_up_names_officer_and_procedure(lienthong: CommandLine, province: Province) -> None:
    """The database's own access log has an officer, a procedure and a request for each question."""
    summary = lienthong.run("citizen_verification")
    asked = province.audit("population")
    assert len(asked) == summary["pulled"] - 4, "malformed applicants are never asked about"
    text = json.dumps(asked[0], ensure_ascii=False)
    assert "cb." in text
    assert len({json.dumps(line, sort_keys=True) for line in asked}) == len(asked)


def test_evidence_is_exported_verified_and_refused_when_touched(
    lienthong: CommandLine, tmp_path: Path
) -> None:
    """`evidence export` and `verify`; one flipped byte anywhere (sampled) makes verification fail."""
    summary = lienthong.run("civil_registrations")
    bundle, trust = tmp_path / "run.zip", lienthong.home / "keys" / "ca.pem"
    lienthong("evidence", "export", "--run", summary["run_id"], "-o", bundle)
    assert "VERIFIED" in lienthong("verify", bundle, "--trust", trust).stdout
    assert "HỢP LỆ" in lienthong("verify", bundle, "--trust", trust, "--vi").stdout
    good = bundle.read_bytes()
    from lienthong.ledger import verify_bundle
    from lienthong.signing import TrustStore

    store = TrustStore.from_pem([trust])
    for offset in range(0, len(good), len(good) // 60):
        bundle.write_bytes(good[:offset] + bytes([good[offset] ^ 1]) + good[offset + 1 :])
        assert not verify_bundle(bundle, trust=store).ok, f"byte {offset}"
    done = lienthong("verify", bundle, "--trust", trust, check=False)
    assert done.returncode == 4
    assert "FAIL" in done.stdout


def test_verification_needs_neither_airflow_nor_a_database(lienthong: CommandLine, tmp_path: Path) -> None:
    """With Airflow and SQLAlchemy unimportable and no ledger at hand, the bundle still verifies."""
    summary = lienthong.run("civil_registrations")
    bundle = tmp_path / "run.zip"
    lienthong("evidence", "export", "--run", summary["run_id"], "-o", bundle, "--hashes-only")
    assert not [name for name in zipfile.ZipFile(bundle).namelist() if name.startswith("segments/")]
    trust = lienthong.home / "keys" / "ca.pem"
    program = (
        "import sys; sys.modules['airflow'] = sys.modules['sqlalchemy'] = None\n"
        "from lienthong.cli import main\n"
        f"raise SystemExit(main(['verify', {str(bundle)!r}, '--trust', {str(trust)!r}]))"
    )
    import subprocess

    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=600,
        env={"LIENTHONG_HOME": str(tmp_path / "nowhere")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_payload_and_no_secret_in_the_audit_lines(lienthong: CommandLine, province: Province) -> None:
    """What -v prints has counts, digests and ids, no name of a person and no credential."""
    done = lienthong(
        "-v", "run", "dags/citizen_verification.py", "--connections", lienthong.connections, "--json"
    )
    said = done.stderr + done.stdout
    assert "pull: sealed segment" in said and "settle: pulled 200" in said
    for end in province.connections().values():
        assert not end.get("password") or end["password"] not in said
    for word in ("Nguyễn", "NGUYỄN", "Trần"):
        assert word not in said
    # whole values only: a few digits stand in any text full of digests and random ids
    people = [person(index) for index in range(POPULATION)]
    assert not [p.number for p in people if p.number in said]
    assert not [p.name for p in people if p.name.casefold() in said.casefold()]
    assert not [p.email for p in people if p.email in said]
