"""What is done with a page's records before they are handed on: left out, asked for one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urljoin

import orjson

from lienthong.connector import Malformed, Page, ReadRequest
from lienthong.errors import Misconfigured, ProtocolViolation, Reason, RequestRejected
from lienthong.paths import last, names, reach
from lienthong.records import Record
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.status import failure
from lienthong_connectors.rest.attachments_in import Keeper
from lienthong_connectors.rest.decode import decode_reply
from lienthong_connectors.rest.detail import Detail
from lienthong_connectors.rest.elements import Element
from lienthong_connectors.rest.packages import received
from lienthong_connectors.rest.paths import MISSING, at, fill_path, text_at
from lienthong_connectors.rest.settings_common import TYPES
from lienthong_connectors.rest.settings_source import RestSource

_NO_LINK: Final = Reason(
    path="",
    rule="page.no-link",
    vi="Mục trong danh sách không có liên kết hoặc mã để hỏi chi tiết",
    en="The listed item has no link or id to ask for its detail by",
)
_VANISHED: Final = Reason(
    path="",
    rule="page.vanished",
    vi="Mục có trong danh sách nhưng không còn khi hỏi chi tiết",
    en="The item is listed, but it was not there any more when it was asked for",
)
_UNREADABLE: Final = Reason(
    path="",
    rule="page.detail",
    vi="Chi tiết của mục không đọc được thành bản ghi",
    en="The item's detail cannot be read as a record",
)
_REJECTED: Final = Reason(
    path="",
    rule="page.detail-rejected",
    vi="Hệ thống từ chối câu hỏi chi tiết về mục này",
    en="The service rejects the question about this item",
)


_PARALLEL: Final = 4


class Finisher:
    """Leaves out what lies before the cursor, asks for the details of what is listed, keeps attachments."""

    def __init__(
        self, settings: RestSource, client: Client, request: ReadRequest, keeper: Keeper | None = None
    ) -> None:
        self._settings, self._client, self._request = settings, client, request
        self._keeper = keeper
        self._since = self._floor(request)
        self._left_out = self._vanished = self._listed = self._dated = 0
        self._path = names(settings.since_field) if settings.since_field else ()

    def pages(self, pages: Iterable[Page]) -> Iterator[Page]:
        """Yield pages with their records as they are handed on."""
        yield from self._finished(pages)
        if self._listed and not self._dated:
            raise ProtocolViolation(
                f"no record has anything at {self._settings.since_field!r}",
                where=self._client.where.strip(),
                hint="check since_field: a path in the listed records",
            )

    def _finished(self, pages: Iterable[Page]) -> Iterator[Page]:
        detail = self._settings.detail
        if detail is None and self._keeper is None:
            yield from map(self._without_old, pages)
            return
        parallel = _PARALLEL if detail is None else detail.parallel
        with ThreadPoolExecutor(parallel, thread_name_prefix="rest-detail") as pool:
            for page in map(self._without_old, pages):
                found = list(pool.map(self._whole, page.records))
                malformed = [one for one in found if isinstance(one, Malformed)]
                self._vanished += sum(one.reason is _VANISHED for one in malformed)
                notes = {"vanished": self._vanished} if self._vanished else {}
                records = [one for one in found if not isinstance(one, Malformed)]
                yield replace(
                    page,
                    records=records,
                    malformed=[*page.malformed, *malformed],
                    notes={**page.notes, **notes},
                )

    def _floor(self, request: ReadRequest) -> Any:
        """Return what the cursor is compared by, None where nothing is left out."""
        if not self._settings.since_field or request.since is None or request.order is None:
            return None
        return request.order.read(request.since)

    def _without_old(self, page: Page) -> Page:
        """Leave out the records before the cursor; one whose value has no place in the order stays."""
        order, since = self._request.order, self._since
        if not self._path or not page.records:
            return page
        self._listed += len(page.records)
        self._dated += sum(reach(record, self._path) is not None for record in page.records)
        if order is None or since is None:
            return page
        kept = []
        for record in page.records:
            value = order.read(reach(record, self._path))
            if value is None or value >= since:
                kept.append(record)
        self._left_out += len(page.records) - len(kept)
        notes = {"before_cursor": self._left_out} if self._left_out else {}
        return replace(page, records=kept, notes={**page.notes, **notes})

    def _whole(self, item: Record) -> Element:
        """Return a listed item's record, its attachments in the store."""
        detail = self._settings.detail
        record = item if detail is None else self._detail(detail, item)
        keeper = self._keeper
        if keeper is None or keeper.settings.by == "multipart" or isinstance(record, Malformed):
            return record
        return keeper.kept(record)

    def _detail(self, detail: Detail, item: Record) -> Element:
        """Return the record that a listed item stands for; what is wrong with one is set aside alone."""
        call = self._call(detail, item)
        if call is None:
            return Malformed(orjson.dumps(item), _NO_LINK)
        where = f"{self._client.where}{call.label}"
        most = self._settings.max_answer_bytes
        package = received(self._client, call, self._keeper, most, where=where)
        reply = package.answered.reply
        if reply.status in detail.absent_statuses:
            return Malformed(orjson.dumps(item), _VANISHED)
        error = failure(reply, where=where, safe=True)
        if isinstance(error, RequestRejected):
            return Malformed(orjson.dumps(item), _REJECTED)
        if error is not None:
            raise error
        try:
            value = decode_reply(reply, self._settings.content_types or TYPES["json"], where=where).value
        except ProtocolViolation:
            return Malformed(orjson.dumps(item), _UNREADABLE)
        if detail.envelope is not None and (error := detail.envelope.failure(value, where=where)):
            raise error
        found = _joined(detail, item, at(value, detail.record))
        return self._keeper.placed(found, package.files) if self._keeper and package.files else found

    def _call(self, detail: Detail, item: Record) -> Call | None:
        if detail.link:
            link = text_at(item, detail.link)
            path = urljoin(f"{self._client.url(self._settings.path)}", link) if link else ""
            label = "/" + self._settings.path.lstrip("/") + " (detail)"
        else:
            label = "/" + detail.path.lstrip("/")
            try:
                path = fill_path(detail.path, {"record": item})
            except Misconfigured:
                path = ""
        if not path:
            return None
        headers = {"Accept": ", ".join(TYPES["json"]), **self._settings.headers}
        return Call("GET", path, detail.params, None, headers, label)


def _joined(detail: Detail, item: Record, found: Any) -> Element:
    """Return the record of an answer with what it gets of the listed item."""
    if not isinstance(found, dict):
        return Malformed(orjson.dumps(item), _UNREADABLE)
    more = {last(path): at(item, path) for path in detail.keep}
    return {**{name: value for name, value in more.items() if value is not MISSING}, **found}
