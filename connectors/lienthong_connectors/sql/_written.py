"""SQL that an author wrote, sent as it stands."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import TextClause


class Written(TextClause):
    """A piece of SQL in which a colon is a colon: nothing in it is a parameter, whatever it looks like."""

    inherit_cache = False

    def __init__(self, statement: str) -> None:
        super().__init__("")
        self.written = statement


@compiles(Written)
def _as_it_stands(element: Written, compiler: Any, **_: Any) -> str:
    """Return the statement; a driver's own sign for parameters (a per cent sign) is doubled."""
    return str(compiler.post_process_text(element.written))
