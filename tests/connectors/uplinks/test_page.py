"""The worked example of docs/connectors/uplinks.md and the commands of xroad.md, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lienthong_sandbox import Province

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs/connectors"


@pytest.fixture
def shell(province: Province, tmp_path: Path) -> object:
    """Run a shell command in a folder with the sandbox's connections.json and the repository's DAGs."""
    province.write_connections(tmp_path / "connections.json")
    (tmp_path / "dags").symlink_to(ROOT / "dags")
    command = tmp_path / "bin" / "lienthong"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lienthong.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "LIENTHONG_HOME": str(tmp_path / "home"),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "COLUMNS": "200",
    }

    def run(line: str) -> str:
        done = subprocess.run(  # noqa: S602 - commands of our own pages
            line,
            shell=True,
            cwd=tmp_path,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
            timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def blocks(page: str, kind: str) -> list[list[str]]:
    """Return the lines of a page's code blocks of one kind."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return [block.splitlines() for block in re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)]


def plain(text: str) -> list[str]:
    """Return lines without what differs from machine to machine: numbers and spare blanks."""
    return [" ".join(re.sub(r"\d+", "#", line).split()) for line in text.splitlines()]


def test_one_setting_changes_the_way_as_the_page_says(shell: object, tmp_path: Path) -> None:
    """Every command of the page runs; the second check prints what the page shows."""
    straight, through = blocks("uplinks.md", "sh")
    said = {line: shell(line) for line in straight}  # type: ignore[operator]
    check = next(line for line in straight if "connector check" in line)
    assert "Security Server" not in said[check]
    assert '"uplink": "direct"' in (tmp_path / "connections.json").read_text(encoding="utf-8")
    after = {line: shell(line) for line in through}  # type: ignore[operator]
    (shown,) = blocks("uplinks.md", "text")
    printed = plain(after[check])
    assert [line for line in plain("\n".join(shown)) if line not in printed] == []
    assert printed.index("ok Security Server route passes the request on") < printed.index(
        "ok provider's Security Server route passes the request on"
    )
    assert "SANDBOX/GOV/G22/DMDC/dmdc" in after[through[-1]]


def test_the_commands_of_the_x_road_page_run(shell: object, tmp_path: Path) -> None:
    """Each line asks the sandbox's Security Server and is answered."""
    shell('sed -i \'s/"uplink": "direct"/"uplink": "xroad"/\' connections.json')  # type: ignore[operator]
    (lines,) = blocks("xroad.md", "sh")
    for line in lines:
        out = shell(line)  # type: ignore[operator]
        assert out or (tmp_path / "dancu.wsdl").exists()


def test_a_failing_hop_is_printed_in_both_languages(
    shell: object, province: Province, tmp_path: Path
) -> None:
    """The table ends with the hop that fails, its advice beneath; --vi says it in Vietnamese."""
    shell('sed -i \'s/"uplink": "direct"/"uplink": "xroad"/\' connections.json')  # type: ignore[operator]
    shell("lienthong keys create --agency G22")  # type: ignore[operator]
    province.fault("security_server", "hop_error", times=None, code="Server.ServerProxy.AccessDenied")
    line = "lienthong connector check dags/administrative_units.py --connections connections.json"
    out = shell(f"{line} || test $? = 2")  # type: ignore[operator]
    assert "FAIL  provider's Security Server  route" in out
    assert "ask the provider to grant xroad_client" in out
    vi = shell(f"{line} --vi || test $? = 2")  # type: ignore[operator]
    assert "Bên cung cấp chưa cho ta gọi dịch vụ này" in vi
