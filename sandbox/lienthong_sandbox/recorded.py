"""What of a recording's connections is believed: whoever made the file may be anybody.

A connection's name becomes no path, and of its fields only those are taken that say how the replay is spoken
to. Fields that lead elsewhere (a proxy, another host), name files (keys, certificates) or hold secrets are
left out, whatever the recording says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from lienthong.errors import Misconfigured
from lienthong.recording.recorder import ORIGIN

KINDS: Final = frozenset({"lienthong_rest", "lienthong_soap"})
"""Connection types that are recorded: those that speak HTTP."""
FIELDS: Final = frozenset({
    "auth", "api_key_header", "token_url", "token_credentials", "scope", "audience", "resource",
    "app_name", "partner_code", "partner_code_cus", "lgsp_header", "token_header", "sv_url",
    "timestamp_unit", "dstcode", "madonvi", "soap_version", "wsdl", "officer", "uplink", "uplink_host",
    "uplink_service", "uplink_prefix", "uplink_target_header", "uplink_correlation_header",
    "uplink_auth", "uplink_token_url", "uplink_scope", "uplink_key_header", "uplink_token_header",
    "xroad_client", "xroad_provider", "xroad_service", "xroad_service_version", "xroad_protocol",
    "xroad_issue", "xroad_represented_party", "xroad_security_server", "xroad_rest_hash",
})  # fmt: skip
"""Extra fields that a replay takes from a recording."""

_ADDRESSES: Final = frozenset({"token_url", "uplink_host", "uplink_token_url"})
_OURS: Final = "package:lienthong_schemas/"
_SAFE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_LONGEST: Final = 250
_VALUE: Final = 2000


def name_of(about: Mapping[str, Any]) -> str:
    """Return a connection's name; raise `ValueError` where none can be, or of a kind that is not recorded."""
    name, kind = about["id"], about["conn_type"]
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _LONGEST:
        raise ValueError("id")
    if kind not in KINDS or not isinstance(about["extra"], dict) or not _is_path(about["path"]):
        raise ValueError("conn_type, extra or path")
    return name


def check_message(said: Mapping[str, Any]) -> None:
    """Raise `ValueError` for a message whose parts have other types than a recorder writes."""
    types = {"method": str, "path": str, "query": str, "body": dict, "status": int, "answer": dict}
    wrong = [name for name, kind in types.items() if type(said[name]) is not kind]
    headers = said["received"]
    if wrong or not 100 <= said["status"] <= 599 or not isinstance(headers, dict):
        raise ValueError(str(wrong))
    if not all(isinstance(one, str) and one.isprintable() for pair in headers.items() for one in pair):
        raise ValueError("received")
    if [one for one in (said["answer"], said["body"]) if type(one.get("text", "")) is not str]:
        raise ValueError("text")


def folder_of(name: str) -> str:
    """Return what stands for a connection in files and addresses: its name, or a hash of an odd one."""
    return name if _SAFE.fullmatch(name) else f"c-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def fields_of(about: Mapping[str, Any], origin: str) -> tuple[dict[str, Any], list[str]]:
    """Return the extra fields that are taken, and the names of those that are not, sorted."""
    taken: dict[str, Any] = {}
    left: list[str] = []
    for name, value in about["extra"].items():
        if name in FIELDS and _is_harmless(name, value):
            taken[name] = value.replace(ORIGIN, origin) if isinstance(value, str) else value
        else:
            left.append(str(name)[:60])
    return taken, sorted(left)


def path_of(about: Mapping[str, Any]) -> str:
    """Return the path of a connection's address."""
    return str(about["path"])


def _is_path(path: Any) -> bool:
    return isinstance(path, str) and re.fullmatch(r"(?:/[^\s?#@\\]*)?", path) is not None


def _is_harmless(name: str, value: Any) -> bool:
    """Tell whether a value leads nowhere but to the replay."""
    if isinstance(value, (bool, int)):
        return True
    if not isinstance(value, str) or len(value) > _VALUE or not value.isprintable():
        return False
    if name == "wsdl":
        return value.startswith((f"{ORIGIN}/", _OURS)) and ".." not in value
    if name in _ADDRESSES:
        return value == ORIGIN or value.startswith((f"{ORIGIN}/", f"{ORIGIN}?")) or _is_path(value)
    return "://" not in value


def refuse_twins(names: list[str]) -> None:
    """Raise `Misconfigured` where two connections would share a file and an address."""
    folders = [folder_of(name) for name in names]
    if len({one.lower() for one in folders}) < len(folders):
        raise Misconfigured("two connections of the recording have one name", hint="record it anew")
