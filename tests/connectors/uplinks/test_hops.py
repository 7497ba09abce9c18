"""A check names the one hop that is broken: each is broken in turn, everything else works."""

from __future__ import annotations

from typing import Any

import pytest
from uplinked import reached

from lienthong.connector import Connection, Context, Finding
from lienthong_connectors.presets import shared_catalogue, verify_citizen
from lienthong_connectors.rest import RestTarget
from lienthong_sandbox import Province

UNITS = shared_catalogue("donvihanhchinh")
VERIFY = verify_citizen(number="a", name="b", born="c", agency="d")
NEAR, FAR = "Security Server", "provider's Security Server"
CLOSED = "http://127.0.0.1:9"


def check(connection: Connection) -> list[Finding]:
    """Check a connection's end in the role that the sandbox's exchanges give it."""
    context = Context()
    opened: Any = (
        VERIFY.open_lookup(connection, context)
        if connection.kind == "lienthong_soap"
        else UNITS.open_source(connection, context)
    )
    try:
        return list(opened.check())
    finally:
        opened.close()


def broken(connection: Connection) -> tuple[str, str]:
    """Return hop and step of the one finding that failed, which is the last."""
    rows = check(connection)
    failed = [row for row in rows if not row.ok]
    assert failed == rows[-1:], rows
    assert failed[0].hint or failed[0].hop == "service"
    return failed[0].hop, failed[0].check


GATEWAYS = {
    "ndxp": "NDXP gateway", "vxp": "VXP adapter", "xroad": NEAR, "ndop": "NDOP gateway"
}  # fmt: skip


@pytest.mark.parametrize("name", ["national_catalogue", "population"])
@pytest.mark.parametrize("uplink", GATEWAYS)
def test_every_hop_of_a_sound_way_is_found_sound(province: Province, uplink: str, name: str) -> None:
    """Machine, gateway and service each have their rows, in the order of the way."""
    rows = check(reached(province, name, uplink))
    assert all(row.ok for row in rows), rows
    hops = list(dict.fromkeys(row.hop for row in rows if row.check not in {"credential", "description"}))
    far = [FAR] if uplink == "xroad" else []
    assert hops == ["this machine", GATEWAYS[uplink], *far, "service"]


@pytest.mark.parametrize("name", ["national_catalogue", "population"])
@pytest.mark.parametrize("uplink", GATEWAYS)
def test_a_stopped_gateway(province: Province, uplink: str, name: str) -> None:
    """Nothing listens at the gateway's port."""
    connection = reached(province, name, uplink, uplink_host=CLOSED)
    assert broken(connection) == (GATEWAYS[uplink], "port")


def test_a_gateway_whose_name_is_unknown(province: Province) -> None:
    """The name service knows no such gateway."""
    connection = reached(province, "population", "xroad", uplink_host="https://gateway.invalid")
    assert broken(connection) == (NEAR, "name")


@pytest.mark.parametrize("name", ["national_catalogue", "population"])
@pytest.mark.parametrize(
    ("uplink", "changes", "step"),
    [
        ("ndxp", {"uplink_password": "wrong"}, "credential"),
        ("ndxp", {"uplink_auth": "bearer", "uplink_token": "wrong"}, "credential"),
        ("ndop", {"uplink_token": "wrong"}, "credential"),
        ("ndxp", {"uplink_service": "nosuch/1.0"}, "route"),
        ("ndxp", {"uplink_service": "khoa/1.0"}, "route"),
        ("vxp", {"uplink_service": "VN:GOV:nosuch"}, "route"),
        ("xroad", {"xroad_client": "SANDBOX/GOV/H21/STRANGER"}, "route"),
        ("xroad", {"xroad_provider": "SANDBOX/GOV/G99/NOBODY"}, "route"),
        ("xroad", {"xroad_security_server": "SANDBOX/GOV/G22/other"}, "route"),
    ],
)
def test_the_gateway_refuses(
    province: Province, name: str, uplink: str, changes: dict[str, str], step: str
) -> None:
    """Its credential, a service that it does not know or let us call, a party that it does not know."""
    assert broken(reached(province, name, uplink, **changes)) == (GATEWAYS[uplink], step)


