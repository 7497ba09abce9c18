"""What stands between a province and a national service: stand-ins for the gateways of the field.

None of them is the real thing. The Security Server is written from X-Road's published protocols;
NDXP's API manager from WSO2's published behaviour; the document bus's adapter and the National Data
Centre's platform from the little that is public.
"""

from __future__ import annotations

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable, Mapping

from lienthong_sandbox.hops.adapter import Adapter
from lienthong_sandbox.hops.hop import Service
from lienthong_sandbox.hops.manager import Manager
from lienthong_sandbox.hops.ndop import Ndop
from lienthong_sandbox.hops.security_server import SecurityServer
from lienthong_sandbox.store import Store
from lienthong_sandbox.system import System
from lienthong_sandbox.tokens import Issuer

DMDC = "VN:GOV:000.00.00.G22:dmdc"
"""Destination code of the national catalogue at the adapter."""
DANCU = "VN:GOV:000.00.00.G01:dancu"
"""Destination code of the population database at the adapter."""


def hops(
    store: Callable[[str], Store], url: str, secrets: Mapping[str, str], gateway: Issuer
) -> list[System]:
    """Return the gateways of a sandbox at ``url``; ``gateway`` grants the catalogue's tokens."""

    def bearer() -> dict[str, str]:
        return {"Authorization": f"Bearer {gateway.issue()}"}

    def dancu_hash() -> dict[str, str]:
        stamp = str(time.time_ns() // 1_000_000)
        text = f"/dancu/soaplienthong-population{stamp}{secrets['population']}"
        value = f"lienthong-population:{hashlib.sha256(text.encode()).hexdigest()}"
        return {"Authorization": f"Basic {b64encode(value.encode()).decode()}", "Timestamp": stamp}

    def catalogue() -> Service:
        return Service(f"{url}/dmdc", bearer)

    def population(*, trusted: bool = False) -> Service:
        return Service(f"{url}/dancu/soap", dancu_hash if trusted else None)

    manager = Issuer({"lienthong-ndxp": secrets["ndxp"]}, gateway.lifetime, "default")
    apis = {"dmdc/1.0": catalogue(), "dancu/1.0": population(), "khoa/1.0": catalogue()}
    return [
        Manager(store("ndxp"), apis, manager),
        Adapter(store("vxp_adapter"), {DMDC: catalogue(), DANCU: population()}),
        Ndop(store("ndop"), {"dmdc": catalogue(), "dancu": population()}),
        SecurityServer(
            store("security_server"),
            {
                "G22/DMDC/dmdc": catalogue(),
                "G22/DMDC/khoa": catalogue(),
                "G01/DANCU/dancu": population(),
                "G01/DANCU/TraCuuThongTinCongDan": population(trusted=True),
                "G01/DANCU/XacThucThongTinCongDan": population(trusted=True),
                "G01/DANCU/DongBoThongTinCongDan": population(trusted=True),
            },
        ),
    ]
