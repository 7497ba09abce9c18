"""Asking a REST service how many records its list has, before it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lienthong.connector import option
from lienthong.errors import ProtocolViolation
from lienthong_connectors.ends import number_of
from lienthong_connectors.rest.settings_common import require

if TYPE_CHECKING:
    from lienthong_connectors.rest.fetch import Fetcher
    from lienthong_connectors.rest.paging import Params


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A request that tells how many records a list has, such as ``Items/$count`` of OData.

    The list's since parameter goes along. Without a ``path`` it is the list's own request without paging,
    with further ``params``. The answer is JSON, or a number as plain text.
    """

    path: str = option("", doc="path under the connection's host; empty: the list's own")
    value: str = option("", doc="dotted path of the number in the answer; empty: the answer is the number")
    params: Mapping[str, str] = option(factory=dict, doc="its parameters, such as those that ask for no rows")

    def __post_init__(self) -> None:
        require("?" not in self.path and "#" not in self.path, "count.path", "parameters in params")
        require("://" not in self.path, "count.path", "a path under the connection's host")
        require(self.path or self.params or self.value, "count.path", "a path, or what to ask the list's own")


def ask_count(fetcher: Fetcher, asked: Count, since: Params) -> int:
    """Return the number; raise `ProtocolViolation` where the answer has none."""
    answer, where = fetcher.counted(asked, since)
    number = number_of(answer)
    if number is None:
        raise ProtocolViolation(
            "the number of records is not told", where=where, hint="check count of the settings"
        )
    return number
