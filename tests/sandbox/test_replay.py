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


@pytest.mark.parametrize(
    "name", ["../../ledger", "/etc/x", "a/b", ".", "..", "C:\\x", "x" * 200, "con nection"]
)
def test_a_connections_name_is_no_path(tmp_path: Path, name: str) -> None:
    """It was: a recording could make or open a database anywhere, here the user's own ledger."""
    (tmp_path / "ledger.sqlite").write_bytes(b"")
    about = {"connection": {**CONNECTION["connection"], "id": name}}
    said = message("/api/rows", [1])
    said["message"]["connection"] = name
    home = tmp_path / "a" / "log"
    with Replay(recorded(tmp_path, HEAD, about, said), home) as replay:
        found = replay.connections()
        assert requests.get(f"{found[name]['host']}/rows", timeout=60).json() == [1]
        (file,) = home.glob("*.sqlite")
        assert file.parent == home and replay.systems.keys() == {file.stem.removeprefix("replay-")}
    outside = {path.name for path in tmp_path.iterdir()} | {path.name for path in (tmp_path / "a").iterdir()}
    assert outside == {"ledger.sqlite", "traffic.ndjson", "a", "log"}
    assert not (tmp_path / "ledger.sqlite").stat().st_size


def test_of_a_connections_fields_only_those_are_taken_that_lead_to_the_replay(tmp_path: Path) -> None:
    """Proxy, other hosts, files of keys, secrets and unknown ones: all of them were written as they stood."""
    extra = {
        "auth": "oauth2", "token_url": "{origin}/token", "scope": "a b", "xroad_client": "VN/GOV/1/X",
        "uplink": "ndxp", "uplink_host": "{origin}", "madonvi": "H21",
    }  # fmt: skip
    hostile = {
        "proxy": "http://evil.example:8", "client_key": "/home/u/.ssh/id", "ca_file": "x.pem", "token": "t",
        "redirects": "evil.example", "uplink_token_url": "http://evil.example/t", "headers": "{}",
        "assertion_key": "/k", "sv_url": "http://evil.example/", "wsdl": "/etc/passwd", "unheard_of": 1,
        "audience": ["a"], "uplink_password": "p", "uplink_prefix": "{origin}.evil.example://x",
    }  # fmt: skip
    about = {"connection": {**CONNECTION["connection"], "extra": extra | hostile}}
    with Replay(recorded(tmp_path, HEAD, about), tmp_path / "log") as replay:
        found = replay.connections()["agency"]["extra"]
        origin = f"{replay.url}/agency"
        left_out = replay.left_out()
    assert found == {n: v.replace("{origin}", origin) for n, v in extra.items()}
    assert left_out == {"agency": sorted(hostile)}


@pytest.mark.parametrize(
    "change",
    [
        {"conn_type": "lienthong_sql"}, {"conn_type": "aws"}, {"conn_type": 1}, {"path": "@evil.example/"},
        {"path": ".evil.example"}, {"path": None}, {"extra": []}, {"id": ""}, {"id": 7}, {"id": "a\nb"},
        {"id": "x" * 300},
    ],
)  # fmt: skip
def test_a_connection_that_no_recorder_writes_is_refused_by_line(tmp_path: Path, change: Any) -> None:
    about = {"connection": {**CONNECTION["connection"], **change}}
    with pytest.raises(Misconfigured, match="line 2"):
        Replay(recorded(tmp_path, HEAD, about), tmp_path / "log")


@pytest.mark.parametrize(
    "change",
    [{"status": "200"}, {"status": 7}, {"received": []}, {"received": {"a": 1}}, {"answer": None},
     {"path": 1}, {"query": None}, {"body": "x"}, {"answer": {"text": 5}},
     {"received": {"a": "x\r\nSet-Cookie: y"}}],
)  # fmt: skip
def test_a_message_that_no_recorder_writes_is_refused_by_line(tmp_path: Path, change: Any) -> None:
    """Some were found out about by a TypeError while they were served."""
    said = message("/api/rows", [1])
    said["message"] |= change
    with pytest.raises(Misconfigured, match="line 3"):
        Replay(recorded(tmp_path, HEAD, CONNECTION, said), tmp_path / "log")


def test_a_line_that_nests_without_end_is_refused_by_line(tmp_path: Path) -> None:
    file = recorded(tmp_path, HEAD, CONNECTION)
    deep = "[" * 100_000 + "]" * 100_000
    file.write_text(file.read_text() + '\n{"message": {"body": {"json": ' + deep + "}}}")
    with pytest.raises(Misconfigured, match="line 3"):
        Replay(file, tmp_path / "log")
