"""SOAP services as sources, targets and look-ups (kind ``soap``, connection type ``lienthong_soap``).

Importing this package loads neither zeep nor lxml nor requests: DAG files stay cheap to parse.
"""

from lienthong_connectors.soap.descriptor import DESCRIPTOR
from lienthong_connectors.soap.settings import (
    FaultTable,
    Paging,
    ResultCodes,
    SoapLookup,
    SoapSource,
    SoapTarget,
    StatusQuery,
    WsSecurity,
)

__all__ = [
    "DESCRIPTOR",
    "FaultTable",
    "Paging",
    "ResultCodes",
    "SoapLookup",
    "SoapSource",
    "SoapTarget",
    "StatusQuery",
    "WsSecurity",
]
