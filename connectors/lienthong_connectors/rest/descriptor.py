"""What the REST connector is, for the connection form, the documentation and the CLI."""

from __future__ import annotations

from typing import Any

from lienthong.connector import ConnectorDescriptor
from lienthong.exchange import Text
from lienthong_connectors.codes import PACKAGE
from lienthong_connectors.http.fields import HTTP_FIELDS
from lienthong_connectors.rest.settings_lookup import RestLookup
from lienthong_connectors.rest.settings_source import RestSource
from lienthong_connectors.rest.settings_target import RestTarget


def _add_commands(commands: Any) -> None:
    """Add the commands of everything that has to do with REST."""
    from lienthong_connectors.openapi.commands import add_commands as openapi
    from lienthong_connectors.starting.commands import add_commands as sample
    from lienthong_connectors.xroad.commands import add_commands as xroad

    for add in (xroad, openapi, sample):
        add(commands)


DESCRIPTOR = ConnectorDescriptor(
    kind="rest",
    title=Text("Dịch vụ REST", "REST service"),
    summary=Text(
        "Đọc danh sách JSON theo trang, gửi bản ghi và tra cứu từng bản ghi tại dịch vụ REST của cơ quan",
        "Reads JSON lists page by page from an agency's REST service, delivers records to it, looks them up",
    ),
    connection_type="lienthong_rest",
    connection=HTTP_FIELDS,
    settings={"source": RestSource, "target": RestTarget, "lookup": RestLookup},
    commands=_add_commands,
    codes=PACKAGE,
)
