"""From an Airflow connection to a database: the URL and an engine that pools nothing."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.pool import NullPool

from lienthong.connector import Connection, Expiry
from lienthong.connector.expiry import certificate_expiries
from lienthong.errors import Misconfigured

#: Names of query parameters that hold a secret: libpq's, and those of other drivers.
_SECRET = re.compile(r"pass(?!file)|pwd|secret|token|api_?key|credential|access_?key", re.IGNORECASE)
_PSYCOPG = "postgresql+psycopg"
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}


def address(connection: Connection) -> URL:
    """Return the connection's SQLAlchemy URL, credentials taken from the connection's own fields."""
    text = connection.option("url")
    return _from_url(connection, str(text)) if text else _from_fields(connection)


def _from_url(connection: Connection, text: str) -> URL:
    try:
        url = make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise Misconfigured(
            "the field 'url' is not a SQLAlchemy URL",
            where=f"connection {connection.id!r}",
            hint="give dialect://host:port/database without a password",
        ) from None
    if url.password:
        raise Misconfigured(
            "the field 'url' holds a password",
            where=f"connection {connection.id!r}",
            hint="move it to the connection's password field, which is encrypted",
        )
    found = sorted(name for name, value in url.query.items() if _holds_secret(name, str(value)))
    if found:
        raise Misconfigured(
            f"the field 'url' holds a secret in its query: {found[0]!r}",
            where=f"connection {connection.id!r}",
            hint="move a password to the connection's password field; keep a key's in a file of its own",
        )
    if url.get_backend_name() == "sqlite":
        return url
    if connection.login:
        url = url.set(username=connection.login)
    if connection.password:
        url = url.set(password=connection.password)
    return _with_driver(url)


def _holds_secret(name: str, value: str) -> bool:
    """Tell whether a query's parameter is a secret, or a list of settings (``PWD=…;``) one of which is."""
    inside = (part.partition("=")[0] for part in re.split(r"[;\s]", value) if "=" in part)
    return any(_SECRET.search(one) for one in (name, *inside))


def _from_fields(connection: Connection) -> URL:
    dialect = str(connection.option("dialect", "postgresql"))
    if dialect.startswith("sqlite"):
        return URL.create(dialect, database=connection.schema or str(connection.require("host")))
    return _with_driver(
        URL.create(
            dialect,
            username=connection.login or None,
            password=connection.password or None,
            host=str(connection.require("host")),
            port=connection.port,
            database=connection.schema or None,
        )
    )


def _with_driver(url: URL) -> URL:
    return url.set(drivername=_PSYCOPG) if url.drivername in ("postgresql", "postgres") else url


def place(connection: Connection, schema: str | None, table: str) -> str:
    """Return a text that names a table of a database, the same by every connection that leads there.

    A table without a schema is looked for where the account and the connection's options say, so they count
    then. A server that is reached by several names or through a socket is told by the name that is given.
    """
    url = address(connection)
    backend = url.get_backend_name()
    if backend == "sqlite":
        file = str(Path(url.database).resolve()) if url.database else ""
        return json.dumps([backend, file, schema or "", table]) if file else ""
    query = {name: url.query[name] for name in ("host", "port", "options", "service") if name in url.query}
    server = [
        (url.host or "").lower().rstrip("."),
        url.port or _PORTS.get(backend),
        url.database or url.username,
    ]
    account = "" if schema else url.username or ""
    options = {name: value for name, value in query.items() if name != "options" or not schema}
    return json.dumps([backend, *server, account, options, schema or "", table], sort_keys=True)


def seconds(connection: Connection, name: str, default: int) -> int:
    """Return a timeout of the connection in whole seconds, at least 1."""
    try:
        return max(1, int(connection.option(name, default)))
    except (TypeError, ValueError):
        raise Misconfigured(
            f"connection field {name!r} is not a number", where=f"connection {connection.id!r}"
        ) from None


def address_expiries(connection: Connection) -> list[Expiry]:
    """Return until when the client certificate and the authorities of a PostgreSQL address are good."""
    from lienthong.signing.signers import read_certificates

    query = address(connection).query
    own, authorities = (str(query.get(name, "")) for name in ("sslcert", "sslrootcert"))
    until = read_certificates(Path(own))[0].not_valid_after_utc if own else None
    return certificate_expiries(until, "" if authorities == "system" else authorities)


def make_engine(connection: Connection, *, access: str = "rw") -> Engine:
    """Return an engine; ``access`` is SQLite's open mode (ro, rw, or rwc to create the file)."""
    url = address(connection)
    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        options["creator"] = _sqlite_creator(connection, url, access)
    elif url.drivername == _PSYCOPG:
        options["connect_args"] = {
            "connect_timeout": seconds(connection, "connect_timeout", 10),
            "application_name": "lienthong",
            "prepare_threshold": None,
            # a firewall that forgets the connection must not hold a worker for hours
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": seconds(connection, "timeout", 120) * 1000,
        }
    try:
        return sa.create_engine(url, **options)
    except (sa.exc.ArgumentError, ImportError):
        raise Misconfigured(
            f"there is no driver for {url.drivername!r}",
            where=f"connection {connection.id!r}",
            hint="install the dialect's SQLAlchemy driver",
        ) from None


def _sqlite_creator(connection: Connection, url: URL, access: str) -> Callable[[], sqlite3.Connection]:
    if not url.database or url.database == ":memory:":
        raise Misconfigured(
            "a SQLite endpoint needs a file",
            where=f"connection {connection.id!r}",
            hint="sqlite:////data/name.db",
        )
    place = f"file:{quote(url.database)}?mode={access}"
    timeout = seconds(connection, "timeout", 120)

    def create() -> sqlite3.Connection:
        driver = sqlite3.connect(place, uri=True, timeout=timeout, isolation_level=None)
        driver.execute("PRAGMA foreign_keys = ON")
        return driver

    return create
