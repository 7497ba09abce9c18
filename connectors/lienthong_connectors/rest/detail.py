"""A list that names its items only: each is asked for by its link or its id, as settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lienthong.connector import option
from lienthong.paths import names
from lienthong_connectors.rest.paths import placeholders
from lienthong_connectors.rest.settings_common import require

if TYPE_CHECKING:
    from lienthong_connectors.rest.envelope import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Each listed item is asked for, and what comes is the record.

    By a ``path`` with the item's members in braces (``hoso/{record.MaHoSo}``), or by the ``link`` that it
    holds, within the connection's own host. An item that is listed and not there any more is set aside with
    the reason ``page.vanished``. Requests keep to the connection's rates.
    """

    path: str = option("", doc="path under the connection's host, such as hoso/{record.MaHoSo}")
    link: str = option("", doc="in place of path: path of the link in the listed item")
    params: Mapping[str, str] = option(factory=dict, doc="query parameters of each request")
    record: str = option("", doc="path of the record in the answer; empty: the answer is the record")
    keep: tuple[str, ...] = option((), doc="members of the listed item that the record gets, too")
    envelope: Envelope | None = option(None, doc="success and failure inside the answer")
    absent_statuses: tuple[int, ...] = option((404, 410), doc="HTTP statuses that mean: it has vanished")
    parallel: int = option(4, doc="requests at the same time")

    def __post_init__(self) -> None:
        require(bool(self.path) != bool(self.link), "detail.path", "exactly one of path and link")
        used = placeholders(self.path)
        require(not self.path or used == {"record"}, "detail.path", "{record.<path>} of the listed item")
        require(
            "?" not in self.path and "://" not in self.path, "detail.path", "a path; parameters in params"
        )
        require(1 <= self.parallel <= 16, "detail.parallel", "1 to 16 requests")
        for path in (self.link, self.record, *self.keep):
            names(path)
