"""Attachments of a source's records: streamed into the store, references in their places."""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urljoin

import orjson

from lienthong.attachment import UNTYPED, Attachment, media_type
from lienthong.connector import AttachmentStore, Malformed
from lienthong.errors import LienThongError, Reason, RequestRejected, TimedOut, Unavailable
from lienthong.paths import Each, Step, steps
from lienthong.records import Record
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.transport import Incoming
from lienthong_connectors.rest.attachment_settings import Attachments
from lienthong_connectors.rest.elements import Element

_SLICE: Final = 1 << 16
_DATA: Final = re.compile(r"data:([^;,]*)(?:;[^,]*)?;base64,")
_RANGE: Final = re.compile(r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*\Z", re.IGNORECASE)
_TEXTS: Final = {
    "vanished": ("tệp không còn tại liên kết", "the file is not at its link any more"),
    "rejected": ("hệ thống từ chối đưa tệp", "the service rejects the question about the file"),
    "count": ("có quá nhiều tệp đính kèm", "the record has too many attachments"),
    "size": ("tệp lớn hơn mức cho phép", "the file is larger than the settings allow"),
    "type": ("loại tệp không được nhận", "the file's media type is not taken"),
    "base64": ("không phải base64", "what should be base64 is not"),
    "missing": (
        "không có phần nào, hoặc có nhiều phần, mang tên ấy",
        "no part, or more than one, has its name",
    ),
    "form": ("không phải liên kết hoặc base64", "what should be a link or base64 is no text"),
}


class Unfit(Exception):
    """An attachment that the record cannot be handed on with; ``rule`` says why."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps the attachments of records, one after the other. Safe among threads."""

    settings: Attachments
    store: AttachmentStore
    client: Client
    base: str
    headers: Mapping[str, str]

    def kept(self, record: Record) -> Element:
        """Return a record with references; one whose attachment does not fit is set aside, with why.

        Raises from `lienthong.errors` where the service or our store fails.
        """
        left = [self.settings.count, self.settings.all_bytes]

        def keep(value: Any, beside: Any) -> Any:
            if value is None or value == "":
                return value
            if not isinstance(value, str):
                raise Unfit("form")
            left[0] -= 1
            if left[0] < 0:
                raise Unfit("count")
            reference = self._one(value, beside, left[1])
            left[1] -= reference.size
            return reference.as_dict()

        try:
            found: Any = record
            for path in self.settings.members:
                found = changed(found, steps(path), keep, found)
        except Unfit as unfit:
            return Malformed(orjson.dumps(record), _reason(unfit.rule))
        whole: Record = found
        return whole

    def placed(self, element: Element, files: Mapping[str, Attachment | None]) -> Element:
        """Return a record with references to the files of its own answer; set aside where one is missing."""
        if isinstance(element, Malformed):
            return element
        left = [self.settings.all_bytes]

        def keep(value: Any, _beside: Any) -> Any:
            if value is None or value == "":
                return value
            name = unquote(value[4:]) if isinstance(value, str) and value.startswith("cid:") else value
            found = files.get(name) if isinstance(name, str) else None
            if found is None:
                raise Unfit("missing" if isinstance(name, str) else "form")
            self.check_type(found.media_type)
            left[0] -= found.size
            if left[0] < 0:
                raise Unfit("size")
            return found.as_dict()

        try:
            record: Any = element
            for path in self.settings.members:
                record = changed(record, steps(path), keep, record)
        except Unfit as unfit:
            return Malformed(orjson.dumps(element), _reason(unfit.rule))
        whole: Record = record
        return whole

    def _one(self, value: str, beside: Any, room: int) -> Attachment:
        most = min(self.settings.each_bytes, room)
        if self.settings.by == "base64":
            said = beside.get(self.settings.media, "") if isinstance(beside, Mapping) else ""
            match = _DATA.match(value)
            kind = media_type(match[1] if match else str(said or ""))
            self.check_type(kind)
            pieces = _decoded(value, match.end() if match else 0)
            return self.store.write(_bounded(pieces, most), media_type=kind)
        return _Download(self, value, most).kept()

    def check_type(self, kind: str) -> None:
        """Raise `Unfit` for a media type that is not taken."""
        if self.settings.types and kind not in self.settings.types:
            raise Unfit("type")


class Unkept:
    """A store that keeps nothing: for checks, which leave no trace."""

    def write(self, chunks: Iterable[bytes], *, media_type: str) -> Attachment:
        """Return the reference that an attachment would have."""
        state, size = hashlib.sha256(), 0
        for chunk in chunks:
            state.update(chunk)
            size += len(chunk)
        return Attachment(state.hexdigest(), size, media_type)

    def open(self, reference: Attachment) -> Iterator[bytes]:  # noqa: ARG002 - it is not there
        """Yield nothing."""
        return iter(())


class _Download:
    """One file, asked for by its link; of a cut answer the rest is asked for (RFC 9110 section 14)."""

    def __init__(self, keeper: Keeper, link: str, most: int) -> None:
        self._keeper, self._most = keeper, most
        self._url = urljoin(keeper.client.url(keeper.base), link)
        self._size, self._etag, self._kind = 0, "", UNTYPED
        self._label = "/" + keeper.base.lstrip("/") + " (attachment)"
        self._where = f"{keeper.client.where}{self._label}"

    def kept(self) -> Attachment:
        """Return the reference of the stored file; raises `Unfit` and as the client does."""
        pieces = self._pieces()
        first = next(pieces, b"")  # the media type is known once the answer is there

        def whole() -> Iterator[bytes]:
            yield first
            yield from pieces

        return self._keeper.store.write(_bounded(whole(), self._most), media_type=self._kind)

    def _pieces(self) -> Iterator[bytes]:
        tries = self._keeper.settings.tries
        while True:
            tries -= 1
            try:
                yield from self._rest()
            except (Unavailable, TimedOut):
                if not tries or not self._etag:
                    raise
            else:
                return

    def _rest(self) -> Iterator[bytes]:
        """Yield the file's bytes from where the last answer ended."""
        begun = self._size
        # no content coding: ranges count the bytes of what is transferred
        headers = {"Accept": ", ".join(self._keeper.settings.types) or "*/*", "Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={begun}-", "If-Range": self._etag} if begun else {}
        call = Call(
            "GET",
            self._url,
            headers={**self._keeper.headers, **headers},
            label=self._label,
            answer_bytes=self._keeper.settings.each_bytes + (1 << 20),  # one too large is told below
            elsewhere=True,
        )
        with self._keeper.client.stream(call) as incoming:
            self._judge(incoming, begun)
            for piece in incoming.chunks():
                self._size += len(piece)
                yield piece

    def _judge(self, incoming: Incoming, begun: int) -> None:
        if incoming.status in (404, 410):
            raise Unfit("vanished")
        if error := self._error(incoming):
            raise Unfit("rejected") if isinstance(error, RequestRejected) else error
        length = incoming.header("Content-Length")
        if length.isdigit() and begun + int(length) > self._most:
            raise Unfit("size")
        if begun:
            found = _RANGE.match(incoming.header("Content-Range")) if incoming.status == 206 else None
            if found is None or int(found[1]) != begun:
                self._etag = ""  # no further try goes on from here
                raise Unavailable(
                    "the file changed, or the service does not give the rest of it",
                    where=self._where,
                    hint="the whole page is asked for again at the next try",
                )
            return
        etag = incoming.header("ETag")
        # If-Range wants a strong validator (RFC 9110 section 13.1.5)
        self._etag = "" if etag.startswith("W/") or incoming.header("Content-Encoding") else etag
        self._kind = media_type(incoming.header("Content-Type"))
        self._keeper.check_type(self._kind)

    def _error(self, incoming: Incoming) -> LienThongError | None:
        if incoming.status in (200, 206):
            return None
        found = failure(incoming.whole(), where=self._where, safe=True)
        return found or RequestRejected(f"the other side answered {incoming.status}", where=self._where)


def changed(value: Any, path: tuple[Step, ...], change: Callable[[Any, Any], Any], beside: Any) -> Any:
    """Return a copy of a value with what is at a path changed; what is not there is left alone."""
    if not path:
        return change(value, beside)
    step, rest = path[0], path[1:]
    if isinstance(step, Each):
        return [changed(item, rest, change, item) for item in value] if isinstance(value, list) else value
    if not isinstance(value, dict) or step not in value:
        return value
    return {**value, step: changed(value[step], rest, change, value)}


def _bounded(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise Unfit("size")
        yield piece


def _decoded(text: str, place: int) -> Iterator[bytes]:
    """Yield what base64 text stands for (RFC 4648, URL-safe too, line ends passed over), slice by slice."""
    rest = b""
    try:
        while place < len(text):
            piece = text[place : place + _SLICE].encode("ascii").translate(_PLAIN, b"\r\n\t ")
            place += _SLICE
            data = rest + piece
            whole = len(data) - len(data) % 4
            last = place >= len(text)
            rest = data[whole:]
            if last and rest and not rest.strip(b"="):
                raise Unfit("base64")
            yield binascii.a2b_base64(data[:whole] + (_padded(rest) if last else b""), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Unfit("base64") from None


_PLAIN: Final = bytes.maketrans(b"-_", b"+/")


def _padded(rest: bytes) -> bytes:
    return rest + b"=" * (-len(rest) % 4)


def _reason(rule: str) -> Reason:
    vi, en = _TEXTS[rule]
    return Reason("", f"page.attachment-{rule}", f"Tệp đính kèm: {vi}", f"An attachment: {en}")
