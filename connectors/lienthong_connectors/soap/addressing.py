"""WS-Addressing 1.0 (W3C, 2006) and the member submission of 2004/08: headers of requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from lienthong.errors import Misconfigured, ProtocolViolation
from lienthong_connectors.soap.described import Described
from lienthong_connectors.xml.shape import TEXT_MEMBER

if TYPE_CHECKING:
    from lienthong_connectors.soap.policies import Addressing

SPACES: Final = {
    "1.0": "http://www.w3.org/2005/08/addressing",
    "2004/08": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
}
"""Namespace by version."""

_ANONYMOUS: Final = {
    "1.0": "http://www.w3.org/2005/08/addressing/anonymous",
    "2004/08": "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
}


def message_id(request_id: str = "") -> str:
    """Return a MessageID: that of the request id (32 hexadecimal digits), else a new one.

    The request id is the same on every try of a delivery, which is one message then. What has no
    effect is a new message each time.
    """
    return (UUID(hex=request_id) if request_id else uuid4()).urn


def blocks(
    settings: Addressing, operation: Described, address: str, identity: str, *, where: str
) -> dict[str, Any]:
    """Return the header blocks of a request, by Clark name.

    Raises `Misconfigured` where nothing says what the Action is.
    """
    action = settings.action or operation.addressing or operation.action
    if not action:
        raise Misconfigured(
            "WS-Addressing needs an Action, and there is none",
            where=where,
            hint="set addressing.action, or action",
        )
    space = SPACES[settings.version]
    values: dict[str, Any] = {
        "MessageID": {TEXT_MEMBER: identity},
        "To": {TEXT_MEMBER: settings.to or address},
        "Action": {TEXT_MEMBER: action},
        "ReplyTo": {"Address": _ANONYMOUS[settings.version]},
    }
    if settings.must_understand:
        values = {name: {"@mustUnderstand": True, **value} for name, value in values.items()}
    return {f"{{{space}}}{name}": value for name, value in values.items()}


def check_relation(
    settings: Addressing, header: Mapping[str, Any], identity: str, *, where: str, fault: bool
) -> None:
    """Check that an answer is one to our message.

    Raises `ProtocolViolation` where RelatesTo names another message, or is missing; a fault may
    come without it, because a service that could not read the request does not know it.
    """
    said = header.get(f"{{{SPACES[settings.version]}}}RelatesTo")
    names = [_text(one) for one in (said if isinstance(said, list) else [said]) if one is not None]
    if identity in names or (not names and fault):
        return
    what = "is to another message (RelatesTo)" if names else "does not say to which message (RelatesTo)"
    raise ProtocolViolation(
        f"the answer {what}", where=where, hint="ask the agency about its WS-Addressing", reason="relates-to"
    )


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get(TEXT_MEMBER, "")
    return str(value).strip()
