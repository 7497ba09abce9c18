"""The cursor of the last run, written as a service wants to be asked."""

from __future__ import annotations

from lienthong_connectors.rest.moments import moment_of, written


def since_text(cursor: str, form: str) -> str | int:
    """Return a cursor in a form: as it is (empty), ``epoch-ms``, ``epoch-s`` or a strftime format.

    strftime formats write Vietnam's time. Raises `Misconfigured` where the cursor is no moment.
    """
    return written(moment_of(cursor, where="since_format"), form) if form else cursor
