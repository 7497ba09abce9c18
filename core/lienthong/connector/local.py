"""Connections outside a task: Airflow's environment variables and connections file.

Read in Airflow's own order: the file of the local filesystem backend first (where one is named),
then ``AIRFLOW_CONN_<ID>`` variables, as URI or JSON. The file is JSON, YAML or ``.env``, each in
the form that Airflow documents for ``LocalFilesystemBackend``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lienthong.connector.connection import Connection
from lienthong.errors import Misconfigured, UnknownName
from lienthong.faults import file_faults

_BACKEND_KWARGS = ("AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS", "AIRFLOW__SECRETS__BACKEND_KWARGS")


def local_connections(
    file: Path | None = None, environ: Mapping[str, str] | None = None
) -> Callable[[str], Connection]:
    """Return a resolver of connection ids; it raises `UnknownName` for an id that is nowhere."""
    env = os.environ if environ is None else environ
    path = file or _configured_file(env)
    known = _read_file(path) if path else {}

    def resolve(connection_id: str) -> Connection:
        variable = f"AIRFLOW_CONN_{connection_id.upper()}"
        value = known.get(connection_id, env.get(variable))
        if value is None:
            raise UnknownName(
                f"there is no connection {connection_id!r}",
                where=str(path) if path else "environment",
                hint=f"set {variable}, or name a connections file with --connections",
            )
        return connection_from(connection_id, value)

    return resolve


def connection_from(connection_id: str, value: Any) -> Connection:
    """Return a connection from what Airflow stores: a URI, a JSON text or a JSON object."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _json(value, f"connection {connection_id!r}")
    if isinstance(value, str):
        return _from_uri(connection_id, value)
    if not isinstance(value, dict):
        raise Misconfigured("neither a URI nor an object", where=f"connection {connection_id!r}")
    extra = value.get("extra") or value.get("extra_dejson") or {}
    if isinstance(extra, str):
        extra = _json(extra, f"connection {connection_id!r}, extra")
    if not isinstance(extra, dict):
        raise Misconfigured("extra is no JSON object", where=f"connection {connection_id!r}")
    return Connection(
        connection_id,
        str(value.get("conn_type") or ""),
        host=value.get("host") or "",
        port=_port(value.get("port"), connection_id),
        schema=value.get("schema") or "",
        login=value.get("login") or "",
        password=value.get("password") or "",
        extra=extra,
    )


def _port(value: Any, connection_id: str) -> int | None:
    try:
        return int(value) if value else None
    except (TypeError, ValueError):
        raise Misconfigured("the port is no number", where=f"connection {connection_id!r}") from None


def _from_uri(connection_id: str, uri: str) -> Connection:
    """Read Airflow's URI form; a protocol of the host's own stands between type and login."""
    kind, _, rest = uri.partition("://")
    protocol = ""
    if "://" in rest.partition("?")[0]:
        protocol, _, rest = rest.partition("://")
    try:
        parts = urlsplit(f"x://{rest}")
    except ValueError:
        raise Misconfigured("the URI cannot be read", where=f"connection {connection_id!r}") from None
    try:
        port = parts.port
    except ValueError:
        raise Misconfigured("the URI's port is no number", where=f"connection {connection_id!r}") from None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    packed = query.pop("__extra__", None)
    place = f"connection {connection_id!r}, __extra__"
    host = unquote(parts.netloc.rpartition("@")[2].removesuffix(f":{port}"))
    return Connection(
        connection_id,
        kind.replace("-", "_"),
        host=f"{protocol}://{host}" if protocol else host,
        port=port,
        schema=unquote(parts.path.lstrip("/")),
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        extra={**query, **(_json(packed, place) if packed else {})},
    )


def _configured_file(env: Mapping[str, str]) -> Path | None:
    for name in _BACKEND_KWARGS:
        if env.get(name):
            found = _json(env[name], name).get("connections_file_path")
            if found:
                return Path(found)
    return None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with file_faults("the connections file cannot be read", path):
            text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Misconfigured("the connections file is not text in UTF-8", where=str(path)) from None
    if path.suffix in (".yaml", ".yml"):
        loaded = _yaml(text, str(path))
    elif path.suffix == ".env":
        pairs = (line.partition("=") for line in text.splitlines() if line.strip() and line[0] != "#")
        loaded = {name.strip(): value.strip() for name, _, value in pairs}
    else:
        loaded = _json(text, str(path))
    if not isinstance(loaded, dict):
        raise Misconfigured("the connections file holds no object of connections", where=str(path))
    return loaded


def _yaml(text: str, where: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(
            error, "problem_mark", None
        )  # the error's own text quotes the line, which may be secret
        place = f"{where}, line {mark.line + 1}" if mark else where
        raise Misconfigured("the connections file is not YAML", where=place) from None


def _json(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Misconfigured(f"not JSON: {error}", where=where) from None
    except RecursionError:
        raise Misconfigured("not JSON that is meant: nested too deep", where=where) from None
    if not isinstance(value, dict):
        raise Misconfigured("not a JSON object", where=where)
    return value
