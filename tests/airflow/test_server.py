"""A real Airflow: runs, logs, links, assets, retries, and the auditors' pages behind their guard."""

from __future__ import annotations

import json
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

PATIENCE = 300.0


@pytest.fixture(scope="session")
def runs(server: Any) -> dict[str, dict[str, Any]]:
    """One finished run of every exchange; the follower's was started by the ordinary one's delivery."""
    names = ("ordinary", "empty", "locked", "grouped")
    started = {name: server.api.trigger(name) for name in names}
    for name in (*names, "follower"):
        server.api.unpause(name)
    found = {name: _finished(server, name, run_id) for name, run_id in started.items()}
    found["follower"] = _finished(server, "follower", None)
    return found


def _finished(server: Any, dag_id: str, run_id: str | None) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        server.processes.require_all()
        for run in server.api.runs(dag_id):
            if run["dag_run_id"] == (run_id or run["dag_run_id"]) and run["state"] in {"success", "failed"}:
                return dict(run)
        time.sleep(0.5)
    raise AssertionError(f"{dag_id} did not end")


def _evidence(run: dict[str, Any]) -> str:
    return f"/lienthong/evidence/{run['dag_id']}/{quote(run['dag_run_id'], safe='')}"


def _log(server: Any, run: dict[str, Any], task: str, attempt: int = 1, index: int = -1) -> list[str]:
    path = f"/api/v2/dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'], safe='')}/taskInstances/{task}"
    answer = server.get(f"{path}/logs/{attempt}", params={"map_index": index, "full_content": "true"})
    return [str(line.get("event")) for line in answer.json()["content"]]


def test_only_loopback_is_open(server: Any, runs: dict[str, Any]) -> None:
    """No component listens for other machines, while tasks have run."""
    from lienthong.demo.ports import open_to_others

    assert runs
    assert len(server.processes.pids()) >= 4
    assert open_to_others(server.processes.pids()) == []


def test_a_run_delivers_quarantines_and_balances(server: Any, runs: dict[str, Any]) -> None:
    assert runs["ordinary"]["state"] == "success"
    settled = server.api.result("ordinary", runs["ordinary"]["dag_run_id"], "settle")
    assert settled["counts"] == {
        "pulled": 7,
        "acknowledged": 6,
        "quarantined": 1,
        "refused": 0,
        "pending": 0,
        "superseded": 0,
        "unchanged": 0,
    }


def test_mapped_tasks_have_readable_names(server: Any, runs: dict[str, Any]) -> None:
    tasks = server.api.tasks("ordinary", runs["ordinary"]["dag_run_id"])
    names = {task["rendered_map_index"] for task in tasks if task["task_id"] == "push"}
    assert names == {"1/2", "2/2"}


def test_a_run_without_news_ends_green_and_says_so(server: Any, runs: dict[str, Any]) -> None:
    """Mapped steps are skipped, settle still runs, and nobody is told of a delivery."""
    run = runs["empty"]
    states = {task["task_id"]: task["state"] for task in server.api.tasks("empty", run["dag_run_id"])}
    assert run["state"] == "success"
    assert states == {
        "pull": "success",
        "validate": "skipped",
        "transform": "skipped",
        "push": "skipped",
        "settle": "success",
    }
    assert any("nothing new" in line for line in _log(server, run, "pull"))
    assert server.api.result("empty", run["dag_run_id"], "settle")["nothing_new"] is True


def test_a_delivery_emits_one_asset_event_with_counts(server: Any, runs: dict[str, Any]) -> None:
    events = server.get("/api/v2/assets/events").json()["asset_events"]
    found = {event["source_dag_id"]: event["extra"] for event in events if event["source_dag_id"] in runs}
    assert set(found) == {"ordinary", "follower", "grouped"}
    assert found["ordinary"]["counts"]["acknowledged"] == 6
    assert len(found["ordinary"]["evidence"]["hash"]) == 64


def test_a_delivery_starts_the_exchange_that_waits_for_it(runs: dict[str, Any]) -> None:
    assert runs["follower"]["run_type"] == "asset_triggered"
    assert runs["follower"]["state"] == "success"


