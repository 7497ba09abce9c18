"""SQL databases as sources and targets (kind ``sql``, connection type ``lienthong_sql``)."""

from lienthong_connectors.sql.descriptor import DESCRIPTOR
from lienthong_connectors.sql.settings import SqlSource, SqlTarget

__all__ = ["DESCRIPTOR", "SqlSource", "SqlTarget"]
