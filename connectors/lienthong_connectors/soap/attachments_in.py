"""Answers with attachments: the envelope is read first, then the parts are streamed into the store.

MTOM (W3C, XOP 1.0) and SOAP with Attachments (W3C note of 2000, WS-I Attachments Profile 1.0) alike.
Records wait until every part they refer to is stored, so that none is handed on whose attachment
was cut off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote

from lienthong.attachment import Attachment, media_type
from lienthong.connector import Malformed
from lienthong.errors import Misconfigured, OutcomeUnknown, ProtocolViolation, Unavailable
from lienthong.records import Record
from lienthong_connectors.http.transport import Incoming
from lienthong_connectors.soap.attachments_out import Packing
from lienthong_connectors.soap.multipart import Part, located, parameters, parts
from lienthong_connectors.soap.transport import Heard
from lienthong_connectors.xml.shape import INCLUDE_MEMBER, refuse

MULTIPART: Final = "multipart/related"
_XOP: Final = "application/xop+xml"


class Package:
    """One answer, taken apart where it is multipart/related; ``heard`` is what stands for its envelope."""

    def __init__(self, heard: Heard, packing: Packing | None, *, where: str, delivery: bool = False) -> None:
        self.heard, self._where, self._delivery = heard, where, delivery
        self._parts: Iterator[Part] | None = None
        self._found: dict[str, Attachment | None] = {}
        self._base = ""
        self._count = self._size = 0
        if heard.media != MULTIPART:
            return
        if packing is None:
            raise ProtocolViolation(
                "the answer has attachments, which the settings do not expect",
                where=where,
                hint="set attachments=Attachments() in the settings",
            )
        self._settings, self._store = packing.settings, packing.store
        self._open(heard)

    @property
    def multipart(self) -> bool:
        """Whether the answer has parts."""
        return self._parts is not None

    def settled(
        self, records: Iterator[list[Record | Malformed]], body: Callable[[], Any]
    ) -> Iterator[list[Record | Malformed]]:
        """Yield the envelope's records with references in place of attachments.

        ``body`` is asked, after the last record, for what else refers to attachments. Raises
        `ProtocolViolation` (``reason``: attachment-missing, attachment-twice, attachment-count,
        attachment-size, attachments-size, and those of `multipart.parts`).
        """
        if self._parts is None:
            yield from records
            return
        held = [record for some in records for record in some]
        pointers = dict(pointer for value in (held, body()) for pointer in self._pointers(value))
        for part in self._parts:
            self._take(part, store=not pointers.keys().isdisjoint(part.names(self._base)))
        missing = sum(surely and name not in self._found for name, surely in pointers.items())
        if missing:
            refuse(f"the answer refers to {missing} attachments that it does not have", "attachment-missing")
        if held:
            yield [self.resolve(record) for record in held]

    def resolve(self, value: Any) -> Any:
        """Return a value with references in place of what points at parts of this answer."""
        if self._parts is None:
            return value
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        identity = self._points_at(value)
        known = self._found.get(identity) if identity else None
        if known is not None:
            return known.as_dict()
        if isinstance(value, dict):
            return {name: self.resolve(item) for name, item in value.items()}
        return value

    def _open(self, heard: Heard) -> None:
        """Go to the root part; parts before it are stored at once, since it may refer to any."""
        top = parameters(heard.incoming.header("Content-Type"))
        start = top.get("start", "").strip().removeprefix("<").removesuffix(">")
        self._base = located(heard.incoming.header("Content-Location").strip())
        self._parts = parts(heard.incoming.chunks(), top.get("boundary", ""))
        for part in self._parts:
            if not start or not {start, unquote(start)}.isdisjoint(part.names()):
                self._root(heard, part)
                return
            self._take(part, store=True)
        refuse("the answer has no root part", "multipart")

    def _root(self, heard: Heard, part: Part) -> None:
        said = parameters(part.content_type)
        media = media_type(part.content_type)
        if media == _XOP:
            media = media_type(said.get("type", "text/xml"))
        self._base = located(str(part.headers.get("Content-Location", "")).strip(), self._base) or self._base
        root = _Root(heard.incoming, part, self._settings.envelope_bytes)
        self.heard = dataclasses.replace(heard, incoming=root, media=media, charset=said.get("charset"))

    def _take(self, part: Part, *, store: bool) -> None:
        self._count += 1
        if self._count > self._settings.count:
            refuse(f"the answer has more than {self._settings.count} attachments", "attachment-count")
        names = part.names(self._base)
        if not self._found.keys().isdisjoint(names):
            refuse("two parts of the answer have the same Content-ID or location", "attachment-twice")
        found: Attachment | None = None
        if store:
            found = self._kept(part)
        else:
            for _ in self._bounded(part):
                pass
        self._found.update(dict.fromkeys(names, found))

    def _kept(self, part: Part) -> Attachment:
        try:
            return self._store.write(self._bounded(part), media_type=media_type(part.content_type))
        except (Unavailable, Misconfigured) as error:
            if not self._delivery:
                raise
            raise OutcomeUnknown(  # our store is full, but the other side has taken the delivery
                f"the answer to a delivery cannot be kept: {error.message}",
                where=error.where,
                hint=error.hint,
            ) from None

    def _bounded(self, part: Part) -> Iterator[bytes]:
        size = 0
        for chunk in part.chunks:
            size += len(chunk)
            self._size += len(chunk)
            if size > self._settings.each_bytes:
                refuse(f"an attachment is larger than {self._settings.each_bytes} bytes", "attachment-size")
            if self._size > self._settings.all_bytes:
                refuse(
                    f"the attachments are larger than {self._settings.all_bytes} bytes", "attachments-size"
                )
            yield chunk

    def _pointers(self, value: Any) -> Iterator[tuple[str, bool]]:
        """Yield the names that a value points at; False where it may be a text that only looks so."""
        identity = self._points_at(value)
        if identity:
            yield (
                identity,
                isinstance(value, dict) and (INCLUDE_MEMBER in value or _is_cid(value.get("href"))),
            )
        elif isinstance(value, dict):
            for item in value.values():
                yield from self._pointers(item)
        elif isinstance(value, list):
            for item in value:
                yield from self._pointers(item)

    def _points_at(self, value: Any) -> str:
        """Return the name of the part that a value is nothing but a pointer at, empty where it is none.

        ``<xop:Include href="…"/>`` and ``<member href="…"/>`` with ``cid:…`` (RFC 2392) or the location of a
        part (RFC 2557), and the text ``cid:…``.
        """
        if isinstance(value, dict):
            inner = value.get(INCLUDE_MEMBER)
            alone = isinstance(inner, dict) or len(value) == 1
            value = inner.get("href", "") if isinstance(inner, dict) else value.get("href", "")
            if alone and isinstance(value, str) and value.strip() and not _is_cid(value):
                return "" if value[:1] == "#" else located(value.strip(), self._base)
        return unquote(value[4:]).strip() if _is_cid(value) else ""


class _Root(Incoming):
    """The root part in place of the whole answer."""

    def __init__(self, whole: Incoming, part: Part, limit: int) -> None:
        # not Incoming's own beginning: everything but the bytes is the whole answer's
        self.__dict__.update(whole.__dict__)
        self._part, self._most = part, limit

    def chunks(self) -> Iterator[bytes]:
        """Yield the root part's bytes."""
        size = 0
        for chunk in self._part.chunks:
            size += len(chunk)
            if size > self._most:
                refuse(f"the envelope is larger than {self._most} bytes", "size")
            yield chunk


def _is_cid(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("cid:")
