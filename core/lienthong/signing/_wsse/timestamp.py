"""The Timestamp of a security header (WS-Security 1.1, section 10)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from lxml import etree

from lienthong.signing._wsse.names import WSU, refuse
from lienthong.signing._wsse.structure import Element

_DATE_TIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})", re.ASCII
)


def write(parent: Element, created: datetime, expires: datetime) -> Element:
    """Append a Timestamp with Created and Expires in UTC, to the millisecond."""
    timestamp = etree.SubElement(parent, f"{{{WSU}}}Timestamp")
    for local, moment in (("Created", created), ("Expires", expires)):
        child = etree.SubElement(timestamp, f"{{{WSU}}}{local}")
        child.text = text(moment)
    return timestamp


def text(moment: datetime) -> str:
    """Return an aware time as ``2026-01-31T12:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(timestamp: Element) -> tuple[datetime, datetime | None]:
    """Return Created and Expires; refuse with ``reason`` ``timestamp`` what is not a timestamp."""
    moments = {}
    for local in ("Created", "Expires"):
        found = list(timestamp.iterchildren(f"{{{WSU}}}{local}"))
        if len(found) > 1 or any(len(one) for one in found):
            refuse(f"the timestamp has several {local} or more than text in it", "timestamp")
        if found:
            moments[local] = moment(found[0].text or "")
    if "Created" not in moments:
        refuse("the timestamp does not say when it was created", "timestamp")
    return moments["Created"], moments.get("Expires")


def check(
    created: datetime, expires: datetime | None, *, now: datetime, max_age: float | None, skew: float
) -> None:
    """Refuse with ``reason`` ``future``, ``stale`` or ``expired-timestamp``; times in seconds."""
    tolerance = timedelta(seconds=skew)
    if created > now + tolerance:
        refuse("the message was created in the future", "future")
    if max_age is not None and created < now - timedelta(seconds=max_age) - tolerance:
        refuse("the message is too old", "stale")
    if expires is not None and expires <= now - tolerance:
        refuse("the message has expired", "expired-timestamp")
    if expires is not None and expires < created:
        refuse("the timestamp expires before it was created", "timestamp")


def moment(value: str) -> datetime:
    """Return an xsd:dateTime with a zone as a time; refuse others with ``reason`` ``timestamp``."""
    found = _DATE_TIME.fullmatch(value.strip())
    if found is None:
        refuse("a time of the timestamp is not an xsd:dateTime with a zone", "timestamp")
    whole, fraction, zone = found.groups()
    digits = (fraction or "0").ljust(6, "0")[:6]
    try:
        return datetime.fromisoformat(f"{whole}.{digits}{zone.replace('Z', '+00:00')}").astimezone(UTC)
    except (ValueError, OverflowError):
        refuse("a time of the timestamp does not exist", "timestamp")
