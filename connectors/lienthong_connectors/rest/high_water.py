"""Asking a REST service for the largest value of the cursor's field, before its list is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lienthong.connector import ReadRequest, option
from lienthong_connectors.rest.settings_common import require

if TYPE_CHECKING:
    from lienthong_connectors.rest.fetch import Fetcher


@dataclass(frozen=True, slots=True, kw_only=True)
class HighWater:
    """A request that tells the largest value of the cursor's field: a number, or the newest record.

    Without a ``path`` it is the list's own request without paging, with further ``params``: the list sorted
    so that the largest comes first, say, of which ``value`` is ``data.0.version``. The answer's format,
    envelope and headers are those of the list (of NDJSON: JSON).
    """

    value: str = option(doc="dotted path of the value in the answer; empty: the answer is the value")
    path: str = option("", doc="path under the connection's host; empty: the list's own")
    params: Mapping[str, str] = option(factory=dict, doc="its parameters, such as those for newest first")
    method: Literal["GET", "POST"] = option("GET", doc="HTTP method, where it has a path of its own")
    body: Mapping[str, Any] | None = option(None, doc="its JSON body, where it has a path of its own")

    def __post_init__(self) -> None:
        require("?" not in self.path and "#" not in self.path, "high_water.path", "parameters in params")
        require("://" not in self.path, "high_water.path", "a path under the connection's host")
        require(self.method in {"GET", "POST"}, "high_water.method", "GET or POST")
        require(self.body is None or self.method == "POST", "high_water.body", "no body with GET")
        own = bool(self.path) or (self.method == "GET" and self.body is None)
        require(own, "high_water.path", "a path of its own, or neither method nor body")


def ask_highest(fetcher: Fetcher, settings: HighWater, request: ReadRequest) -> str | int | float | None:
    """Return the largest value, None where the service has no record yet; raises as a page does."""
    from lienthong_connectors.highest import highest

    answer, where = fetcher.single(settings)
    return highest(answer, settings.value, request, where=where, xml=fetcher.xml)
