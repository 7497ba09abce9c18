"""Two connections to one place: what a connector can tell of it, and what a person can say."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from lienthong.connector.connection import Connection
from lienthong.connector.descriptor import ConnectionField
from lienthong.exchange import Text

PLACE: Final = ConnectionField(
    "place",
    Text("Cùng nơi với", "Same place as"),
    "target: the connection's former name, or a name that all connections to this very place share; "
    "records are compared with what came by any of them",
)
"""The field of a connection form that says that several connections lead to one place."""


@runtime_checkable
class Placed(Protocol):
    """Target settings that can tell, by a connection alone, which place they mean. Optional."""

    def place_at(self, connection: Connection) -> str:
        """Return a text that is the same for all connections to one place, and for those only.

        It holds no credential, and nothing of the connection's name. "" where it cannot be told for certain:
        two places that were taken for one would miss records. Raises `Misconfigured` for a connection without
        an address.
        """
        ...
