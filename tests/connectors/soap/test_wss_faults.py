"""WS-Security's own faults are about us: never tried again, which would lock the account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lienthong.connector import Batch, Context, Question, ReadRequest
from lienthong.errors import (
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    SignatureInvalid,
    Unauthenticated,
    Unavailable,
)
from lienthong.records import canonical
from lienthong.signing import KeyRing
from lienthong.signing.keys import create_development_keys
from lienthong_connectors.soap import (
    AnswerPolicy,
    FaultTable,
    ResultCodes,
    SoapLookup,
    SoapSource,
    SoapTarget,
    WsSecurity,
)
from lienthong_connectors.soap.wss_faults import CODES

WHO = {"FailedAuthentication", "InvalidSecurityToken", "SecurityTokenUnavailable", "BadContextToken"}
WHO |= {"AuthenticationBadElements", "ExpiredData", "RenewNeeded", "UnableToRenew", "SecurityAccessDenied"}
BATCH = Batch("a" * 64, [canonical({"id": "1"})], ("id",))


def fault(code: str, style: str) -> str:
    """A fault as WSS4J writes it for 1.1, as WCF for 1.2, and under a general code."""
    if style == "1.2":
        return (
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>"
            f"<s:Value xmlns:a='urn:a'>a:{code}</s:Value></s:Subcode></s:Code>"
            "<s:Reason><s:Text xml:lang='en'>The password of can.bo.01 is wrong</s:Text></s:Reason></s:Fault>"
        )
    name = f"s:Server.{code}" if style == "dotted" else f"wsse:{code}"
    return (
        f"<s:Fault><faultcode xmlns:wsse='urn:w'>{name}</faultcode>"
        "<faultstring>The password of can.bo.01 is wrong</faultstring></s:Fault>"
    )


def tried(told: Any, settings: Any, role: str, context: Context) -> LienThongError:
    opened = getattr(settings, f"open_{role}")(told.connection(), context)
    acts = {
        "source": lambda: list(opened.read(ReadRequest())),
        "target": lambda: opened.deliver(BATCH),
        "lookup": lambda: opened.ask(Question("1", {}, "cb", "tt", "md")),
    }
    with pytest.raises(LienThongError) as caught:
        acts[role]()
    opened.close()
    return caught.value


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("style", "status"), [("1.1", 500), ("dotted", 500), ("1.2", 400), ("1.1", 200)])
def test_a_refusal_of_our_header_is_final_for_every_role(
    told: Any, tools: Any, code: str, style: str, status: int
) -> None:
    """Before: `Unavailable`, tried again to the last attempt; a delivery was in doubt for nothing."""
    version = "1.2" if style == "1.2" else "1.1"
    told.envelope(fault(code, style), tools.SOAP12 if version == "1.2" else tools.SOAP11)
    told.status = status
    told.headers = {"Content-Type": "application/soap+xml" if version == "1.2" else "text/xml"}
    common: dict[str, Any] = {"operation": "get", "namespace": "urn:t", "soap_version": version}
    roles = {
        "source": SoapSource(record_element="item", **common),
        "lookup": SoapLookup(**common),
        "target": SoapTarget(
            request={"id": "$record.id"}, result=ResultCodes(path="c", acknowledged=("0",)), **common
        ),
    }
    for role, settings in roles.items():
        error = tried(told, settings, role, Context(log=lambda _: None))
        assert type(error) is (Unauthenticated if code in WHO else Misconfigured), role
        assert code in str(error) and error.hint == CODES[code][1]
        assert "can.bo.01" not in str(error)


def test_the_agencys_own_table_goes_before(told: Any) -> None:
    """A service may use such a code for something that passes, and then its table says so."""
    told.envelope(fault("InvalidSecurity", "1.1"))
    settings = SoapLookup(
        operation="get", namespace="urn:t", faults=FaultTable(transient=("InvalidSecurity",))
    )
    assert type(tried(told, settings, "lookup", Context(log=lambda _: None))) is Unavailable


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Context:
    home: Path = tmp_path_factory.mktemp("keys")
    create_development_keys(home, "H21")
    ring = KeyRing.for_home(home)
    return Context(signer=ring.signer("H21"), trust=ring.trust(), log=lambda _: None)


@pytest.mark.parametrize("style", ["1.1", "1.2"])
@pytest.mark.parametrize("code", ["FailedCheck", "FailedAuthentication", "OwnCode"])
def test_what_an_unsigned_fault_says_is_named_as_unverified(
    told: Any, tools: Any, signed: Context, style: str, code: str
) -> None:
    """Before: "the envelope has no Security header", and nobody could find out why.

    It stays a broken signature: whoever stands between could write that nothing was taken.
    """
    told.envelope(fault(code, style), tools.SOAP12 if style == "1.2" else tools.SOAP11)
    told.status = 500
    security = WsSecurity(sign=False, verify=AnswerPolicy())
    for role, settings in (
        ("lookup", SoapLookup(operation="get", namespace="urn:t", security=security)),
        (
            "target",
            SoapTarget(
                operation="get",
                namespace="urn:t",
                request={"id": "$record.id"},
                result=ResultCodes(path="c", acknowledged=("0",)),
                security=security,
            ),
        ),
    ):
        error = tried(told, settings, role, signed)
        assert isinstance(error, SignatureInvalid) and not isinstance(error, OutcomeUnknown)
        assert f"{code}, which is unverified" in error.message
        assert error.details["unverified"] == code
        assert "can.bo.01" not in str(error)


def test_an_unsigned_answer_that_is_no_fault_names_nothing(told: Any, signed: Context) -> None:
    told.envelope("<got><faultcode>s:Client</faultcode></got>")
    settings = SoapLookup(
        operation="get", namespace="urn:t", security=WsSecurity(sign=False, verify=AnswerPolicy())
    )
    assert "unverified" not in str(tried(told, settings, "lookup", signed))
