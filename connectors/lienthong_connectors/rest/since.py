"""The cursor of the last run, written as a service wants to be asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import orjson

from lienthong.connector import ReadRequest
from lienthong.errors import InvalidExchange
from lienthong_connectors.forms import form_fault
from lienthong_connectors.rest.moments import VIETNAM, Zone, floor, moment_of, step_of, written

if TYPE_CHECKING:
    from lienthong_connectors.rest.settings_source import RestSource

_SINCE: Final = re.compile(r"\{since(?:\|(?P<form>[^{}|]+)(?:\|(?P<zone>UTC|Asia/Ho_Chi_Minh))?)?\}")
_BEHIND: Final = re.compile(r"[^\s'\"`,;)\]}]*")
_EPOCHS: Final = ("epoch-ms", "epoch-s")


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


def asked_since(settings: RestSource, request: ReadRequest) -> dict[str, Any]:
    """Return the parameters that ask for what changed since the cursor, none where there is no cursor."""
    if request.since is None:
        return {}
    if settings.since_param is not None:
        return {settings.since_param: beginning(request, settings.since_format, settings.since_zone)}
    return {name: _filled(template, settings, request) for name, template in (settings.since or {}).items()}


def check_since(templates: Mapping[str, Any], form: str, zone: Zone) -> None:
    """Raise `InvalidExchange` for templates that name no cursor, or that would lose its zone."""
    texts = [text for template in templates.values() for text in _texts(template)]
    if templates and not any(_SINCE.search(text) for text in texts):
        raise InvalidExchange(
            "field 'since' holds no {since}",
            where="rest settings",
            hint='such as since={"$filter": "updated_at gt {since}"}',
        )
    for text in texts:
        for match in _SINCE.finditer(text):
            own, its = match["form"] or form, match["zone"] or zone
            behind = _BEHIND.match(text, match.end())
            tail = behind.group() if behind else ""
            fault = _fault(own, its, tail)
            if fault:
                raise InvalidExchange(
                    f"field 'since' is malformed: {match.group() + tail!r} holds {fault}",
                    where="rest settings",
                    hint="write %z, or name the zone that is written: {since|%Y-%m-%dT%H:%M:%SZ|UTC}",
                )


def _fault(form: str, zone: str, tail: str) -> str:
    if form in _EPOCHS:
        return ""
    if not form:  # the cursor as it is: whatever zone is said behind it was not its own
        return form_fault(tail, "Asia/Ho_Chi_Minh") or form_fault(tail, "UTC")
    return form_fault(form + tail.replace("%", "%%"), zone)


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, Mapping):
        for item in template.values():
            yield from _texts(item)
    elif isinstance(template, (list, tuple)):
        for item in template:
            yield from _texts(item)


def _filled(template: Any, settings: RestSource, request: ReadRequest) -> Any:
    """Return a template with the cursor in it; one that is nothing else keeps the cursor's type."""
    if isinstance(template, Mapping):
        return {name: _filled(item, settings, request) for name, item in template.items()}
    if isinstance(template, (list, tuple)):
        return [_filled(item, settings, request) for item in template]
    if not isinstance(template, str):
        return template
    if (only := _SINCE.fullmatch(template)) is not None:
        return _typed(_value(only, settings, request), request)

    def put(match: re.Match[str]) -> str:
        around = template[match.start() - 1 : match.start()], template[match.end() : match.end() + 1]
        return _quoted(str(_value(match, settings, request)), around)

    return _SINCE.sub(put, template)


def _value(match: re.Match[str], settings: RestSource, request: ReadRequest) -> str | int:
    zone: Zone = "UTC" if (match["zone"] or settings.since_zone) == "UTC" else "Asia/Ho_Chi_Minh"
    return beginning(request, match["form"] or settings.since_format, zone)


def _typed(value: str | int, request: ReadRequest) -> Any:
    """Return a number as a number, where one of JSON says it exactly."""
    number = request.value
    if request.kind != "number" or not isinstance(value, str) or isinstance(number, bool):
        return value
    if isinstance(number, int):
        return number
    if isinstance(number, Decimal):
        if number == number.to_integral_value() and number.adjusted() < 19:
            return int(number)
        return float(number) if Decimal(repr(float(number))) == number else value
    return value


def _quoted(text: str, around: tuple[str, str]) -> str:
    """Return a text so that the quotes around it in the template stay its ends."""
    if around == ("'", "'"):
        return text.replace("'", "''")
    if around == ('"', '"'):
        return orjson.dumps(text).decode()[1:-1]
    return text
