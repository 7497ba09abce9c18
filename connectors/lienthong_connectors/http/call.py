"""A request in the words of a connector: what clients send and routes turn into a hop's request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lienthong_connectors.http.transport import Streamed


@dataclass(frozen=True, slots=True)
class Call:
    """One request in the words of a connector.

    ``path`` is under the connection's host, or an absolute URL of the same origin; ``label`` is
    what messages and logs call it. ``safe``: repeating it has no effect. ``answer_bytes``: bound of
    the answer, 0 for the client's own. ``elsewhere``: the URL may be of a host that the connection lists in
    ``redirects``; that one gets no credentials.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Streamed | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    safe: bool = True
    correlation: str = ""
    answer_bytes: int = 0
    elsewhere: bool = False
