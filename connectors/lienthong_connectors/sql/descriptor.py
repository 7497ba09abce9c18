"""The connector's descriptor: its connection form and settings."""

from __future__ import annotations

from lienthong.connector import EXPIRES, PLACE, SERVICE_FIELDS, ConnectionField, ConnectorDescriptor
from lienthong.exchange import Text
from lienthong_connectors.sql.settings import SqlSource, SqlTarget

_CONNECTION = (
    ConnectionField(
        "url",
        Text("Địa chỉ SQLAlchemy", "SQLAlchemy URL"),
        "such as postgresql://db.example/onestop or sqlite:////data/onestop.db; never with a password",
    ),
    ConnectionField(
        "dialect",
        Text("Hệ quản trị", "Dialect"),
        "used with host, port and schema where no URL is given",
        default="postgresql",
    ),
    ConnectionField("host", Text("Máy chủ", "Host"), "host name, or the file of a SQLite database"),
    ConnectionField("port", Text("Cổng", "Port"), "port, the dialect's own if empty", type="integer"),
    ConnectionField("schema", Text("Cơ sở dữ liệu", "Database"), "name of the database"),
    ConnectionField("login", Text("Tài khoản", "Login"), "database user"),
    ConnectionField("password", Text("Mật khẩu", "Password"), "the user's password", secret=True),
    EXPIRES,
    PLACE,
    *SERVICE_FIELDS,
    ConnectionField(
        "connect_timeout",
        Text("Thời hạn kết nối (giây)", "Connect timeout (s)"),
        "give up connecting after so many seconds",
        type="integer",
        default=10,
    ),
    ConnectionField(
        "timeout",
        Text("Thời hạn câu lệnh (giây)", "Statement timeout (s)"),
        "give up a statement after so many seconds",
        type="integer",
        default=120,
    ),
)

DESCRIPTOR = ConnectorDescriptor(
    kind="sql",
    title=Text("Cơ sở dữ liệu SQL", "SQL database"),
    summary=Text(
        "Đọc và ghi bảng của PostgreSQL, SQLite và các cơ sở dữ liệu khác qua SQLAlchemy",
        "Reads and writes tables of PostgreSQL, SQLite and, through SQLAlchemy, other databases",
    ),
    connection_type="lienthong_sql",
    connection=_CONNECTION,
    settings={"source": SqlSource, "target": SqlTarget},
)
