"""What Airflow is told about this distribution (entry point ``apache_airflow_provider``)."""

from __future__ import annotations

import logging
from typing import Any

from lienthong import __version__
from lienthong.connector import ConnectionField, ConnectorDescriptor, connector, connector_kinds
from lienthong.exchange import Text

_LOG = logging.getLogger("lienthong.airflow")
_STANDARD = ("host", "port", "schema", "login", "password")
#: Airflow hides values, defaults of forms included, by these words in a field's name.
_HIDDEN_WORDS = (
    "access_token", "api_key", "apikey", "authorization", "passphrase", "passwd", "password", "private_key",
    "secret", "service_account", "token",
)  # fmt: skip


def provider_info() -> dict[str, Any]:
    """Return the provider's description with one connection type per installed connector."""
    return {
        "package-name": "lienthong",
        "name": "Liên Thông",
        "description": f"Inter-agency data exchange bus ({__version__}).",
        "connection-types": [_connection_type(item) for item in _descriptors()],
        "extra-links": ["lienthong.airflow.links.EvidenceLink"],
        "asset-uris": [{"schemes": ["lienthong"], "handler": None}],
    }


def _descriptors() -> list[ConnectorDescriptor]:
    """Load every connector; one that cannot be loaded is left out and named in the log."""
    found = []
    for kind in connector_kinds():
        try:
            found.append(connector(kind))
        except Exception:  # a broken add-on must not take Airflow's connection page down
            _LOG.warning("connector %r cannot be loaded and has no connection form", kind, exc_info=True)
    return found


def _connection_type(item: ConnectorDescriptor) -> dict[str, Any]:
    standard = {field.name: field for field in item.connection if field.name in _STANDARD}
    return {
        "connection-type": item.connection_type,
        "hook-class-name": "lienthong.airflow.hooks.EndpointHook",
        "hook-name": f"Liên Thông: {_both(item.title)}",
        "conn-fields": {
            field.name: _form_field(field) for field in item.connection if field.name not in _STANDARD
        },
        "ui-field-behaviour": {
            "hidden-fields": [name for name in _STANDARD if name not in standard],
            "relabeling": {name: _both(field.title) for name, field in standard.items()},
            "placeholders": {name: field.doc for name, field in standard.items() if not field.secret},
        },
    }


def _form_field(field: ConnectionField) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": field.type if field.required else [field.type, "null"]}
    description = field.doc
    if field.default is not None and any(word in field.name.lower() for word in _HIDDEN_WORDS):
        description += f" ({field.default})"  # as a default the form would show, and save, asterisks
    elif field.default is not None:
        schema["default"] = field.default
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.secret:
        schema["format"] = "password"
    return {"label": _both(field.title), "description": description, "schema": schema}


def _both(text: Text) -> str:
    return text.vi if text.vi == text.en else f"{text.vi} / {text.en}"
