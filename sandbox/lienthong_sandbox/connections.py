"""How the bus reaches the sandbox: Airflow connections, in the form of its JSON secrets file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lienthong_sandbox import lgsp, vxp
from lienthong_sandbox.applicants import OFFICERS
from lienthong_sandbox.uplinks import standby

AGENCY = "H21.129"
"""Agency code under which the bus calls the national systems."""
DSTCODE = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
"""Destination code of the national portal behind its adapter."""

Connection = dict[str, Any]


def _connection(kind: str, host: str, login: str, password: str, **extra: Any) -> Connection:
    return {
        "conn_type": kind,
        "host": host,
        "port": None,
        "schema": None,
        "login": login,
        "password": password,
        "extra": extra,
    }


def build(url: str, secrets: Mapping[str, str], warehouse_url: str) -> dict[str, Connection]:
    """Return every connection by id for a sandbox at ``url`` (no slash at the end)."""
    portal = f"{url}/VXPAdapter/RestService/forward"
    people, civil = f"{url}/dancu/soap", f"{url}/apiHoTichTuPhap/soap"

    def rest(name: str, host: str, **extra: Any) -> Connection:
        return _connection("lienthong_rest", host, f"lienthong-{name}", secrets[name], **extra)

    def soap(name: str, host: str, **extra: Any) -> Connection:
        return _connection(
            "lienthong_soap", host, f"lienthong-{name}", secrets[name], wsdl=f"{host}?wsdl", **extra
        )

    found = {
        "national_catalogue": rest(
            "national_catalogue", f"{url}/dmdc", auth="oauth2", token_url=f"{url}/token"
        ),
        "one_stop": rest(
            "one_stop",
            f"{url}/motcua",
            auth="oauth2",
            token_url=f"{url}/motcua/oauth2/token",
            scope="hoso xacthuc",
        ),
        "national_portal": rest(
            "national_portal",
            portal,
            auth="dvcqg-session",
            token_url=f"{portal}/mapi/login",
            share_url=f"{portal}/mapi/g",
            push_url=f"{portal}/mapi/p",
            dstcode=DSTCODE,
            madonvi=AGENCY,
        ),
        "population": soap(
            "population", people, auth="dancu-hash", sv_url="/dancu/soap", madonvi=AGENCY, officer=OFFICERS[0]
        ),
        "civil_status": soap(
            "civil_status", civil, auth="oauth2", token_url=f"{url}/token", soap_version="1.2"
        ),
        **_platforms(url, secrets),
        "warehouse": _connection("lienthong_sql", "", "", "", url=warehouse_url),
    }
    for name, service in (("national_catalogue", "dmdc"), ("population", "dancu")):
        found[name]["extra"] |= standby(service, url, secrets)
    return found


def _platforms(url: str, secrets: Mapping[str, str]) -> dict[str, Connection]:
    """Return the connections of the platforms that other systems stand behind."""
    names = {"AppName": "app_name", "PartnerCode": "partner_code", "PartnerCodeCus": "partner_code_cus"}
    more: dict[str, Any] = {names[name]: value for name, value in lgsp.IDENTITY.items()}
    more |= {"token_url": f"{url}/lgsp/token"}
    people = f"{url}/lgsp/dancu"
    officer: dict[str, Any] = {"officer_key_name": lgsp.OFFICER, "officer_key_pass": secrets["lgsp_officer"]}
    officer |= {"madonvi": AGENCY, "officer": OFFICERS[0], "wsdl": f"{people}?wsdl"}
    name, secret = "lienthong-lgsp", secrets["lgsp"]
    return {
        "lgsp": _connection("lienthong_rest", f"{url}/lgsp", name, secret, auth="lgsp", **more),
        "lgsp_population": _connection(
            "lienthong_soap", people, name, secret, auth="lgsp-dancu", **more, **officer
        ),
        "vxp": _connection("lienthong_rest", f"{url}/vxp", vxp.SYSTEM, secrets["vxp"], auth="vxp-hmac"),
    }
