"""How attachments travel with SOAP messages, as settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lienthong.connector import option
from lienthong.errors import Misconfigured


@dataclass(frozen=True)
class Attachments:
    """Attachments travel beside the envelope and stand in records as references.

    Answers are taken either way; ``packaging`` says how requests are sent: MTOM (XOP) for SOAP 1.1
    and 1.2, or SOAP with Attachments, where the member holds ``cid:`` and the part's id.
    """

    packaging: Literal["mtom", "swa"] = option("mtom", doc="mtom or swa: how requests carry them")
    members: tuple[str, ...] = option(
        (), doc="request members (dotted, lists passed through) that are attachments"
    )
    count: int = option(100, doc="most attachments of one message")
    each_bytes: int = option(512 << 20, doc="largest attachment")
    all_bytes: int = option(2 << 30, doc="most bytes of all attachments of one message")
    envelope_bytes: int = option(32 << 20, doc="largest envelope beside attachments: it is held whole")

    def __post_init__(self) -> None:
        for name, holds, wanted in (
            ("packaging", self.packaging in ("mtom", "swa"), "mtom or swa"),
            ("count", self.count >= 1, "1 or more"),
            ("each_bytes", self.each_bytes >= 1, "1 or more"),
            ("all_bytes", self.all_bytes >= self.each_bytes, "at least each_bytes"),
            ("envelope_bytes", self.envelope_bytes >= 1, "1 or more"),
        ):
            if not holds:
                raise Misconfigured(
                    f"option 'attachments.{name}' is malformed",
                    where="soap connector",
                    hint=f"give {wanted}",
                )
