"""Requests with attachments: references in records become parts beside the envelope, sent as a stream."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from lienthong.attachment import Attachment
from lienthong.connector import AttachmentStore, Context
from lienthong.errors import Misconfigured, Reason, Refused
from lienthong.paths import names
from lienthong_connectors.http.transport import Streamed
from lienthong_connectors.soap.arrange import Items
from lienthong_connectors.soap.attachment_settings import Attachments

_INCLUDE: Final = '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:{}"/>'
_ROOT: Final = "envelope@lienthong"
_HEADER: Final = "Content-Type"


def packing_of(settings: Any, context: Context, *, where: str) -> Packing | None:
    """Return what makes attachments of a role's requests, None where its settings want none.

    Raises `Misconfigured` where nothing takes them, and beside WS-Security, whose signatures do not
    cover them here.
    """
    if settings.attachments is None:
        return None
    security = settings.security
    if security is not None and (security.sign or security.verify):
        raise Misconfigured(
            "attachments are not covered by WS-Security signatures",
            where=where,
            hint="sign and verify nothing and rely on TLS, or send the content as base64 inside the record",
        )
    if context.attachments is None:
        raise Misconfigured("there is no store for attachments", where=where, hint="run inside the bus")
    return Packing(settings.attachments, context.attachments)


class Packing:
    """Makes attachments of one service's requests.

    A reference is first written into the envelope as a mark that nobody else can make, and found
    there again, so that it does not matter how envelopes are written. ``settings`` and ``store`` are
    what answers are read with, too.
    """

    def __init__(self, settings: Attachments, store: AttachmentStore) -> None:
        self.settings, self.store = settings, store
        self._nonce = secrets.token_hex(16)
        self._marks = re.compile(f"{self._nonce}\\.([A-Za-z0-9_-]+)".encode())

    def marked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return a filled request in which references at the settings' members are marks.

        Other values there stay as they are: base64 text travels inside the envelope. Raises
        `Refused` for an object that is no reference.
        """
        whole: Any = dict(request)
        for path in self.settings.members:
            whole = _at(whole, list(names(path)), self._mark)
        return dict(whole)

    def packed(
        self, envelope: bytes | Streamed, headers: Mapping[str, str]
    ) -> tuple[bytes | Streamed, dict[str, str], bytes | Streamed]:
        """Return a request's body, its headers, and the envelope inside as it is sent.

        The body is multipart/related where the envelope holds marks.
        Every attachment is read once before anything is sent. Raises `SegmentTampered` where one is
        not what its reference says, and `Refused` where they are too many or too large.
        """
        data = envelope if isinstance(envelope, bytes) else b"".join(envelope)
        references: list[Attachment] = []

        def place(found: re.Match[bytes]) -> bytes:
            references.append(_read_mark(found.group(1)))
            name = _name(len(references))
            return (_INCLUDE.format(name) if self.settings.packaging == "mtom" else f"cid:{name}").encode()

        data = self._marks.sub(place, data)
        headers = {**headers, "Accept": f"{headers.get('Accept', '*/*')}, multipart/related"}
        if not references:
            return envelope, headers, envelope
        self._check(references)
        return *self._related(data, references, headers), data

    def _mark(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        try:
            reference = Attachment.from_dict(value)
        except ValueError:
            raise _unfit("no reference to an attachment", "không phải tham chiếu tệp đính kèm") from None
        plain = json.dumps([reference.digest, reference.size, reference.media_type]).encode()
        return f"{self._nonce}.{base64.urlsafe_b64encode(plain).decode().rstrip('=')}"

    def _check(self, references: list[Attachment]) -> None:
        settings = self.settings
        largest, whole = max(item.size for item in references), sum(item.size for item in references)
        if len(references) > settings.count or largest > settings.each_bytes or whole > settings.all_bytes:
            raise _unfit(
                "its attachments are more or larger than the settings allow",
                "tệp đính kèm nhiều hơn hoặc lớn hơn mức cho phép",
            )
        for reference in dict.fromkeys(references):
            for _ in self.store.open(reference):
                pass

    def _related(
        self, envelope: bytes, references: list[Attachment], headers: Mapping[str, str]
    ) -> tuple[Streamed, dict[str, str]]:
        boundary = f"lienthong-{secrets.token_hex(16)}"
        said = headers[_HEADER]
        plain = said.partition(";")[0].strip()
        mtom = self.settings.packaging == "mtom"
        inner = f'application/xop+xml; charset=UTF-8; type="{plain}"' if mtom else said
        kind = f'type="application/xop+xml"; start-info="{plain}"' if mtom else f'type="{plain}"'
        action = said[said.find("action=") :] if "action=" in said else ""
        outer = f'multipart/related; boundary="{boundary}"; {kind}; start="<{_ROOT}>"'
        if action and mtom:
            inner, outer = f"{inner}; {action}", f"{outer}; {action}"
        heads = [_head(boundary, inner, _ROOT, first=True)]
        heads += [
            _head(boundary, item.media_type, _name(number)) for number, item in enumerate(references, 1)
        ]
        end = f"\r\n--{boundary}--\r\n".encode()

        def pieces() -> Iterator[bytes]:
            yield heads[0] + envelope
            for head, reference in zip(heads[1:], references, strict=True):
                yield head
                yield from self.store.open(reference)
            yield end

        size = sum(map(len, heads)) + len(envelope) + sum(item.size for item in references) + len(end)
        return Streamed(pieces, size), {**headers, _HEADER: outer, "MIME-Version": "1.0"}


def _at(value: Any, path: list[str], change: Callable[[Any], Any]) -> Any:
    """Return a copy of a value with whatever is at a path changed; lists are passed through."""
    if isinstance(value, Items):
        return Items(lambda item: _at(item, path, change), value)
    if isinstance(value, list):
        return [_at(item, path, change) for item in value]
    if not path:
        return change(value)
    if not isinstance(value, Mapping) or path[0] not in value:
        return value
    return {**value, path[0]: _at(value[path[0]], path[1:], change)}


def _read_mark(found: bytes) -> Attachment:
    digest, size, media = json.loads(base64.urlsafe_b64decode(found + b"=" * (-len(found) % 4)))
    return Attachment(digest, size, media)


def _name(number: int) -> str:
    return f"attachment-{number}@lienthong"


def _head(boundary: str, content_type: str, name: str, *, first: bool = False) -> bytes:
    return (
        f"{'' if first else chr(13) + chr(10)}--{boundary}\r\n"
        f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{name}>\r\n\r\n"
    ).encode()


def _unfit(en: str, vi: str) -> Refused:
    reason = Reason("", "target.attachment", f"không gửi được: {vi}", f"cannot be sent: {en}")
    return Refused(f"an attachment cannot be sent: {en}", reasons=(reason,))
