"""What Airflow is told about us: provider, connection forms, connections."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from lienthong.connector import ConnectionField
from lienthong.exchange import Text

# Airflow's own imports warn about things that are not ours to change
pytestmark = pytest.mark.filterwarnings("ignore::Warning")


def _python(code: str) -> list[str]:
    """Run code in a fresh interpreter and return the words it prints."""
    done = subprocess.run(  # noqa: S603  # our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_description_follows_airflows_schema() -> None:
    from lienthong.airflow.provider import provider_info

    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
    jsonschema.validate(provider_info(), schema)


def test_every_connector_has_a_form() -> None:
    """Its own fields are in the form, unused standard fields are hidden, secrets are passwords."""
    from lienthong.airflow.provider import provider_info

    forms = {item["connection-type"]: item for item in provider_info()["connection-types"]}
    assert {"lienthong_rest", "lienthong_soap", "lienthong_sql"} <= set(forms)
    rest = forms["lienthong_rest"]
    assert rest["conn-fields"]["token"]["schema"]["format"] == "password"
    assert "host" in rest["ui-field-behaviour"]["relabeling"]
    assert "host" not in rest["ui-field-behaviour"]["hidden-fields"]


def test_defaults_that_airflow_would_mask_are_told_instead() -> None:
    """A default of a field named like a secret comes out as asterisks, and would be saved so."""
    from lienthong.airflow.provider import _form_field

    title = Text("a", "b")
    hidden = _form_field(ConnectionField("api_key_header", title, "the header", default="X-API-Key"))
    shown = _form_field(ConnectionField("timeout", title, "seconds", type="integer", default=30))
    assert "default" not in hidden["schema"]
    assert hidden["description"] == "the header (X-API-Key)"
    assert shown["schema"]["default"] == 30


def test_airflow_loads_the_provider_in_a_fresh_process() -> None:
    """Airflow asks for the description while it is being imported itself; that must not go in circles."""
    code = (
        "from airflow.providers_manager import ProvidersManager as P\n"
        "m = P(); print('lienthong' in m.providers, 'lienthong_rest' in m.hooks)"
    )
    assert _python(code)[-2:] == ["True", "True"]


def _airflow_connection(**fields: Any) -> SimpleNamespace:
    plain: dict[str, Any] = dict.fromkeys(("host", "port", "schema", "login", "password"))
    return SimpleNamespace(conn_id="c", conn_type="lienthong_rest", extra_dejson={}, **(plain | fields))


def test_a_connection_becomes_ours_and_its_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    from lienthong.airflow import connections

    masked: list[str] = []
    monkeypatch.setattr(connections, "mask_secret", masked.append)
    found = _airflow_connection(host="http://a", password="p")
    found.extra_dejson = {"token": "t0ken", "scope": "read"}
    ours = connections.to_connection(found)
    assert (ours.id, ours.kind, ours.host, ours.schema, ours.password) == (
        "c",
        "lienthong_rest",
        "http://a",
        "",
        "p",
    )
    assert ours.option("scope") == "read"
    assert masked == ["t0ken"]
    assert "t0ken" not in repr(ours)


def test_a_missing_connection_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowNotFoundException

    from lienthong.airflow import connections
    from lienthong.errors import UnknownName

    def missing(conn_id: str) -> Any:
        raise AirflowNotFoundException(conn_id)

    monkeypatch.setattr(connections.BaseHook, "get_connection", missing)
    with pytest.raises(UnknownName, match="AIRFLOW_CONN_NOWHERE"):
        connections.airflow_connections("nowhere")


def test_the_plugin_costs_nothing_where_no_page_is_asked_for() -> None:
    """The web framework is imported at the first request; every task loads the plugin."""
    code = (
        "import sys; from lienthong_audit.plugin import LienThongAuditPlugin as P\n"
        "assert P().external_views is not P().external_views\n"
        "print('lienthong_audit.app' in sys.modules)"
    )
    assert _python(code)[-1] == "False"


def test_airflow_ignores_the_plugins_folder() -> None:
    """Otherwise Airflow executes every file below it under its bare name, ``app`` and ``page`` included."""
    from pathlib import Path

    import lienthong_audit

    folder = Path(str(lienthong_audit.__file__)).parents[1]
    if (folder / "lienthong_audit").exists() and folder.name == "plugins":
        assert (folder / ".airflowignore").read_text().strip() == "*"
