"""The hook behind every connection type: the connection as the connectors know it."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook

from lienthong.airflow.connections import airflow_connections
from lienthong.connector import Connection, connector
from lienthong.errors import LienThongError


class EndpointHook(BaseHook):
    """One agency system; ``conn_type`` follows from the connection itself."""

    conn_name_attr = "endpoint"
    default_conn_name = "lienthong_default"
    hook_name = "Liên Thông"

    def __init__(self, endpoint: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint

    def get_conn(self) -> Connection:
        """Return the connection."""
        return airflow_connections(self.endpoint)

    def test_connection(self) -> tuple[bool, str]:
        """Check that required fields are filled and that the host answers on its port."""
        try:
            connection = self.get_conn()
            for item in connector(connection.kind).connection:
                if item.required:
                    connection.require(item.name)
            return reach(connection)
        except (LienThongError, OSError) as error:
            return False, str(error)


def reach(connection: Connection) -> tuple[bool, str]:
    """Open and close a TCP connection to the endpoint's host."""
    address = urlsplit(connection.host if "//" in connection.host else f"//{connection.host}")
    port = connection.port or address.port or {"https": 443, "http": 80}.get(address.scheme)
    if not address.hostname or not port:
        return True, "fields are complete; there is no host and port to reach"
    with socket.create_connection((address.hostname, port), timeout=5):
        return True, f"fields are complete and {address.hostname}:{port} answers"
