"""A simulated province: agency systems that speak the real protocols on loopback.

Everything here is for development, tests and demonstrations. No person in it exists. The import
is light; the servers are loaded when :class:`Province` is first touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lienthong_sandbox.province import Province

__all__ = ["Province"]


def __getattr__(name: str) -> object:
    """Load :class:`Province` on first use, so that importing the package stays cheap."""
    if name == "Province":
        from lienthong_sandbox.province import Province

        return Province
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
