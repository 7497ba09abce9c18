"""What the settings of sources and targets have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from lienthong.errors import InvalidExchange
from lienthong.paths import steps

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


_PATHS = frozenset(
    {
        "answer",
        "code_path",
        "found",
        "message_path",
        "record_key",
        "reference",
        "state_path",
        "value",
        "version",
    }
)


def check_paths(settings: Any, name: str = "") -> None:
    """Raise `InvalidExchange`, naming the field, for a path into answers or records that is none.

    Settings inside settings are looked at, too; those of paging know forms of their own.
    """
    for item in fields(settings):
        value, place = getattr(settings, item.name), f"{name}{item.name}"
        if is_dataclass(value) and item.name != "paging":
            check_paths(value, f"{place}.")
        elif item.name in _PATHS and isinstance(value, str):
            try:
                steps(value)
            except InvalidExchange as error:
                raise InvalidExchange(
                    f"field {place!r} is malformed: {error.message}", where="rest settings", hint=error.hint
                ) from None


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
