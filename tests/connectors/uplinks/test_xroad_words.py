"""X-Road's identifiers and error codes: what is written, what is understood."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lienthong.errors import (
    Forbidden,
    Misconfigured,
    OutcomeUnknown,
    Transient,
    Unauthenticated,
    Unavailable,
)
from lienthong_connectors.http.trouble import FAR_GATEWAY, GATEWAY, SERVICE
from lienthong_connectors.xroad.faults import CLIENT, FAR, NEAR, ROWS, side_of, trouble_of
from lienthong_connectors.xroad.identifiers import Member, ServiceId

PAGE = Path(__file__).parents[3] / "docs/connectors/xroad.md"


def test_identifiers_encode_each_part_by_itself() -> None:
    """The slash divides parts; one inside a part is encoded, as is whatever no URL can hold (PR-REST 4.2)."""
    member = Member.parse("VN/GOV/BAR%2FSERVICE/Dân cư", where="x")
    assert member.parts == ("VN", "GOV", "BAR/SERVICE", "Dân cư")
    assert str(member) == "VN/GOV/BAR%2FSERVICE/D%C3%A2n%20c%C6%B0"
    assert str(ServiceId(member, "a/b")) == f"{member}/a%2Fb"
    assert Member.parse(str(member), where="x") == member
    assert (member.object_type, Member.parse("a/b/c", where="x").object_type) == ("SUBSYSTEM", "MEMBER")


@pytest.mark.parametrize("text", ["", "a/b", "a/b/c/d/e", "a//c", "a/b/c/", "a/b/c%0d%0a/d", "a/ /c"])
def test_malformed_identifiers_are_named(text: str) -> None:
    """Too few or many parts, empty ones and control characters never reach a URL or header."""
    with pytest.raises(Misconfigured, match="identifier") as caught:
        Member.parse(text, where="connection 'x', xroad_client")
    assert "xroad_client" in str(caught.value)


def test_one_row_speaks_for_a_side_and_name() -> None:
    """No code has two meanings, and every row has both languages and an advice."""
    seen: set[tuple[str, str]] = set()
    for row in ROWS:
        for key in ((side, name) for side in row.sides for name in row.names):
            assert key not in seen, key
            seen.add(key)
        trouble = row.trouble
        assert trouble.vi and trouble.en and trouble.hint
        assert trouble.hop in {GATEWAY, FAR_GATEWAY, SERVICE}
    assert len(seen) > 100


@pytest.mark.parametrize(
    ("code", "kind", "hop", "taken"),
    [
        ("Server.ServerProxy.AccessDenied", Forbidden, FAR_GATEWAY, False),
        ("Server.ServerProxy.UnknownService", Misconfigured, FAR_GATEWAY, False),
        ("Server.ClientProxy.UnknownMember", Misconfigured, GATEWAY, False),
        ("Server.ClientProxy.SslAuthenticationFailed", Unauthenticated, GATEWAY, False),
        ("Server.ClientProxy.NetworkError", Unavailable, FAR_GATEWAY, True),
        ("Server.ServerProxy.NetworkError", Unavailable, SERVICE, True),
        ("Server.ServerProxy.ServiceFailed.HttpError", Unavailable, SERVICE, True),
        ("Server.ServerProxy.CannotCreateSignature", Unavailable, FAR_GATEWAY, True),
        ("Server.ClientProxy.CannotCreateSignature", Unavailable, GATEWAY, False),
        ("Server.ClientProxy.ServiceFailed.MissingBody", Unavailable, FAR_GATEWAY, True),
        ("server.serverproxy.access_denied", Forbidden, FAR_GATEWAY, False),
        ("Client.BadRequest", Misconfigured, GATEWAY, False),
        ("Client.NeverHeardOf", Misconfigured, GATEWAY, False),
        ("Server.ServerProxy.NeverHeardOf", Unavailable, FAR_GATEWAY, True),
    ],
)
def test_codes_say_hop_kind_and_whether_a_delivery_may_have_left(
    code: str, kind: type[Exception], hop: str, taken: bool
) -> None:
    """A read fails in its kind; a delivery that may have arrived is unknown, one that cannot have is not."""
    trouble = trouble_of(code)
    assert trouble is not None
    assert (trouble.hop, trouble.taken) == (hop, taken)
    read = trouble.error(code, place="p", where="w", safe=True)
    delivery = trouble.error(code, place="p", where="w", safe=False)
    assert type(read) is kind
    assert isinstance(delivery, OutcomeUnknown) is taken
    assert read.details["gateway_code"] == code
    assert code in str(read.details["vi"])


@pytest.mark.parametrize(
    "code", ["Server", "Server.Busy", "Receiver", "Clientele.X", "", "Server.ClientProxyX.A"]
)
def test_other_peoples_codes_are_not_x_roads(code: str) -> None:
    """A service's own fault code is left to the service's table."""
    assert side_of(code) == ""
    assert trouble_of(code) is None


def test_nothing_is_retried_that_only_people_can_mend() -> None:
    """Refusals and mistakes are no transient errors."""
    for row in ROWS:
        if issubclass(row.trouble.kind, Misconfigured):
            assert not issubclass(row.trouble.kind, Transient)
            assert not row.trouble.taken or row.sides == (NEAR,)


def test_the_page_shows_the_table() -> None:
    """Every row stands in the documentation, with its sides, names, meaning and both texts."""
    page = PAGE.read_text(encoding="utf-8")
    shown = [line for line in page.splitlines() if re.match(r"\| (Client|Server)", line)]
    assert shown == [line for row in ROWS for line in [table_line(row)]]


def table_line(row: object) -> str:
    """Return a row as the page writes it."""
    sides = ", ".join(row.sides)  # type: ignore[attr-defined]
    names, trouble = " ".join(row.names), row.trouble  # type: ignore[attr-defined]
    delivery = "unknown" if trouble.taken else "not taken"
    place = {GATEWAY: "ours", FAR_GATEWAY: "provider's", SERVICE: "service"}[trouble.hop]
    kind = trouble.kind.__name__
    return f"| {sides} | {names} | `{kind}` | {place} | {delivery} | {trouble.en} / {trouble.vi} |"


def test_the_sides_are_the_protocols() -> None:
    """The prefixes are those of PR-REST section 4.6."""
    assert (CLIENT, NEAR, FAR) == ("Client", "Server.ClientProxy", "Server.ServerProxy")
