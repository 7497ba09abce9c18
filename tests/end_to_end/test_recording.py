"""A run recorded against the province, and run again against the recording."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import CommandLine

from lienthong.signing.keys import create_development_keys
from lienthong_sandbox import Province
from lienthong_sandbox.people import person
from lienthong_sandbox.replay import Replay

pytestmark = pytest.mark.slow

COUNTS = ("pulled", "acknowledged", "quarantined", "refused")


@pytest.fixture
def recording(lienthong: CommandLine, tmp_path: Path) -> Path:
    """Where a test records to."""
    return tmp_path / "traffic.ndjson"


@pytest.mark.parametrize("name", ["citizen_verification", "dossier_sync"])
def test_a_recording_holds_nobody_and_plays_the_same_run(
    name: str, lienthong: CommandLine, province: Province, recording: Path, tmp_path: Path
) -> None:
    """No secret, no name and no number of a person is in the file; against it, the run ends alike."""
    options = ["--connections", lienthong.connections, "--to", recording, "--json"]
    said = lienthong("record", f"dags/{name}.py", *options)
    first = json.loads(said.stdout.splitlines()[-1])
    assert first["pulled"] > 100
    assert recording.stat().st_mode & 0o077 == 0
    assert "Read the file before you hand it on" in said.stderr
    text = recording.read_text(encoding="utf-8")
    for connection in province.connections().values():
        for secret in (connection["password"], connection["login"]):
            assert not secret or secret not in text
    assert "Bearer " not in text
    folded = text.casefold()
    people = [person(index) for index in range(2000)]
    assert not [p.number for p in people if p.number in text]
    assert not [p.name for p in people if p.name.casefold() in folded]
    assert not [p.email for p in people if p.email in text and not p.email.endswith("@example.com")]
    again = _replayed(lienthong, recording, name, tmp_path)
    assert {count: again[count] for count in COUNTS} == {count: first[count] for count in COUNTS}


def _replayed(lienthong: CommandLine, recording: Path, name: str, tmp_path: Path) -> dict[str, int]:
    """Run the exchange against its recording, with a home of its own."""
    home = tmp_path / "second"
    for agency in ("G15", "G22", "H21"):
        create_development_keys(home, agency)
    connections = tmp_path / "replay.json"
    with Replay(recording, tmp_path / "log") as replay:
        replay.write_connections(connections)
        result: dict[str, int] = replace(lienthong, home=home, connections=connections).run(name)
    return result


def test_a_recording_is_never_written_over(lienthong: CommandLine, recording: Path) -> None:
    """What was reviewed stays what it was."""
    recording.write_text("mine")
    options = ["--connections", lienthong.connections, "--to", recording]
    done = lienthong("record", "dags/administrative_units.py", *options, check=False)
    assert done.returncode == 2
    assert "name another file" in done.stderr
    assert recording.read_text() == "mine"
