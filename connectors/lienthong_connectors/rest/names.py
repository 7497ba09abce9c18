"""What templates may take from a connection: its open fields, never a secret."""

from __future__ import annotations

from typing import Any

from lienthong.connector import Connection
from lienthong_connectors.http.fields import HTTP_FIELDS

_SECRET = frozenset(
    {field.name for field in HTTP_FIELDS if field.secret} | {"password", "login", "client_key"}
)


def connection_names(connection: Connection) -> dict[str, Any]:
    """Return ``{"connection": {...}}`` for `lienthong_connectors.rest.paths.fill`."""
    return {"connection": {name: value for name, value in connection.extra.items() if name not in _SECRET}}
