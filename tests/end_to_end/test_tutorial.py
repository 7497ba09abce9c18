"""docs/tutorial.md leads from nothing to delivered records: every command, in its order."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_shell import Shell, commands

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"

pytestmark = pytest.mark.slow


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    found = Shell(tmp_path)
    yield found
    found.stop()


def _run(shell: Shell, line: str) -> str:
    """Run a command; what is installed is then the project's own folder, as ``-e`` has it."""
    found = shell.run(line)
    if "install -e" in line:
        package = shell.folder / "site" / "register_schemas"
        shutil.rmtree(package)
        package.symlink_to(shell.folder / "register" / "schemas" / "register_schemas")
    return found


def test_the_tutorial_leads_to_delivered_records(shell: Shell) -> None:
    """The check refuses what nobody has decided; then 50 records are delivered, and none twice."""
    (document,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (shell.folder / "land.yaml").write_text(document, encoding="utf-8")
    said = [(line, _run(shell, line)) for line in commands(PAGE)]
    (refused,) = (text for line, text in said if line.endswith("|| echo refused"))
    assert "nobody has decided the class of parcelId, hoVaTen, area, registered" in refused
    assert "refused\n" in refused
    first, second = (text for line, text in said if line.startswith("lienthong run "))
    assert re.search(r"50 │ +50 │ +0 │", first) and re.search(r"50 │ +0 │ +0 │.* 50 │", second)
    with sqlite3.connect(shell.folder / "land.sqlite") as database:
        ((count, keys),) = database.execute("SELECT count(*), count(DISTINCT parcelId) FROM list_parcels")
    database.close()
    assert count == keys == 50
