"""Attachments of a target's records: parts, base64 in the JSON, or files put by link; always streamed."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from lienthong.attachment import Attachment
from lienthong.connector import AttachmentStore
from lienthong.errors import RequestRejected
from lienthong.paths import steps
from lienthong.records import canonical
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.transport import Streamed
from lienthong_connectors.rest.attachment_settings import Attachments
from lienthong_connectors.rest.attachments_in import changed

_HINT: Final = "repair the record, or raise the limits of attachments"


class Packer:
    """Makes the body of one record's request, in which references have become what the target takes."""

    def __init__(self, settings: Attachments, store: AttachmentStore, client: Client, *, where: str) -> None:
        self._settings, self._store, self._client, self._where = settings, store, client, where
        self._nonce = secrets.token_hex(16)
        self._marks = re.compile(f"{self._nonce}\\.([A-Za-z0-9_-]+)".encode())

    def prepared(self, record: bytes) -> bytes:
        """Return a record ready for the request's body: with marks, or with addresses of files put before.

        Raises `RequestRejected` for a record whose attachments are no references, too many or too large,
        and what a file's PUT raises: nothing of the record was sent then.
        """
        found: list[Attachment] = []
        value = orjson.loads(record)
        for path in self._settings.members:
            value = changed(value, steps(path), lambda it, beside: self._placed(it, beside, found), value)
        self._check(found)
        if self._settings.by == "link":
            for reference in dict.fromkeys(found):
                self._put(reference)
        return canonical(value) if found else record

    def packed(self, body: bytes, media: str) -> tuple[bytes | Streamed, str]:
        """Return a request's body and its content type, with files in the places of their marks."""
        if self._settings.by == "multipart":
            return self._parts(body, media)
        pieces = self._marks.split(body)
        files = [_read(mark)[0] for mark in pieces[1::2]]
        if not files:
            return body, media
        texts = pieces[0::2]
        size = sum(map(len, texts)) + sum(-(-item.size // 3) * 4 for item in files)

        def written() -> Iterator[bytes]:
            yield texts[0]
            for item, text in zip(files, texts[1:], strict=True):
                yield from _encoded(self._store.open(item))
                yield text

        return Streamed(written, size), media

    def _placed(self, value: Any, beside: Any, found: list[Attachment]) -> Any:
        if not isinstance(value, Mapping):
            return value  # base64 text, a link that others know: it travels as it is
        try:
            reference = Attachment.from_dict(value)
        except (ValueError, KeyError):
            raise self._unfit("what should be an attachment is no reference") from None
        found.append(reference)
        if self._settings.by == "link":
            return self._address(reference)
        name = beside.get(self._settings.file_name) if isinstance(beside, Mapping) else None
        plain = json.dumps(
            [reference.digest, reference.size, reference.media_type, str(name or reference.digest)]
        )
        return f"{self._nonce}.{base64.urlsafe_b64encode(plain.encode()).decode().rstrip('=')}"

    def _check(self, found: list[Attachment]) -> None:
        settings = self._settings
        if not found:
            return
        sizes = [item.size for item in found]
        if len(found) > settings.count or max(sizes) > settings.each_bytes or sum(sizes) > settings.all_bytes:
            raise self._unfit("its attachments are more or larger than the settings allow")
        if settings.types and any(item.media_type not in settings.types for item in found):
            raise self._unfit("the media type of an attachment is not one that the settings allow")
        for reference in dict.fromkeys(found):
            for _ in self._store.open(reference):  # all of it is there and sound, before anything is sent
                pass

    def _unfit(self, said: str) -> RequestRejected:
        return RequestRejected(said, where=self._where, hint=_HINT, agency_code="attachment")

    def _address(self, reference: Attachment) -> str:
        path = self._settings.upload.replace("{digest}", reference.digest)
        return self._client.url(path)

    def _put(self, reference: Attachment) -> None:
        """Put a file at its address: it is named by its content, so that putting it again changes nothing."""
        label = "/" + self._settings.upload.lstrip("/")
        where = f"{self._client.where}{label}"
        body = Streamed(lambda: self._store.open(reference), reference.size)
        headers = {"Content-Type": reference.media_type}
        path = self._settings.upload.replace("{digest}", quote(reference.digest))
        reply = self._client.call(Call("PUT", path, body=body, headers=headers, label=label)).reply
        if error := failure(reply, where=where, safe=True):
            raise error

    def _parts(self, body: bytes, media: str) -> tuple[Streamed, str]:
        """Return multipart/form-data (RFC 7578): the record first, then each file that it refers to."""
        found = dict.fromkeys(_read(mark) for mark in self._marks.findall(body))
        numbers = {pair: number for number, pair in enumerate(found, 1)}
        settings = self._settings
        parts = {pair: settings.file_part.replace("{n}", str(number)) for pair, number in numbers.items()}
        told = {pair: parts[pair] if "{n}" in settings.file_part else pair[1] for pair in found}
        record = self._marks.sub(lambda mark: json.dumps(told[_read(mark[1])])[1:-1].encode(), body)
        boundary = f"lienthong-{secrets.token_hex(16)}"
        heads = [_head(boundary, settings.record_part, media, "", first=True)]
        heads += [_head(boundary, parts[pair], pair[0].media_type, pair[1]) for pair in found]
        end = f"\r\n--{boundary}--\r\n".encode()

        def written() -> Iterator[bytes]:
            yield heads[0] + record
            for head, (reference, _) in zip(heads[1:], found, strict=True):
                yield head
                yield from self._store.open(reference)
            yield end

        size = sum(map(len, heads)) + len(record) + sum(item.size for item, _ in found) + len(end)
        return Streamed(written, size), f'multipart/form-data; boundary="{boundary}"'


def _read(mark: bytes) -> tuple[Attachment, str]:
    digest, size, media, name = json.loads(base64.urlsafe_b64decode(mark + b"=" * (-len(mark) % 4)))
    return Attachment(digest, size, media), name


def _encoded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield base64 of bytes, in whole triples."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) - len(data) % 3
        yield base64.b64encode(data[:whole])
        rest = data[whole:]
    yield base64.b64encode(rest)


def _head(boundary: str, name: str, media: str, file: str, *, first: bool = False) -> bytes:
    shown = file.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")  # as browsers do (WHATWG)
    named = f'; filename="{shown}"' if file else ""
    return (
        f"{'' if first else chr(13) + chr(10)}--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{name}"{named}\r\nContent-Type: {media}\r\n\r\n'
    ).encode()
