"""Connections of the sandbox that reach a service through one of its gateways."""

from __future__ import annotations

from typing import Any

from lienthong.connector import Connection
from lienthong.connector.local import connection_from
from lienthong_sandbox import Province
from lienthong_sandbox.uplinks import way

SERVICES = {"national_catalogue": "dmdc", "population": "dancu"}
UPLINKS = ("direct", "ndxp", "vxp", "xroad", "ndop")


def reached(province: Province, name: str, uplink: str, **changes: Any) -> Connection:
    """Return a connection of the sandbox by another way; ``changes`` are extras (None takes one away).

    The catalogue is asked for a token only on the straight way: behind a gateway it trusts that.
    """
    found = province.connections()[name]
    kept = {k: v for k, v in found["extra"].items() if not k.startswith(("uplink", "xroad"))}
    if name == "national_catalogue" and uplink != "direct":
        kept["auth"] = "none"
    extra = kept | way(uplink, SERVICES[name], province.url, province.secrets)
    login = changes.pop("login", found["login"])
    password = changes.pop("password", found["password"])
    host = changes.pop("host", found["host"])
    extra = {k: v for k, v in (extra | changes).items() if v is not None}
    return connection_from(name, found | {"extra": extra, "login": login, "password": password, "host": host})
