"""What production installs: nothing of the sandbox, and nothing under the GPL alone."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import pytest
from locks import normal, pinned
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: Licences of what only production installs, as its metadata says; here nothing of it can be asked.
ELSEWHERE = {
    "amqp": "BSD-3-Clause",
    "apache-airflow-providers-celery": "Apache-2.0",
    "apache-airflow-providers-postgres": "Apache-2.0",
    "async-timeout": "Apache-2.0",
    "asyncpg": "Apache-2.0",
    "billiard": "BSD-3-Clause",
    "celery": "BSD-3-Clause",
    "click-didyoumean": "MIT",
    "click-plugins": "BSD-3-Clause",
    "click-repl": "MIT",
    "flower": "BSD-3-Clause",
    "humanize": "MIT",
    "kombu": "BSD-3-Clause",
    "prometheus-client": "Apache-2.0",
    "prompt-toolkit": "BSD-3-Clause",
    "psycopg2-binary": "LGPL-3.0-or-later with exceptions",
    "redis": "MIT",
    "tornado": "Apache-2.0",
    "tzlocal": "MIT",
    "vine": "BSD-3-Clause",
    "wcwidth": "MIT",
}
_GPL = re.compile(r"(?<!L)(?<!LESSER )(?<!A)GPL|(?<!LESSER )GENERAL PUBLIC|AGPL|AFFERO", re.IGNORECASE)


@cache
def installed() -> dict[str, Distribution]:
    return {normal(found.metadata["Name"]): found for found in distributions()}


def licences(found: Distribution) -> list[str]:
    """Return every licence that a distribution names: its expression, its text, its classifiers."""
    meta: Any = found.metadata
    said = [meta.get("License-Expression") or "", (meta.get("License") or "")[:200]]
    classified = [
        one.rpartition(" :: ")[2] for one in meta.get_all("Classifier") or [] if "License ::" in one
    ]
    return [one.strip() for one in (*said, *classified) if one.strip()]


def gpl_alone(named: Iterable[str]) -> bool:
    """Tell whether licences leave nothing but the GPL; LGPL, and a choice of another, are allowed."""
    choices = [one for text in named for one in re.split(r"\bOR\b|/|;", text)]
    real = [one for one in choices if one.strip() and "OSI Approved" not in one]
    return bool(real) and all(_GPL.search(one) and "LGPL" not in one.upper() for one in real)


def needs(names: Iterable[str]) -> set[str]:
    """Return distributions and all that they need here."""
    seen: set[str] = set()
    waiting = [normal(Requirement(name).name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _required(name)
    return seen


def _required(name: str) -> Iterator[str]:
    found = installed().get(name)
    for text in (found.requires if found else None) or []:
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            yield normal(wanted.name)


def test_production_installs_nothing_that_only_the_sandbox_needs() -> None:
    """It did: seven distributions, one of them under the GPL."""
    extras = PROJECT["optional-dependencies"]
    only = needs(extras["sandbox"]) - needs([*PROJECT["dependencies"], *extras["production"]])
    assert "unidecode" in only, "else this test looks at nothing"
    assert only & pinned("production") == set()
    script = (ROOT / "requirements" / "lock.sh").read_text(encoding="utf-8")
    (line,) = [one for one in script.splitlines() if one.startswith("compile requirements/production.lock")]
    assert "sandbox" not in line and "--extra" not in script.partition("}")[0]


def test_nothing_in_production_is_under_the_gpl_alone() -> None:
    """By the metadata of what is installed here; of the rest by what was read of it, each by name."""
    found = {name: licences(installed()[name]) for name in pinned("production") if name in installed()}
    assert {name: said for name, said in found.items() if gpl_alone(said)} == {}
    rest = {name for name in pinned("production") if name not in installed()}
    assert rest <= ELSEWHERE.keys(), "read the licence of what is new, and enter it above"
    assert not any(gpl_alone([ELSEWHERE[name]]) for name in rest)


@pytest.mark.parametrize(
    ("said", "alone"),
    [
        (["GPL", "GNU General Public License v2 or later (GPLv2+)"], True),
        (["GPL-3.0-only"], True),
        (["AGPL-3.0-or-later"], True),
        (["LGPL-3.0-only"], False),
        (["LGPL", "GNU Lesser General Public License v2 or later (LGPLv2+)"], False),
        (["Artistic License", "GNU General Public License (GPL)"], False),
        (["GPL-2.0-or-later OR MIT"], False),
        (["MIT"], False),
        ([], False),
    ],
)
def test_which_licences_leave_nothing_but_the_gpl(said: list[str], alone: bool) -> None:
    assert gpl_alone(said) is alone
