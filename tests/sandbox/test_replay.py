"""A recording played back: which recorded message answers, and what is no recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from lienthong.errors import Misconfigured
from lienthong_sandbox.replay import Replay

NEXT = '<{origin}/api/rows?page=2>; rel="next"'
HEAD = {"recording": 1, "exchange": "x"}
CONNECTION = {
    "connection": {
        "id": "agency",
        "conn_type": "lienthong_rest",
        "path": "/api",
        "extra": {"auth": "oauth2", "token_url": "{origin}/token"},
    }
}


def message(
    path: str, answer: Any, *, query: str = "", body: Any = None, method: str = "GET"
) -> dict[str, Any]:
    return {
        "message": {
            "connection": "agency",
            "method": method,
            "path": path,
            "query": query,
            "sent": {},
            "body": {"json": body} if body is not None else {},
            "status": 200,
            "received": {
                "content-type": "application/json",
                "link": '<{origin}/api/rows?page=2>; rel="next"',
            },
            "answer": {"json": answer},
        }
    }


def recorded(folder: Path, *lines: Any) -> Path:
    file = folder / "traffic.ndjson"
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return file


def test_the_message_most_alike_answers_and_each_once_before_any_twice(tmp_path: Path) -> None:
    """Query and body decide; of equal ones the first unused; when all are used, the last."""
    file = recorded(
        tmp_path, HEAD, CONNECTION,
        message("/api/rows", [1], query="page=1"), message("/api/rows", [2], query="page=2"),
        message("/api/in", "for A", body={"id": "A"}, method="POST"),
        message("/api/in", "for B", body={"id": "B"}, method="POST"),
        message("/api/state", "busy"), message("/api/state", "done"),
    )  # fmt: skip
    with Replay(file, tmp_path / "log") as replay:
        host = replay.connections()["agency"]["host"]
        assert requests.get(f"{host}/rows", params={"page": 2}, timeout=60).json() == [2]
        said = requests.get(f"{host}/rows", params={"page": 1}, timeout=60)
        assert said.json() == [1]
        assert said.headers["link"] == f'<{replay.url}/agency/api/rows?page=2>; rel="next"'
        assert requests.post(f"{host}/in", json={"id": "B"}, timeout=60).json() == "for B"
        assert requests.post(f"{host}/in", json={"id": "A"}, timeout=60).json() == "for A"
        states = [requests.get(f"{host}/state", timeout=60).json() for _ in range(3)]
        assert states == ["busy", "done", "done"]


def test_connections_lead_to_the_replay_and_open_nothing_else(tmp_path: Path) -> None:
    """Host and token address are ours, the credentials are made up."""
    with Replay(recorded(tmp_path, HEAD, CONNECTION), tmp_path / "log") as replay:
        found = replay.connections()["agency"]
    assert found["host"] == f"{replay.url}/agency/api"
    assert found["extra"]["token_url"] == f"{replay.url}/agency/token"
    assert found["login"] == found["password"] == "replayed"


def test_what_was_never_recorded_is_404_and_faults_work(tmp_path: Path) -> None:
    """An unknown request is said to be one; the sandbox's switches act on the connection's name."""
    file = recorded(tmp_path, HEAD, CONNECTION, message("/api/rows", [1]))
    with Replay(file, tmp_path / "log") as replay:
        host = replay.connections()["agency"]["host"]
        said = requests.get(f"{host}/other", timeout=60)
        assert said.status_code == 404
        assert "no GET /api/other" in said.text
        requests.post(f"{replay.url}/_control/agency/faults", json={"fault": "unavailable"}, timeout=60)
        assert requests.get(f"{host}/rows", timeout=60).status_code == 503
        assert requests.get(f"{host}/rows", timeout=60).json() == [1]


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        (["{"], "line 1"),
        (['{"recording": 2}'], "line 1"),
        (['{"recording": 1}', "[]"], "line 2"),
        (['{"recording": 1}', '{"message": {"connection": "nobody"}}'], "line 2"),
        (['{"recording": 1}'], "no connection"),
    ],
)
def test_what_is_no_recording_is_refused_by_line(tmp_path: Path, lines: list[str], place: str) -> None:
    """Another file, another format or a broken line is named before anything listens."""
    file = tmp_path / "other.ndjson"
    file.write_text("\n".join(lines))
    with pytest.raises(Misconfigured, match=place):
        Replay(file, tmp_path / "log")
    with pytest.raises(Misconfigured, match="cannot be read"):
        Replay(tmp_path / "nothing", tmp_path / "log")
