"""The cursor of the last run, written as a service wants to be asked."""

from __future__ import annotations

from datetime import date, datetime

from lienthong.connector import ReadRequest
from lienthong_connectors.rest.moments import VIETNAM, Zone, floor, moment_of, step_of, written


def since_text(cursor: str, form: str, zone: Zone = "Asia/Ho_Chi_Minh") -> str | int:
    """Return a cursor in a form: as it is (empty), ``epoch-ms``, ``epoch-s`` or a strftime format.

    strftime formats write the zone's time. Raises `Misconfigured` where the cursor is no moment.
    """
    return written(moment_of(cursor, where="since_format"), form, zone) if form else cursor


def beginning(request: ReadRequest, form: str, zone: Zone) -> str | int:
    """Return where a read begins, in a form; one that the form cannot say is said a step earlier.

    So a service that gives what lies behind a second, or behind a day, gives the rest of it, too.
    """
    if not form:
        return request.since or ""
    moment = moment_at(request)
    if moment is None:
        return since_text(request.since or "", form, zone)
    step = step_of(form)
    return written(moment if floor(moment, step, zone) == moment else moment - step, form, zone)


def moment_at(request: ReadRequest) -> datetime | None:
    """Return the moment at which a read begins as the dataset's field says it, None where it says none."""
    value = request.value
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=VIETNAM)
    return None
