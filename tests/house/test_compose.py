"""docker-compose.yml: the production shape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file as Compose reads it (YAML merge keys resolved)."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def test_it_follows_the_compose_schema(compose: dict[str, Any]) -> None:
    """Every key is one that the Compose specification knows, with a value of its type."""
    schema = json.loads((ROOT / "tests/fixtures/compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(compose)


def test_every_component_of_the_production_shape_is_there(compose: dict[str, Any]) -> None:
    """PostgreSQL, Redis, Celery workers, the four Airflow components; the sandbox only on demand."""
    services = compose["services"]
    assert {
        "postgres",
        "redis",
        "api-server",
        "scheduler",
        "dag-processor",
        "triggerer",
        "worker",
    } <= services.keys()
    assert services["worker"]["command"][:2] == ["celery", "worker"]
    assert services["sandbox"]["profiles"] == ["sandbox"]
    assert services["worker"]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_nothing_is_published_beyond_loopback(compose: dict[str, Any]) -> None:
    """Published ports bind to 127.0.0.1, and no component serves logs on an open port."""
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    for name in ("scheduler", "triggerer", "worker"):
        assert "--skip-serve-logs" in compose["services"][name]["command"]


def test_who_only_reads_may_only_read(compose: dict[str, Any]) -> None:
    """The api-server shows evidence under a role that may select; the ledger is migrated before it starts."""
    api = compose["services"]["api-server"]
    assert "//ledger_reader:" in api["environment"]["LIENTHONG_LEDGER"]
    assert "lienthong:/var/lib/lienthong:ro" in api["volumes"]
    assert api["depends_on"]["migrate-ledger"]["condition"] == "service_completed_successfully"
    assert compose["services"]["migrate-ledger"]["entrypoint"] == ["lienthong", "migrate"]
    assert "//ledger:" in compose["services"]["worker"]["environment"]["LIENTHONG_LEDGER"]
    text = (ROOT / "deploy/postgres/10-databases.sh").read_text(encoding="utf-8")
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    for statement in page.split("```")[1].splitlines()[1:]:
        assert statement.rstrip(";").replace("'…'", ":'secret'") in text, statement


def test_no_secret_has_a_default() -> None:
    """Passwords and keys come from the environment, and the stack refuses to start without them."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    names = set(re.findall(r"\$\{(\w*(?:PASSWORD|KEY|SECRET)\w*)", text))
    assert names
    for name in names:
        assert f"${{{name}:?" in text, f"{name} has no ':?' guard"
        assert f"${{{name}:-" not in text, f"{name} has a default"


def test_the_image_installs_what_is_pinned() -> None:
    """The image's build installs from the lock file with hashes and copies every source root."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    bus, _, rest = lines.partition("FROM bus AS sandbox")
    assert "--require-hashes -r requirements/production.lock" in bus
    for root in ("core", "connectors", "schemas", "plugins"):
        assert f"COPY {root} {root}" in bus
    assert "sandbox sandbox" not in bus, "the simulated province is no part of production"
    sandbox, _, last = rest.partition("FROM bus\n")
    assert "COPY sandbox sandbox" in sandbox and "--require-hashes -r requirements/run.lock" in sandbox
    assert not last.strip(), "what is built without a target is the bus"