def test_a_wait_for_the_target_is_deferred_and_the_triggerer_ends_it(server: Any) -> None:
    """Seen deferred under a triggerer, woken to ask, and every batch was delivered once."""
    run_id = server.api.trigger("later")
    server.api.unpause("later")
    deferred: dict[int, dict[str, Any]] = {}
    deadline = time.monotonic() + PATIENCE
    while not (ended := [r for r in server.api.runs("later") if r["state"] in {"success", "failed"}]):
        assert time.monotonic() < deadline, "the run did not end"
        for task in server.api.tasks("later", run_id):
            if task["state"] == "deferred":
                assert task["task_id"] == "push"
                deferred[task["map_index"]] = task
        time.sleep(1)  # a deferral lasts 15 seconds at least
    (run,) = ended
    assert run["state"] == "success"
    assert set(deferred) == {0, 1}
    assert all("DateTimeTrigger" in task["trigger"]["classpath"] for task in deferred.values())
    assert any(task["triggerer_job"] for task in deferred.values()), "a triggerer took the wait"
    pushed = [task for task in server.api.tasks("later", run_id) if task["task_id"] == "push"]
    logs = [_log(server, run, "push", index=task["map_index"]) for task in pushed]
    assert {task["try_number"] for task in pushed} == {1}, logs
    lines = _log(server, run, "push", index=0)
    assert any(line.startswith("push: the target is at work on") for line in lines)
    assert any(line.startswith("woken to ask the target, question 2") for line in lines)
    tray = Path(json.loads(server.layout.connections.read_text())["tray"]["host"])
    seen = [file.read_text().split() for file in tray.iterdir()]
    assert seen == [["delivered", "asked", "asked"]] * 4
    assert server.api.result("later", run_id, "settle")["counts"]["acknowledged"] == 6


def test_a_refused_login_fails_at_the_first_try(server: Any, runs: dict[str, Any]) -> None:
    """Misconfigured is not retried although the exchange allows two attempts."""
    run = runs["locked"]
    pull = next(t for t in server.api.tasks("locked", run["dag_run_id"]) if t["task_id"] == "pull")
    assert (run["state"], pull["state"], pull["try_number"], pull["max_tries"]) == ("failed", "failed", 1, 1)
    assert "Retry policy decision" in _log(server, run, "pull")


def test_audit_lines_are_events_of_the_task_log(server: Any, runs: dict[str, Any]) -> None:
    lines = _log(server, runs["ordinary"], "pull")
    assert sum(line.startswith("pull: sealed segment") for line in lines) == 4
    assert any(line.startswith("pull: signed by H21.129") for line in lines)
    assert not any("open sesame" in line for line in lines)


def test_every_task_links_to_its_evidence(server: Any, runs: dict[str, Any]) -> None:
    run = runs["ordinary"]
    path = f"/api/v2/dags/ordinary/dagRuns/{quote(run['dag_run_id'], safe='')}/taskInstances"
    for task, query in (("pull", ""), ("push", "?map_index=1"), ("settle", "")):
        links = server.get(f"{path}/{task}/links{query}").json()["extra_links"]
        assert links == {"Chứng cứ / Evidence": f"{_evidence(run)}?step={task}#{task}"}


@pytest.mark.parametrize("suffix", ["", "/bundle/ordinary"])
@pytest.mark.parametrize(("user", "status"), [(None, 401), ("nobody", 403), ("auditor", 200)])
def test_pages_ask_for_login_and_right(
    server: Any, runs: dict[str, Any], user: str | None, status: int, suffix: str
) -> None:
    """Not logged in: 401. Without the right to read the audit log: 403. With it: 200."""
    assert server.get(_evidence(runs["ordinary"]) + suffix, user=user).status_code == status


def test_no_other_route_answers(server: Any) -> None:
    """Neither documentation nor schema nor a health page is open to the world."""
    for path in ("/", "/docs", "/redoc", "/openapi.json", "/health", "/evidence", "/evidence/ordinary"):
        assert server.get(f"/lienthong{path}", user=None).status_code in {401, 404}


