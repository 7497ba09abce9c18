"""How attachments travel with a REST service, as settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from lienthong.connector import option
from lienthong.paths import names, steps
from lienthong_connectors.rest.paths import placeholders
from lienthong_connectors.rest.settings_common import require

_WAYS: Final = ("link", "base64", "multipart")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments:
    """Attachments are kept outside records, which hold references to them (`lienthong.attachment`).

    A source finds a link (or base64 text, or the name or Content-ID of another part of the answer) at
    ``members`` and leaves the reference there. A target finds the reference: multipart sends the files as
    parts beside the record (multipart/form-data, RFC 7578), base64 writes them into the JSON, link first puts
    each at ``upload`` and sends its address in the record. Files are streamed; base64 at a source is as large
    in memory as the page that holds it.
    """

    by: Literal["link", "base64", "multipart"] = option("link", doc="link, base64 or multipart")
    members: tuple[str, ...] = option(doc="paths of the members that are attachments, [] passes lists")
    media: str = option(
        "", doc="source, base64: member beside it that holds its media type; empty: none is known"
    )
    types: tuple[str, ...] = option((), doc="media types that are taken; empty: all")
    upload: str = option("", doc="target, link: path that takes a file by PUT, such as files/{digest}")
    record_part: str = option("record", doc="multipart: name of the part that is the record, or the answer")
    file_part: str = option(
        "files", doc="multipart: name of each file's part; with {n} each has its own, which the record names"
    )
    file_name: str = option(
        "", doc="multipart: member beside it that holds the file's name, which the record names too"
    )
    count: int = option(100, doc="most attachments of one record")
    each_bytes: int = option(512 << 20, doc="largest attachment")
    all_bytes: int = option(2 << 30, doc="most bytes of all attachments of one record")
    tries: int = option(4, doc="source, link: requests for one file; a cut one goes on by Range (RFC 9110)")

    def __post_init__(self) -> None:
        require(self.by in _WAYS, "attachments.by", ", ".join(_WAYS))
        require(self.members, "attachments.members", "at least one path")
        for path in self.members:
            require(steps(path), "attachments.members", "paths of members")
        for name in (self.media, self.file_name):
            require(len(names(name)) <= 1, "attachments.media", "one member's name")
        require(not self.upload or self.by == "link", "attachments.upload", "none: this is for link")
        used = placeholders(self.upload)
        require(used <= {"digest"}, "attachments.upload", "{digest} in the path, nothing else")
        require(not self.upload or used, "attachments.upload", "{digest} in the path")
        for part in (self.record_part, self.file_part):
            plain = part.isascii() and part.isprintable() and not set(part) & set('"\\')
            require(part and plain, "attachments.record_part", "a plain name")
        require(self.count >= 1 and self.each_bytes >= 1, "attachments.count", "1 or more")
        require(self.all_bytes >= self.each_bytes, "attachments.all_bytes", "at least each_bytes")
        require(1 <= self.tries <= 20, "attachments.tries", "1 to 20")

    def check_source(self, *, stream: bool) -> None:
        """Raise `InvalidExchange` where a source cannot work so."""
        require(self.by != "multipart" or not stream, "attachments.by", "link or base64 with stream")

    def check_target(self, mode: str) -> None:
        """Raise `InvalidExchange` where a target cannot work so."""
        require(mode == "single", "attachments", "mode single: records with attachments travel one by one")
        require(self.by != "link" or self.upload, "attachments.upload", "where files are put")
