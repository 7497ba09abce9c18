"""A new connector package, written from templates: `lienthong connector new`."""

from lienthong.scaffold.connector_package import Written, write_connector

__all__ = ["Written", "write_connector"]
