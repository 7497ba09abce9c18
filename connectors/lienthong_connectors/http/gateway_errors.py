"""What the gateways' own error codes mean.

`API_MANAGER` are the codes of WSO2 API Manager (9008xx, 9009xx: its documentation, "Error Handling";
1015xx, 30300x: Synapse's transport and endpoint errors), which NDXP and most provinces run.
"""

from __future__ import annotations

from collections.abc import Mapping

from lienthong.errors import Forbidden, Misconfigured, RateLimited, Unauthenticated, Unavailable
from lienthong_connectors.http.trouble import GATEWAY, SERVICE, Trouble

NOT_KNOWN = Trouble(
    Unauthenticated,
    GATEWAY,
    "credential",
    "Cổng không chấp nhận thông tin xác thực của ta",
    "the gateway does not accept who we are",
    "check uplink_auth, uplink_login, uplink_password and uplink_token",
)
_NOT_ALLOWED = Trouble(
    Forbidden,
    GATEWAY,
    "route",
    "Cổng biết ta nhưng không cho gọi dịch vụ này",
    "the gateway knows us and does not let us call this service",
    "subscribe to the API at the gateway, or ask for the scope",
)
_NO_SERVICE = Trouble(
    Misconfigured,
    GATEWAY,
    "route",
    "Cổng không có dịch vụ này",
    "the gateway knows no such service",
    "check uplink_prefix and uplink_service of the connection, and the path of the settings",
)
_BLOCKED = Trouble(
    Unavailable,
    GATEWAY,
    "route",
    "Cổng đang tạm khóa dịch vụ này",
    "the gateway has blocked this service for now",
    "ask the operator of the gateway",
)
_QUOTA = Trouble(
    RateLimited,
    GATEWAY,
    "quota",
    "Vượt hạn mức gọi tại cổng",
    "the gateway's quota is used up",
    "wait, or ask the operator of the gateway for more",
)
_DOWN = Trouble(
    Unavailable,
    SERVICE,
    "service",
    "Cổng không kết nối được tới dịch vụ phía sau",
    "the gateway cannot reach the service behind it",
    "tell the agency whose service it is; our side and the gateway work",
)
_LOST = Trouble(
    Unavailable,
    SERVICE,
    "service",
    "Cổng không nhận được trả lời từ dịch vụ phía sau",
    "the gateway got no answer from the service behind it",
    "tell the agency whose service it is; our side and the gateway work",
    taken=True,
)

API_MANAGER: Mapping[str, Trouble] = {
    **dict.fromkeys(("900900", "900901", "900902", "900903", "900904", "900905"), NOT_KNOWN),
    **dict.fromkeys(("900908", "900909", "900910"), _NOT_ALLOWED),
    **dict.fromkeys(("404", "900906"), _NO_SERVICE),
    "900907": _BLOCKED,
    **dict.fromkeys((str(code) for code in range(900800, 900809)), _QUOTA),
    **dict.fromkeys(("101503", "101508", "303000", "303001"), _DOWN),
    **dict.fromkeys(("101500", "101501", "101504", "101505", "101506", "101507", "101509"), _LOST),
}
"""Codes of an API manager."""

ADAPTER: Mapping[str, Trouble] = {"404": _NO_SERVICE}
"""Codes of the document bus's adapter: a destination code that leads nowhere."""

BY_STATUS: Mapping[int, Trouble] = {502: _LOST, 504: _LOST}
"""What a gateway says by the status alone (RFC 9110 sections 15.6.3 and 15.6.5)."""
