"""A connection check of paging: page two is read, and compared with the totals and links that are seen."""

from __future__ import annotations

from typing import Any

from lienthong.connector import Finding
from lienthong.errors import LienThongError, ProtocolViolation
from lienthong_connectors.ends import is_round, seen_text
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.probe import failed
from lienthong_connectors.http.trouble import SERVICE
from lienthong_connectors.rest.ending import Ended, never_there, signs_of_more, totals_seen
from lienthong_connectors.rest.fetch import Fetched, Fetcher
from lienthong_connectors.rest.paging import NoPaging, Seen, State
from lienthong_connectors.rest.settings_source import RestSource


def check_paging(client: Client, fetcher: Fetcher, settings: RestSource, first: Fetched) -> list[Finding]:
    """Return whether paging leads from the first page to another one, or why it ends there."""
    page, state = first.seen, settings.paging.first(None)
    if page is None:  # the first piece of a streamed answer
        return []
    try:
        following = settings.paging.following(state, page, page.size)
        if following is None:
            return [_alone(settings, state, page, first.total, client.where)]
        return [_second(settings, page, first, fetcher.page(following, {}, {}))]
    except LienThongError as error:
        return failed(client, "paging", error)


def _alone(settings: RestSource, state: State, page: Seen, total: int | None, where: str) -> Finding:
    """Judge a first page that leads to no other one."""
    signs = signs_of_more(page.value, page.headers, page.size)
    if total is not None and total > page.size:
        signs = [f"total {total}", *signs]
    ended = settings.paging.ends(state, page)
    if signs:
        text = seen_text(signs)
        how = _configured(page, signs)
        return Finding("paging", ok=False, detail=text.en, hint=how, hop=SERVICE, vi=text.vi)
    if ended.missing:
        raise never_there(ended, where=where)
    return _one_page(settings, ended, page)


def _one_page(settings: RestSource, ended: Ended, page: Seen) -> Finding:
    en, vi = f"one page, {page.size} records", f"một trang, {page.size} bản ghi"
    told = any(total == page.size for _, total in totals_seen(page.value, page.headers))
    if isinstance(settings.paging, NoPaging) and is_round(page.size) and not told:
        en += ": a round number, as the size of a page is; if that is all, say so in source.end"
        vi += ": số tròn như cỡ một trang; nếu chỉ có vậy, hãy khai báo ở source.end"
    elif ended.because is not None and not told:
        en, vi = f"{en}; {ended.because.en}", f"{vi}; {ended.because.vi}"
    return Finding("paging", ok=True, detail=en, hop=SERVICE, vi=vi)


def _second(settings: RestSource, page: Seen, first: Fetched, second: Fetched) -> Finding:
    """Compare page two with the first one."""
    behind = second.seen or Seen(None, 0)
    if second.mark and second.mark == first.mark and page.size:
        raise ProtocolViolation(
            "page two is page one again",
            hint="check the paging of the settings: does the service know these parameters?",
        )
    en = f"page two has {behind.size} records behind {page.size}"
    vi = f"trang hai có {behind.size} bản ghi, sau {page.size} bản ghi của trang đầu"
    size = settings.paging.page_size
    if size and page.size < size and behind.size:
        en += f"; the service caps its pages at {page.size}, {size} were asked for"
        vi += f"; dịch vụ chỉ cho {page.size} bản ghi mỗi trang, dù hỏi {size}"
    total = first.total if first.total is not None else next(_larger(page), (None, None))[1]
    if total is not None and behind.size == 0 and total > page.size:
        hint = "check the paging of the settings: the list goes on behind its first page"
        said = f"{en}, but {total} are announced"
        return Finding("paging", ok=False, detail=said, hint=hint, hop=SERVICE)
    for name, number in _larger(page) if first.total is None else ():
        en += f"; {name} announces {number}: give total"
        vi += f"; {name} báo có {number}: hãy khai báo total"
    return Finding("paging", ok=True, detail=en, hop=SERVICE, vi=vi)


def _larger(page: Seen) -> Any:
    """Yield the totals that a page shows and that are larger than itself."""
    return ((name, total) for name, total in totals_seen(page.value, page.headers) if total > page.size)


def _configured(page: Seen, signs: list[str]) -> str:
    """Return the paging that is there, as settings that name it."""
    headers = {"Link": "LinkHeaderPaging()"}
    headers["X-Next-Page"] = "CursorPaging(cursor_header='X-Next-Page', cursor_param=...)"
    for sign in signs:
        if sign in headers:
            return f"give paging={headers[sign]}"
        if sign.startswith(("link[", "links[")):
            return f"give paging=NextLinkPaging({sign + ('.url' if 'relation' in sign else '.href')!r})"
        name = sign.rpartition(".")[2].lower()
        if "next" in name and "has" not in name:
            value = _at(page.value, sign)
            link = isinstance(value, dict) or str(value).startswith(("http", "/", "?"))
            kind = (
                f"NextLinkPaging({sign!r})"
                if link
                else f"CursorPaging(cursor_path={sign!r}, cursor_param=...)"
            )
            return f"give paging={kind}"
    return "give the paging of this service (PagePaging or OffsetPaging, with total), or follow its links"


def _at(value: Any, path: str) -> Any:
    from lienthong_connectors.rest.paths import at

    return at(value, path)
