"""Answers of several parts: JSON, and the files that it names; files are streamed into the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message

from requests.structures import CaseInsensitiveDict

from lienthong.attachment import Attachment, media_type
from lienthong.errors import ProtocolViolation
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Answered, Client
from lienthong_connectors.http.transport import Incoming, Reply
from lienthong_connectors.rest.attachments_in import Keeper
from lienthong_connectors.soap.multipart import Part, parameters, parts


@dataclass(frozen=True, slots=True)
class Package:
    """An answer, and the files that came with it by every name that they have; None for a name of two."""

    answered: Answered
    files: dict[str, Attachment | None] = field(default_factory=dict)


def received(client: Client, call: Call, keeper: Keeper | None, most: int, *, where: str) -> Package:
    """Return an answer with at most so many bytes of JSON; raises as the client, and `ProtocolViolation`.

    Of multipart/form-data, /mixed and /related (RFC 7578, RFC 2046, RFC 2387) the part that the settings
    name, or the first of JSON, is the answer.
    """
    if keeper is None or keeper.settings.by != "multipart":
        return Package(client.call(call))
    with client.stream(call) as incoming:
        kind = media_type(incoming.header("Content-Type"))
        if not kind.startswith("multipart/") or not 200 <= incoming.status < 300:
            return Package(Answered(incoming.whole(), incoming.signed_by))
        incoming.allow(keeper.settings.all_bytes + most)
        return _taken(incoming, keeper, most, where)


def _taken(incoming: Incoming, keeper: Keeper, most: int, where: str) -> Package:
    boundary = parameters(incoming.header("Content-Type")).get("boundary", "")
    root: Reply | None = None
    files: dict[str, Attachment | None] = {}
    count = 0
    for part in parts(incoming.chunks(), boundary):
        named, file = _names(part)
        json = media_type(part.content_type).endswith(("/json", "+json"))
        if root is None and (named == keeper.settings.record_part or (json and not file)):
            root = _root(incoming, part, most, where)
            continue
        count += 1
        if count > keeper.settings.count:
            raise ProtocolViolation(
                f"the answer has more than {keeper.settings.count} files", where=where, hint="raise count"
            )
        reference = keeper.store.write(
            _bounded(part.chunks, keeper.settings.each_bytes, where), media_type=media_type(part.content_type)
        )
        for name in {named, file, part.content_id} - {""}:
            files[name] = None if name in files else reference
    if root is None:
        raise ProtocolViolation(
            "no part of the answer is JSON", where=where, hint="name it in record_part of attachments"
        )
    return Package(Answered(root, incoming.signed_by), files)


def _names(part: Part) -> tuple[str, str]:
    """Return a part's name and file name, empty where it has none."""
    head = Message()
    head["Content-Disposition"] = str(part.headers.get("Content-Disposition", ""))
    name = head.get_param("name", "", "content-disposition")
    return (name if isinstance(name, str) else ""), (head.get_filename() or "")


def _root(incoming: Incoming, part: Part, most: int, where: str) -> Reply:
    data = b"".join(_bounded(part.chunks, most, where))
    headers = CaseInsensitiveDict({**incoming.headers, "Content-Type": part.content_type})
    return Reply(incoming.status, headers, data, data, incoming.url, incoming.pairs)


def _bounded(pieces: Iterator[bytes], most: int, where: str) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise ProtocolViolation(
                f"a part of the answer is larger than {most} bytes",
                where=where,
                hint="see each_bytes of attachments, and max_answer_bytes",
            )
        yield piece
