"""The connector SPI: what a source, target or look-up implements and what it receives."""

from lienthong.attachment import Attachment
from lienthong.connector.connection import Connection
from lienthong.connector.descriptor import ConnectionField, ConnectorDescriptor, Option, option
from lienthong.connector.expiry import EXPIRES, Expiry, account_expiry, expiries_of
from lienthong.connector.hours import SERVICE_FIELDS
from lienthong.connector.messages import (
    Answer,
    Batch,
    End,
    Malformed,
    Order,
    Page,
    ReadRequest,
    Receipt,
    Stand,
)
from lienthong.connector.place import PLACE, Placed
from lienthong.connector.protocols import (
    AttachmentStore,
    Context,
    Finding,
    LookupSettings,
    Question,
    RecordLookup,
    RecordSource,
    RecordTarget,
    SourceCapabilities,
    SourceSettings,
    TargetCapabilities,
    TargetSettings,
    Unsure,
)
from lienthong.connector.registry import connector, connector_kinds
from lienthong.connector.spoken import Spoken
from lienthong.connector.statuses import (
    NOT_TAKEN,
    STATUS_503,
    declares_not_taken,
    in_doubt,
    not_taken,
    status_error,
)

__all__ = [
    "EXPIRES",
    "NOT_TAKEN",
    "PLACE",
    "SERVICE_FIELDS",
    "STATUS_503",
    "Answer",
    "Attachment",
    "AttachmentStore",
    "Batch",
    "Connection",
    "ConnectionField",
    "ConnectorDescriptor",
    "Context",
    "End",
    "Expiry",
    "Finding",
    "LookupSettings",
    "Malformed",
    "Option",
    "Order",
    "Page",
    "Placed",
    "Question",
    "ReadRequest",
    "Receipt",
    "RecordLookup",
    "RecordSource",
    "RecordTarget",
    "SourceCapabilities",
    "SourceSettings",
    "Spoken",
    "Stand",
    "TargetCapabilities",
    "TargetSettings",
    "Unsure",
    "account_expiry",
    "connector",
    "connector_kinds",
    "declares_not_taken",
    "expiries_of",
    "in_doubt",
    "not_taken",
    "option",
    "status_error",
]
