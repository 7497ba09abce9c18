"""Connection checks: each step of reaching a service, and what to do where one does not hold."""

from __future__ import annotations

from contextlib import closing

from lienthong.connector import Finding, ReadRequest
from lienthong.errors import LienThongError
from lienthong_connectors.highest import NO_RECORD
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.probe import failed, passed, probe
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.trouble import SERVICE
from lienthong_connectors.rest.check_paging import check_paging
from lienthong_connectors.rest.elements import parted
from lienthong_connectors.rest.fetch import Fetched, Fetcher
from lienthong_connectors.rest.high_water import HighWater, ask_highest
from lienthong_connectors.rest.settings_source import RestSource

_NOT_THERE = frozenset({404, 410})


def check_source(client: Client, fetcher: Fetcher, settings: RestSource) -> list[Finding]:
    """Reach the service, obtain a credential, read the first page and see where it leads."""
    findings = probe(client)
    if all(finding.ok for finding in findings if finding.check != "transport"):
        try:
            first = _first(fetcher, settings)
            records, malformed = parted([*first.elements])
            found = f"{len(records)} records, {len(malformed)} malformed in the first page"
            findings += [*passed(client), Finding("path", ok=True, detail=found, hop=SERVICE)]
            findings += check_paging(client, fetcher, settings, first)
        except LienThongError as error:
            return findings + failed(client, "path", error)
        if settings.high_water is not None:
            findings += _highest(client, fetcher, settings.high_water)
    return findings


def _highest(client: Client, fetcher: Fetcher, asked: HighWater) -> list[Finding]:
    """Ask for the largest value of the cursor; what it is stays unsaid."""
    try:
        value = ask_highest(fetcher, asked, ReadRequest())
    except LienThongError as error:
        return failed(client, "high-water", error)
    said = f"a {'text' if isinstance(value, str) else 'number'} comes"
    return [Finding("high-water", ok=True, detail=NO_RECORD if value is None else said, hop=SERVICE)]


def _first(fetcher: Fetcher, settings: RestSource) -> Fetched:
    """Return the first page, or of a streamed one its first piece."""
    state = settings.paging.first(None)
    if not settings.stream:
        return fetcher.page(state, {}, {})
    with closing(fetcher.stream(state, {}, {})) as pieces:
        return next(pieces)


def check_path(client: Client, path: str) -> list[Finding]:
    """Reach the service, obtain a credential and see whether a path takes it; nothing is sent or asked."""
    findings = probe(client)
    if all(finding.ok for finding in findings if finding.check != "transport"):
        label = "/" + path.lstrip("/")
        try:
            reply = client.touch(Call("OPTIONS", path.split("{", maxsplit=1)[0], label=label))
            findings += _path(client, reply.status, failure(reply, where=label, safe=True))
        except LienThongError as error:
            findings += failed(client, "path", error)
    return findings


def _path(client: Client, status: int, error: LienThongError | None) -> list[Finding]:
    """Judge the answer to OPTIONS: a refusal of the method is as good a sign of life as any."""
    if error is not None and (status == 403 or status >= 500):
        return failed(client, "path", error)
    if status in _NOT_THERE:
        hint = "check the path of the settings"
        said = Finding("path", ok=False, detail=f"answered {status}", hint=hint, hop=SERVICE)
    else:
        said = Finding("path", ok=True, detail=f"answers ({status} to OPTIONS)", hop=SERVICE)
    return [*passed(client), said]
