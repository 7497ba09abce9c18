"""A sandbox keeps its state, guards its secrets and is found through its connections."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import requests

from lienthong_sandbox import Province, warehouse
from lienthong_sandbox.cli import run

IDS = {
    "national_catalogue", "one_stop", "national_portal", "population", "civil_status", "warehouse",
    "lgsp", "lgsp_population", "vxp",
}  # fmt: skip


def test_restart_keeps_what_was_delivered(tmp_path: Path):
    """Audit and secrets outlive the process; the second start is fast."""
    with Province(tmp_path) as first:
        secrets = {name: entry["password"] for name, entry in first.connections().items()}
        first.systems["national_portal"].store.note("create", "D1")
    begin = time.process_time()
    with Province(tmp_path) as second:
        assert time.process_time() - begin < 3, "it seeded again"
        assert [line["key"] for line in second.audit("national_portal")] == ["D1"]
        assert {name: entry["password"] for name, entry in second.connections().items()} == secrets


def test_connections_file_is_private_and_complete(province, tmp_path):
    """Airflow finds every id in a file that only its owner can read."""
    path = tmp_path / "connections.json"
    province.write_connections(path)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert set(written) == IDS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((province.home / "secrets.json").stat().st_mode) == 0o600
    keys = {"conn_type", "host", "port", "schema", "login", "password", "extra"}
    assert all(set(entry) == keys for entry in written.values())


def test_two_homes_have_different_secrets(province, tmp_path):
    """No secret is in the code."""
    with Province(tmp_path, bad_rows=False) as other:
        mine, theirs = province.connections(), other.connections()
    assert all(mine[name]["password"] != theirs[name]["password"] for name in IDS - {"warehouse"})


def test_warehouse_tables_exist(province):
    """The warehouse is created empty and describes itself."""
    url = province.connections()["warehouse"]["extra"]["url"]
    assert warehouse.describe(url) == {"total": 0}
    key = [column.name for column in warehouse.ADMINISTRATIVE_UNIT.primary_key]
    assert key == ["code", "valid_from"]


def test_port_in_use_is_one_sentence(province, tmp_path, capsys):
    """The command ends with 2 and names the port."""
    assert run(["up", "--home", str(tmp_path), "--port", str(province.port)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_command_serves_until_it_is_asked_to_stop(tmp_path):
    """``sandbox up`` writes the connections, listens on loopback and ends cleanly on SIGTERM."""
    file, code = (
        tmp_path / "c.json",
        "import sys; from lienthong_sandbox.cli import run; sys.exit(run(sys.argv[1:]))",
    )
    arguments = ["up", "--home", str(tmp_path / "home"), "--port", "0", "--connections", str(file)]
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own code
    try:
        while not file.exists():
            assert process.poll() is None
            time.sleep(0.05)
        host = json.loads(file.read_text(encoding="utf-8"))["one_stop"]["host"]
        assert requests.get(host + "/api/hoso", timeout=60).status_code == 401
        assert socket.gethostbyname(host.split("/")[2].split(":")[0]) == "127.0.0.1"
        process.send_signal(signal.SIGTERM)
        shown = process.communicate(timeout=60)[0]
    finally:
        process.kill()
    assert process.returncode == 0
    assert "national_portal" in shown


def test_import_is_light():
    """Importing the package loads neither servers nor XML."""
    code = (
        "import sys, lienthong_sandbox; sys.exit(bool({'uvicorn', 'starlette', 'lxml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603 - our own code
    assert done.returncode == 0
