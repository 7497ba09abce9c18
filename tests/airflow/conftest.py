"""Airflow for the tests: a throw-away home for what runs in this process, a real one to talk to."""

from __future__ import annotations

import json
import os
import runpy
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from postgres import postgres_server

# Airflow reads its configuration when it is imported, so its home comes before everything else.
_HOME = tempfile.TemporaryDirectory(prefix="lienthong-airflow-")
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

EXCHANGES = Path(__file__).parent / "exchanges"
USERS = {"admin": "admin", "auditor": "viewer", "nobody": ""}
#: A task whose process stands still is taken for dead sooner than in production.
QUICK = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # the first task makes the API server work for long
    "AIRFLOW__CORE__PARALLELISM": "8",  # some of them stand still in these tests
}


@pytest.fixture
def exchanges() -> dict[str, Any]:
    """What the file of test exchanges defines, executed anew."""
    return runpy.run_path(str(EXCHANGES / "letters.py"))


@dataclass
class Server:
    """A running Airflow and its users' tokens."""

    base: str
    layout: Any
    processes: Any
    api: Any
    crates: Path
    tokens: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, user: str | None = "admin", **kwargs: Any) -> requests.Response:
        """Ask for a page as a user, None for nobody logged in."""
        headers = dict(kwargs.pop("headers", {}))
        if user is not None:
            headers["Authorization"] = f"Bearer {self.token(user)}"
        return requests.get(self.base + path, headers=headers, timeout=60, **kwargs)

    def token(self, user: str) -> str:
        """Return a user's token."""
        if user not in self.tokens:
            body = {"username": user, "password": self.layout.password(user)}
            answer = requests.post(f"{self.base}/auth/token", json=body, timeout=30)
            self.tokens[user] = answer.json()["access_token"]
        return self.tokens[user]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def metadata() -> Iterator[dict[str, str]]:
    """A PostgreSQL for Airflow's own database, on a Unix socket.

    On SQLite a request that Airflow's API server answers on its event loop waits for one that writes in a
    thread, and that one for the loop: several people, or tests, at work stall each other for a minute.
    """
    with postgres_server() as url:
        rest = url.partition("://")[2]
        yield {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg://{rest}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+psycopg://{rest}",
        }


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, metadata: dict[str, str]) -> Iterator[Server]:
    """A whole Airflow on loopback with the test exchanges, started as the demonstration does."""
    from lienthong.demo import api as demo_api
    from lienthong.demo import components
    from lienthong.demo.api import Airflow
    from lienthong.demo.layout import Layout, write_private
    from lienthong.demo.processes import Processes
    from lienthong.demo.run import AIRFLOW_ACTS
    from lienthong.demo.settings import environment
    from lienthong.signing.keys import create_development_keys, create_operator_key
    from lienthong.signing.roles import SERVICE

    layout = Layout(tmp_path_factory.mktemp("airflow"))
    layout.prepare()
    create_development_keys(layout.bus, "H21.129")
    create_operator_key(layout.bus, SERVICE, acts=AIRFLOW_ACTS)
    shelf = {"conn_type": "lienthong_shelf", "login": "clerk", "password": "open sesame"}
    tray = {"conn_type": "lienthong_tray", "host": str(tmp_path_factory.mktemp("tray"))}
    locked = {**shelf, "password": "wrong"}
    crates = tmp_path_factory.mktemp("crates")
    crate = {"conn_type": "lienthong_crate", "host": str(crates)}
    connections = {"shelf": shelf, "drawer": shelf, "tray": tray, "locked_shelf": locked, "crate": crate}
    write_private(layout.connections, json.dumps(connections))
    users = ",".join(f"{name}:{role}" for name, role in USERS.items())
    for name in USERS:
        layout.password(name)
    port = _free_port()
    settings = environment(layout, EXCHANGES, port, users=users) | QUICK | metadata
    demo_api._SECONDS = 120  # the machine may be busy
    api = Airflow(f"http://127.0.0.1:{port}")
    with Processes(layout.logs, settings) as processes:
        components.migrate(processes, layout)
        components.start(processes)
        components.wait_for("the API server", api.healthy, processes, patience=240)
        api.log_in("admin", layout.password("admin"))
        files = components.expected_files(EXCHANGES)
        components.wait_for(
            "the exchanges", lambda: components.all_parsed(api, files), processes, patience=240
        )
        yield Server(api.base, layout, processes, api, crates)
