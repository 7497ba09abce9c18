"""The lgspaccesstoken platform: identity, second token, rights, quota, wrapped population database."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests

from lienthong_sandbox import Province

LIST = "/dmdc/donvihanhchinh?trang=1&soBanGhi=3"


@pytest.fixture
def connection(province: Province) -> dict[str, Any]:
    return province.connections()["lgsp"]


def identity(connection: dict[str, Any], **changed: str) -> str:
    extra = connection["extra"]
    fields = {
        "AccessKey": connection["login"],
        "SecretKey": connection["password"],
        "AppName": extra["app_name"],
        "PartnerCode": extra["partner_code"],
        "PartnerCodeCus": extra["partner_code_cus"],
    }
    return base64.b64encode(json.dumps(fields | changed).encode()).decode()


def second_token(connection: dict[str, Any]) -> str:
    answer = requests.post(
        connection["extra"]["token_url"],
        data={"grant_type": "client_credentials"},
        headers={"lgspaccesstoken": identity(connection)},
        timeout=60,
    )
    return str(answer.json()["access_token"])


def get(connection: dict[str, Any], path: str = LIST, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(connection["host"] + path, headers=named, timeout=60)


def test_every_placement_is_understood_and_the_envelope_is_the_family_s(connection):
    """Own header with either second token, and Authorization without a scheme word."""
    who, token = identity(connection), second_token(connection)
    for headers in (
        {"lgspaccesstoken": who, "Authorization": f"Bearer {token}"},
        {"lgspaccesstoken": who, "X_Authentication_Token": token},
        {"Authorization": who},
        {"Authorization": who, "X_Authentication_Token": token},
    ):
        answer = get(connection, **headers)
        assert answer.status_code == 200
        body = answer.json()
        assert list(body) == ["StatusCode", "Status", "Description", "ThrowException", "ResultObject"]
        assert (body["StatusCode"], body["Status"]) == (200, "SUCCESS")
        assert len(body["ResultObject"]["data"]) == 3
        assert body["ResultObject"]["tongSo"] == 3321


def test_a_wrong_identity_or_token_is_401(connection):
    """One wrong value, another order, no base64, no second token, a token that never was."""
    who, token = identity(connection), second_token(connection)
    turned = dict(reversed(json.loads(base64.b64decode(who)).items()))
    for headers in (
        {},
        {"lgspaccesstoken": identity(connection, SecretKey="wrong"), "Authorization": f"Bearer {token}"},
        {
            "lgspaccesstoken": base64.b64encode(json.dumps(turned).encode()).decode(),
            "Authorization": f"Bearer {token}",
        },
        {"lgspaccesstoken": "no base64", "Authorization": f"Bearer {token}"},
        {"lgspaccesstoken": who},
        {"lgspaccesstoken": who, "Authorization": "Bearer never-granted"},
        {"Authorization": identity(connection, AppName="x")},
        {"Authorization": who, "X_Authentication_Token": "never-granted"},
    ):
        answer = get(connection, **headers)
        assert answer.status_code == 401, headers
        assert answer.json()["Status"] == "ERROR"


def test_a_list_without_a_right_is_403_and_quota_is_429(connection, province):
    who = identity(connection)
    assert get(connection, "/dmdc/madantoc", Authorization=who).status_code == 403
    province.fault("lgsp", "rate_limited", operation="dmdc", seconds=3)
    answer = get(connection, Authorization=who)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")


def test_the_population_database_is_asked_in_an_officer_s_name(connection, province):
    """The answer is the database's own; a wrong officer, token or wrapper never reaches it."""
    officer = province.connections()["lgsp_population"]["extra"]
    key = f"{officer['officer_key_name']}:{officer['officer_key_pass']}"
    good = {
        "accessToken": f"Bearer {second_token(connection)}",
        "lgspAccessToken": identity(connection),
        "AuthHash": base64.b64encode(key.encode()).decode(),
        "data": '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x/></s:Body></s:Envelope>',
    }

    def post(**changed: str) -> requests.Response:
        return requests.post(connection["host"] + "/dancu", json=good | changed, timeout=60)

    assert "DL02" in post().text
    assert post(AuthHash="").status_code == 401
    assert post(accessToken="Bearer x").status_code == 401
    assert post(lgspAccessToken="x").status_code == 401
    lacking = {name: value for name, value in good.items() if name != "data"}
    assert requests.post(connection["host"] + "/dancu", json=lacking, timeout=60).status_code == 400
