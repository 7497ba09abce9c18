"""SOAP services as sources, targets and look-ups (kind ``soap``, connection type ``lienthong_soap``).

Importing this package loads neither zeep nor lxml nor requests: DAG files stay cheap to parse.
"""

from lienthong_connectors.soap.attachment_settings import Attachments
from lienthong_connectors.soap.descriptor import DESCRIPTOR
from lienthong_connectors.soap.policies import Addressing, AnswerPolicy, WsSecurity
from lienthong_connectors.soap.settings import (
    FaultTable,
    HighWater,
    Paging,
    ResultCodes,
    SoapLookup,
    SoapSource,
    SoapTarget,
    StatusQuery,
)

__all__ = [
    "DESCRIPTOR",
    "Addressing",
    "AnswerPolicy",
    "Attachments",
    "FaultTable",
    "HighWater",
    "Paging",
    "ResultCodes",
    "SoapLookup",
    "SoapSource",
    "SoapTarget",
    "StatusQuery",
    "WsSecurity",
]