@pytest.mark.parametrize("name", ["national_catalogue", "population"])
def test_the_providers_security_server_refuses(province: Province, name: str) -> None:
    """An unknown service and one that is not granted to us are the far Security Server's words."""
    assert broken(reached(province, name, "xroad", xroad_service="nosuch")) == (FAR, "route")
    provider = "SANDBOX/GOV/G22/DMDC"
    closed = reached(province, name, "xroad", xroad_provider=provider, xroad_service="khoa")
    assert broken(closed) == (FAR, "route")


@pytest.mark.parametrize(
    ("code", "hop", "step"),
    [
        ("Server.ClientProxy.OutdatedGlobalConf", NEAR, "configuration"),
        ("Server.ClientProxy.CannotCreateSignature", NEAR, "signing"),
        ("Server.ClientProxy.SslAuthenticationFailed", NEAR, "credential"),
        ("Server.ClientProxy.NetworkError", FAR, "connection"),
        ("Server.ServerProxy.DatabaseError", FAR, "inside"),
        ("server.serverproxy.service_disabled", FAR, "route"),
        ("Server.ServerProxy.ServiceFailed.HttpError", "service", "service"),
    ],
)
@pytest.mark.parametrize("name", ["national_catalogue", "population"])
def test_x_roads_own_errors_name_the_hop(
    province: Province, name: str, code: str, hop: str, step: str
) -> None:
    """What either Security Server says tells which of the hops it is."""
    province.fault("security_server", "hop_error", times=None, code=code)
    assert broken(reached(province, name, "xroad")) == (hop, step)


@pytest.mark.parametrize("name", ["national_catalogue", "population"])
@pytest.mark.parametrize("uplink", GATEWAYS)
def test_a_service_that_is_down_behind_the_gateway(province: Province, uplink: str, name: str) -> None:
    """The gateway works and says that what stands behind it does not."""
    systems = {"ndxp": "ndxp", "vxp": "vxp_adapter", "xroad": "security_server", "ndop": "ndop"}
    for service in province.systems[systems[uplink]].services.values():  # type: ignore[attr-defined]
        service.url = CLOSED
    assert broken(reached(province, name, uplink)) == ("service", "service")


@pytest.mark.parametrize("uplink", ["direct", *GATEWAYS])
def test_the_services_own_credential(province: Province, uplink: str) -> None:
    """Every gateway lets us pass; the service does not know us."""
    hop, step = broken(reached(province, "population", uplink, password="wrong"))
    assert (hop, step) == ("service", "service" if uplink == "direct" else "credential")


@pytest.mark.parametrize("uplink", GATEWAYS)
def test_the_services_own_refusal_is_the_services(province: Province, uplink: str) -> None:
    """A path that only the service can miss is not laid at a gateway's door."""
    target = RestTarget(path="/nosuch")
    opened = target.open_target(reached(province, "national_catalogue", uplink), Context())
    rows = opened.check()
    opened.close()
    assert [(row.hop, row.check) for row in rows if not row.ok] == [("service", "path")]


def test_a_service_in_trouble_of_its_own(province: Province) -> None:
    """A 503 that carries X-Road's headers came from the service, through both Security Servers."""
    province.fault("national_catalogue", "unavailable", times=None)
    assert broken(reached(province, "national_catalogue", "xroad")) == ("service", "path")


def test_what_is_no_security_server(province: Province) -> None:
    """Another web server at the address is named as such."""
    connection = reached(province, "national_catalogue", "xroad", uplink_host=f"{province.url}/dmdc")
    assert broken(connection) == (NEAR, "route")
