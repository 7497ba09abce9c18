"""Mappings: versioned, declarative rules from one dataset to another.

::

    mapping = catalogue.mapping("onestop-to-portal.dossier/1")
    made, refused = mapping.apply_many(records)
"""

from __future__ import annotations

from lienthong.mapping.compiled import CompiledMapping, Mapping

__all__ = ["CompiledMapping", "Mapping"]
