"""What the settings of sources and targets have in common."""

from __future__ import annotations

from collections.abc import Mapping

from lienthong.errors import InvalidExchange

JSON_TYPES = ("application/json", "text/json")
"""Content types taken for JSON where the settings say nothing else."""

TYPES = {
    "json": JSON_TYPES,
    "ndjson": ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"),
    "xml": ("application/xml", "text/xml"),
}
"""Content types of each body format."""

MEGABYTE = 1 << 20


def require(holds: object, name: str, wanted: str) -> None:
    """Raise `InvalidExchange`, naming the field, where something does not hold."""
    if not holds:
        raise InvalidExchange(
            f"field {name!r} is missing or malformed", where="rest settings", hint=f"give {wanted}"
        )


def check_transport(
    path: str,
    headers: Mapping[str, str],
    timeout: float,
    deadline: float,
    answer_bytes: int,
    largest: int = 1 << 30,
) -> None:
    """Check the settings that every HTTP request needs."""
    require("?" not in path and "#" not in path, "path", "query parameters in params")
    require("://" not in path, "path", "a path under the connection's host")
    secret = {"authorization", "cookie", "lgspaccesstoken", "proxy-authorization"}
    require(not secret & {name.lower() for name in headers}, "headers", "credentials in the connection")
    require(0 < timeout <= 3600, "timeout", "seconds, at most 3600")
    require(0 < deadline <= 7200, "deadline", "seconds, at most 7200")
    require(1024 <= answer_bytes <= largest, "max_answer_bytes", f"1024 to {largest}")
