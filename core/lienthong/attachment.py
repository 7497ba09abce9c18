"""Attachments: bytes too large for a record, kept beside the records and named in them by digest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}\Z")
_MEMBERS = {"digest", "size", "media_type"}
UNTYPED = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A reference to an attachment, which stands in a record for its bytes.

    ``digest``: SHA-256 (hex) of the bytes, by which evidence over the record covers them, too.
    ``size``: how many bytes. ``media_type``: what they are, such as ``application/pdf`` (RFC 6838).
    """

    digest: str
    size: int
    media_type: str = UNTYPED

    def as_dict(self) -> dict[str, Any]:
        """Return the reference as it stands in a record."""
        return {"digest": self.digest, "size": self.size, "media_type": self.media_type}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Attachment:
        """Return the reference that a record holds; `ValueError` where it is none."""
        if set(value) != _MEMBERS or type(value["size"]) is not int or value["size"] < 0:
            raise ValueError("no reference to an attachment")
        if not _DIGEST.match(str(value["digest"])) or not _MEDIA_TYPE.match(str(value["media_type"])):
            raise ValueError("no reference to an attachment")
        return cls(str(value["digest"]), value["size"], str(value["media_type"]))


def media_type(said: str) -> str:
    """Return a media type without parameters, in lower case; what is none is ``application/octet-stream``."""
    plain = said.partition(";")[0].strip().lower()
    return plain if _MEDIA_TYPE.match(plain) else UNTYPED
