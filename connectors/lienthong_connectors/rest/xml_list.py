"""An XML answer: a repeated element is the record, what stands around it the frame."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from lienthong.connector import Malformed
from lienthong.errors import ProtocolViolation
from lienthong_connectors.rest.elements import Element
from lienthong_connectors.rest.paths import MISSING
from lienthong_connectors.xml.reader import RecordReader, XmlLimits
from lienthong_connectors.xml.shape import local


class XmlRecords:
    """Takes bytes, gives the repeated elements as records; all their values are text.

    ``path`` is the record element's local name; with further names before it (``KetQua.DS.HoSo``)
    the first one must be the root's. ``lists`` are names that are lists even where they stand once,
    ``charset`` is the transport's word on the encoding. The frame holds the root's attributes and
    other children by local name.
    """

    def __init__(
        self, path: str, lists: tuple[str, ...], element_bytes: int, charset: str, *, where: str
    ) -> None:
        root, _, record = path.rpartition(".")
        self._root, self._where = root.split(".")[0], where
        limits = XmlLimits(answer_bytes=1 << 62, record_bytes=element_bytes)
        self._reader = RecordReader(record, {}, limits, charset or None, frozenset(lists), envelope=False)
        self._hash = hashlib.sha256()
        self._frame: dict[str, Any] = {}
        self.mark = ""

    def feed(self, data: bytes) -> list[Element]:
        """Take the next bytes and return the records that they complete; raises as `RecordReader`."""
        records = self._reader.feed(data)
        for record in records:
            self._hash.update(record.data if isinstance(record, Malformed) else orjson.dumps(record))
        return [*records]

    def close(self) -> list[Element]:
        """Return nothing more; raise `ProtocolViolation` where the document is not complete."""
        frame = self._reader.close()
        if self._root and local(self._reader.root_tag) != self._root:
            raise ProtocolViolation(
                f"the answer is a {local(self._reader.root_tag)[:60]!r}, not a {self._root!r}",
                where=self._where,
                hint="an error page? Else check the records path of the settings",
            )
        self._frame = _by_local_name(frame)
        self.mark = self._hash.hexdigest()[:32]
        return []

    def opening(self) -> Any:
        """Return `MISSING`: the frame is known at the end."""
        return MISSING

    def frame(self) -> Any:
        """Return what stands around the records: totals, cursors, codes, all text."""
        return self._frame


def whole_xml(data: bytes, lists: tuple[str, ...], charset: str) -> dict[str, Any]:
    """Return a whole document as the members of its root, by local name; raises as `RecordReader`."""
    reader = RecordReader(None, {}, XmlLimits(), charset or None, frozenset(lists), envelope=False)
    reader.feed(data)
    return _by_local_name(reader.close())


def _by_local_name(frame: dict[str, Any]) -> dict[str, Any]:
    """Return the root's members by local name; of two with the same the one without a namespace has it."""
    found = {name: value for name, value in frame.items() if name[0] != "{"}
    for name, value in frame.items():
        if name[0] == "{":
            found[name if local(name) in found else local(name)] = value
    return found
