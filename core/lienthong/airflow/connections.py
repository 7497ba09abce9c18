"""Airflow connections as the connectors know them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from lienthong.connector import Connection, connector
from lienthong.errors import Misconfigured, UnknownName


def airflow_connections(conn_id: str) -> Connection:
    """Return one Airflow connection; works in tasks, where it is asked of the API server.

    Fields that the connector declares secret are masked in the task's log. Raises `UnknownName`
    where Airflow has no such connection.
    """
    try:
        found = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise UnknownName(
            f"there is no connection {conn_id!r}",
            where=f"connection {conn_id!r}",
            hint="add it in Airflow (Admin, Connections), in the secrets backend or as "
            f"AIRFLOW_CONN_{conn_id.upper()}",
        ) from None
    return to_connection(found)


def to_connection(found: Any) -> Connection:
    """Turn Airflow's object into ours and mask what the connector declares secret."""
    extra = found.extra_dejson
    connection = Connection(
        id=found.conn_id,
        kind=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        schema=found.schema or "",
        login=found.login or "",
        password=found.password or "",
        extra=extra if isinstance(extra, dict) else {},
    )
    for value in _secrets(connection):
        mask_secret(value)
    return connection


def _secrets(connection: Connection) -> list[str]:
    """Return the values of the fields that the connection's connector declares secret."""
    try:
        fields = connector(connection.kind).connection
    except Misconfigured:
        return []  # no such connector: opening it will say so
    values = (connection.extra.get(item.name) for item in fields if item.secret)
    return [value for value in values if isinstance(value, str) and value]