def test_the_browser_cookie_opens_the_page(server: Any, runs: dict[str, Any]) -> None:
    cookies = {"_token": server.token("auditor")}
    assert server.get(_evidence(runs["ordinary"]), user=None, cookies=cookies).status_code == 200


def test_the_page_shows_the_run_and_hides_people(server: Any, runs: dict[str, Any]) -> None:
    """Steps, deliveries and reasons are shown, personal values masked, text escaped, no script allowed."""
    answer = server.get(_evidence(runs["ordinary"]), user="auditor", params={"lang": "en"})
    page = answer.text
    assert "The evidence holds" in page
    for step in ("pull", "validate", "transform", "push", "settle"):
        assert f'id="{step}"' in page
    assert "Letters ordinary" in page
    assert "acknowledged" in page
    assert '<code>TonTai</code>: <span class="dim">•••</span>' in page
    assert "ghi chú &lt;b&gt;0&lt;/b&gt;" in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "script" not in page


def test_the_page_speaks_the_readers_language(server: Any, runs: dict[str, Any]) -> None:
    path = _evidence(runs["ordinary"])
    for accept, lang, words in (
        ("en-US,en;q=0.9", None, "The evidence holds"),
        ("vi,en;q=0.5", None, "Chứng cứ toàn vẹn"),
        ("en", "vi", "Chứng cứ toàn vẹn"),
    ):
        params = {"lang": lang} if lang else {}
        page = server.get(path, user="auditor", headers={"Accept-Language": accept}, params=params)
        assert words in page.text
    assert server.get(path, user="auditor", params={"lang": "fr"}).status_code == 422


def test_the_bundle_verifies_offline_and_holds_no_records(
    server: Any, runs: dict[str, Any], tmp_path: Any
) -> None:
    from lienthong.ledger import verify_bundle
    from lienthong.signing import TrustStore

    answer = server.get(f"{_evidence(runs['ordinary'])}/bundle/ordinary", user="auditor")
    file = tmp_path / "run.zip"
    file.write_bytes(answer.content)
    report = verify_bundle(file, trust=TrustStore.from_pem([server.layout.bus / "keys" / "ca.pem"]))
    assert report.ok, report.failures
    names = zipfile.ZipFile(BytesIO(answer.content)).namelist()
    assert not any(name.startswith("segments/") for name in names)
    assert "ghi chú".encode() not in answer.content


def test_a_group_has_evidence_of_its_own(server: Any, runs: dict[str, Any]) -> None:
    """A hand-written DAG's page shows the exchange inside; the right to another DAG does not open it."""
    run = runs["grouped"]
    assert "The evidence holds" in server.get(_evidence(run), params={"lang": "en"}).text
    other = f"/lienthong/evidence/ordinary/{quote(run['dag_run_id'], safe='')}"
    assert "holds no statement" in server.get(other, params={"lang": "en"}).text


def test_an_unfinished_or_unknown_run_is_told_so(server: Any) -> None:
    page = server.get("/lienthong/evidence/ordinary/never", params={"lang": "en"})
    assert page.status_code == 200
    assert "holds no statement" in page.text
    assert server.get("/lienthong/evidence/ordinary/never/bundle/ordinary").status_code == 404


def test_altered_staging_is_shown_as_broken(server: Any, runs: dict[str, Any]) -> None:
    """A segment that was changed on disk makes the page say that the evidence does not hold."""
    from lienthong.ledger import Database, Ledger

    run = runs["ordinary"]
    database = Database.open(f"sqlite:///{server.layout.bus / 'ledger.sqlite'}")
    pulled = next(Ledger(database).entries(run=run["dag_run_id"], exchange="ordinary")).payload
    database.close()
    digest = pulled["outputs"]["segments"][-1]["digest"]
    file = server.layout.bus / "staging" / "segments" / digest[:2] / f"{digest}.ndjson.zst"
    kept = file.read_bytes()
    try:
        file.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        page = server.get(_evidence(run), params={"lang": "en"})
    finally:
        file.write_bytes(kept)
    assert page.status_code == 200
    assert "THE EVIDENCE DOES NOT HOLD" in page.text
