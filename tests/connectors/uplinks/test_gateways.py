"""Gateways that pass HTTP on: what they are sent, what their errors mean, whose credential is whose."""

from __future__ import annotations

from typing import Any

import pytest
from uplinked import reached

from lienthong.connector import Batch, Connection, Context, ReadRequest
from lienthong.errors import (
    Forbidden,
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from lienthong.records import canonical, sha256
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.gateway_errors import API_MANAGER, BY_STATUS
from lienthong_connectors.http.transport import Limits
from lienthong_connectors.http.uplink import PROFILES, profile_of
from lienthong_connectors.http.uplink_fields import UPLINK_FIELDS, UPLINKS
from lienthong_connectors.rest import NoPaging, RestSource, RestTarget
from lienthong_sandbox import Province

LIST = RestSource(path="/Category/magioitinh", paging=NoPaging())
TAKE = RestTarget(path="/Category/khac")


def read(connection: Connection) -> int:
    opened = LIST.open_source(connection, Context())
    try:
        return sum(len(page.records) for page in opened.read(ReadRequest()))
    finally:
        opened.close()


def deliver(connection: Connection) -> Any:
    opened = TAKE.open_target(connection, Context())
    data = canonical({"id": 1})
    try:
        return opened.deliver(Batch(sha256(data), [data], ("id",)))
    finally:
        opened.close()


def outgoing(extra: dict[str, Any], **call: Any) -> Call:
    """Return what a call becomes on a connection's way."""
    connection = Connection("x", "lienthong_rest", host="http://own.example/base", extra=extra)
    client = Client(connection, Context(), Limits())
    try:
        return client.route.outgoing(Call("GET", correlation="c-1", **{"path": "/list", **call}))
    finally:
        client.close()


def test_profiles_write_what_their_gateways_understand() -> None:
    """Prefix, service and correlation stand where each gateway looks for them."""
    ndxp = outgoing({"uplink": "ndxp", "uplink_prefix": "/ngsp", "uplink_service": "dmdc/1.0"})
    assert (ndxp.path, ndxp.headers) == ("/ngsp/dmdc/1.0/list", {"activityid": "c-1"})
    vxp = outgoing({"uplink": "vxp", "uplink_service": "VN:GOV:x"})
    assert vxp.path == "/XrdAdapter/RestService/forward/list"
    assert vxp.headers == {"dstcode": "VN:GOV:x"}
    other = outgoing(
        {"uplink": "vxp", "uplink_service": "x", "uplink_prefix": "/VXPAdapter/RestService/forward"}
    )
    assert other.path == "/VXPAdapter/RestService/forward/list"
    ndop = outgoing({"uplink": "ndop", "uplink_prefix": "share", "uplink_service": "dmdc"}, path="")
    assert (ndop.path, ndop.headers) == ("/share/dmdc", {})
    named = {"uplink_target_header": "X-Service", "uplink_correlation_header": "X-Cid", "uplink_service": "d"}
    assert outgoing({"uplink": "ndop", **named}).headers == {"X-Service": "d", "X-Cid": "c-1"}
    absolute = "http://own.example/base/page2"
    assert outgoing({"uplink": "ndxp"}, path=absolute).path == absolute
    assert outgoing({"uplink": "direct"}) == Call("GET", "/list", correlation="c-1")


def test_a_destination_that_a_header_must_name_is_asked_for() -> None:
    """The adapter cannot pass on what is addressed to nobody."""
    with pytest.raises(Misconfigured, match="uplink_service"):
        profile_of(Connection("x", "rest", host="http://h", extra={}), "vxp")


def test_every_profile_is_offered_and_every_offer_has_a_way() -> None:
    """The form's choices are the ways that there are."""
    assert set(PROFILES) | {"direct", "xroad"} == set(UPLINKS)
    assert all(field.doc and field.title.vi and field.title.en for field in UPLINK_FIELDS)


@pytest.mark.parametrize(
    ("code", "reading", "delivering"),
    [
        ("900901", Unauthenticated, Unauthenticated),
        ("900908", Forbidden, Forbidden),
        ("404", Misconfigured, Misconfigured),
        ("900800", RateLimited, RateLimited),
        ("900907", Unavailable, Unavailable),
        ("101503", Unavailable, Unavailable),
        ("303001", Unavailable, Unavailable),
        ("101504", Unavailable, OutcomeUnknown),
    ],
)
def test_an_api_managers_errors(
    province: Province, code: str, reading: type[LienThongError], delivering: type[LienThongError]
) -> None:
    """Each code in its kind, for a read and for a delivery; the hop goes with the error."""
    province.fault("ndxp", "hop_error", times=None, code=code)
    connection = reached(province, "national_catalogue", "ndxp")
    for act, kind in ((read, reading), (deliver, delivering)):
        with pytest.raises(LienThongError) as caught:
            act(connection)
        assert type(caught.value) is kind
        assert code in caught.value.message
        assert caught.value.details["hop"] in {"NDXP gateway", "service"}
        assert caught.value.details["vi"]


def test_a_gateways_bare_502_and_504_leave_a_delivery_unknown(province: Province) -> None:
    """By the status alone: the gateway got no answer from the service, or none in time."""
    for service in province.systems["vxp_adapter"].services.values():  # type: ignore[attr-defined]
        service.url = "http://127.0.0.1:9"
    connection = reached(province, "national_catalogue", "vxp")
    with pytest.raises(Unavailable, match="got no answer from the service"):
        read(connection)
    with pytest.raises(OutcomeUnknown):
        deliver(connection)
    assert set(BY_STATUS) == {502, 504}


def test_an_expired_gateway_token_is_renewed_once(province: Province) -> None:
    """The gateway's 401 renews the gateway's token, and the request is repeated once."""
    province.fault("ndxp", "hop_error", times=1, code="900901")
    assert read(reached(province, "national_catalogue", "ndxp")) > 0
    granted = [line for line in province.log("ndxp") if line["operation"] == "token"]
    province.fault("ndxp", "hop_error", times=None, code="900901")
    with pytest.raises(Unauthenticated):
        read(reached(province, "national_catalogue", "ndxp"))
    assert granted


def test_two_credentials_need_two_headers(province: Province) -> None:
    """A gateway's bearer and the service's basic cannot both be Authorization; each other place is fine."""
    with pytest.raises(Misconfigured, match="both want the header 'Authorization'"):
        read(reached(province, "national_catalogue", "ndxp", auth="basic", uplink_token_header=None))
    assert read(reached(province, "national_catalogue", "ndxp", auth="basic")) > 0
    assert read(reached(province, "national_catalogue", "ndxp", uplink_token_header=None)) > 0


def test_the_correlation_id_reaches_the_gateways_log(province: Province) -> None:
    """A delivery's key is its correlation id, in the header that the gateway logs."""
    before = {name: len(province.audit(name)) for name in ("ndxp", "ndop")}
    data = canonical({"id": 1})
    for uplink in before:
        with pytest.raises(LienThongError):
            deliver(reached(province, "national_catalogue", uplink))
        (line,) = province.audit(uplink)[before[uplink] :]
        assert line["request_id"] == sha256(data)


def test_nothing_secret_is_said(province: Province) -> None:
    """Neither errors nor log lines hold the gateway's password or token."""
    lines: list[str] = []
    connection = reached(province, "national_catalogue", "ndxp", uplink_password="very-secret")
    opened = LIST.open_source(connection, Context(log=lines.append))
    with pytest.raises(LienThongError) as caught:
        list(opened.read(ReadRequest()))
    opened.close()
    assert "very-secret" not in f"{caught.value} {caught.value.details} {lines} {connection}"


def test_an_xml_error_of_the_api_manager_is_read(province: Province) -> None:
    """Asked for XML, the API manager answers in XML; its code is found there too."""
    from lienthong_connectors.http.gateway import _XML_CODE

    said = b'<am:fault xmlns:am="http://wso2.org/apimanager"><am:code>900901</am:code><am:type/></am:fault>'
    found = _XML_CODE.search(said)
    assert found is not None
    assert found.group(1).decode() in API_MANAGER
