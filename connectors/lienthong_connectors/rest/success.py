"""What an author of exchanges writes to say which answers to a delivery are a yes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lienthong.connector import option
from lienthong.errors import InvalidExchange

_BODIES = frozenset({"clear", "object", "list", "empty", "any"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """Which answers say that a delivery was taken; of any other success (2xx) the outcome is not known.

    ``clear``: there is no body, or JSON in which nothing says that something went wrong, or a plain text of
    ``texts``. ``object`` and ``list``: JSON of that shape, in which nothing says so. ``any``: the body is not
    looked at. What an `Envelope`, `Results` or ``reference`` promise must be there as well; then the body's
    own words are theirs to read.
    """

    statuses: tuple[int, ...] = option((200, 201, 204), doc="HTTP statuses of a success")
    body: Literal["clear", "object", "list", "empty", "any"] = option(
        "clear", doc="what the body must be, where no envelope, results or reference promise more"
    )
    content_types: tuple[str, ...] = option(
        (), doc="content types that a success may have beside JSON and text/plain; their bodies are not read"
    )
    texts: tuple[str, ...] = option(
        ("ok", "success", "successful", "done", "created", "true", "1", "thành công"),
        doc="plain texts, and JSON texts, that say yes, whatever their case",
    )
    contains: str = option("", doc="a text that the body of every success holds, such as <status>OK</status>")
    members: tuple[str, ...] = option((), doc="dotted paths at which the JSON of every success has something")

    def __post_init__(self) -> None:
        for name, holds, wanted in (
            ("statuses", bool(self.statuses) and set(self.statuses) <= set(range(200, 300)), "200 to 299"),
            ("body", self.body in _BODIES, ", ".join(sorted(_BODIES))),
            ("members", not self.members or self.body not in {"empty", "any"}, "none: the body is not read"),
            ("contains", not self.contains or self.body != "empty", "none: the body is empty"),
        ):
            if not holds:
                raise InvalidExchange(
                    f"field 'success.{name}' is missing or malformed", hint=f"give {wanted}"
                )
