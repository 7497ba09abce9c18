"""How a service of the sandbox is reached through each of its gateways: extras of a connection."""

from __future__ import annotations

from collections.abc import Mapping

from lienthong_sandbox.hops import DANCU, DMDC
from lienthong_sandbox.hops.ndop import KEY
from lienthong_sandbox.hops.security_server import CLIENT, INSTANCE

_PROVIDERS = {"dmdc": f"{INSTANCE}/GOV/G22/DMDC", "dancu": f"{INSTANCE}/GOV/G01/DANCU"}
_DESTINATIONS = {"dmdc": DMDC, "dancu": DANCU}


def way(uplink: str, service: str, url: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the extras by which ``service`` (``dmdc`` or ``dancu``) is reached through ``uplink``."""
    ways: dict[str, dict[str, str]] = {
        "direct": {},
        "ndxp": {
            "uplink_host": f"{url}/ndxp",
            "uplink_service": f"{service}/1.0",
            "uplink_auth": "oauth2",
            "uplink_login": "lienthong-ndxp",
            "uplink_password": secrets["ndxp"],
            "uplink_token_url": f"{url}/ndxp/token",
            "uplink_token_header": "X-Gateway-Token",
        },
        "vxp": {"uplink_host": url, "uplink_service": _DESTINATIONS[service]},
        "xroad": {
            "uplink_host": f"{url}/xroad",
            "xroad_client": CLIENT,
            "xroad_provider": _PROVIDERS[service],
            "xroad_service": service,
            "xroad_protocol": "rest",
        },
        "ndop": {
            "uplink_host": f"{url}/ndop",
            "uplink_prefix": "/share",
            "uplink_service": service,
            "uplink_target_header": "X-Ndop-Service",
            "uplink_correlation_header": "X-Correlation-Id",
            "uplink_auth": "api-key",
            "uplink_token": KEY,
            "uplink_key_header": "X-Ndop-Key",
        },
    }
    return {"uplink": uplink, **ways[uplink]}


def standby(service: str, url: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return extras that wait for X-Road and go straight: one setting, ``uplink``, changes the way."""
    return way("xroad", service, url, secrets) | {"uplink": "direct"}
