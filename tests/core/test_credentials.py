"""Credentials of this process are cut out of texts, in whatever form they come back."""

from __future__ import annotations

import base64
import html
import json
import pickle
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from lienthong.connector import Connection, Receipt
from lienthong.credentials import hide, hide_in_ours, keep
from lienthong.errors import Reason, Unavailable

#: Has a character of every kind that some form escapes.
SECRET = "Mật-khẩu/7\"<&>'\\ +%3F§"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJIMjEifQ.c2lnbmF0dXJlLW9mLXRva2Vu"


WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "percent-encoded": lambda s: quote(s, safe=""),
    "percent-encoded in lower case": lambda s: quote(s, safe="").lower(),
    "a path": quote,
    "a form": quote_plus,
    "percent-encoded twice": lambda s: quote(quote(s, safe=""), safe=""),
    "JSON": lambda s: json.dumps({"sent": s}),
    "JSON in UTF-8": lambda s: json.dumps({"sent": s}, ensure_ascii=False),
    "JSON with escaped slashes": lambda s: json.dumps(s).replace("/", "\\/"),
    "JSON inside JSON": lambda s: json.dumps(json.dumps(s)),
    "XML": lambda s: html.escape(s, quote=False),
    "an XML attribute": lambda s: html.escape(s).replace("&#x27;", "&apos;"),
    "HTML": html.escape,
    "SQL": lambda s: "'" + s.replace("'", "''") + "'",
    "a Basic blob": lambda s: base64.b64encode(f"user:{s}".encode()).decode(),
    "base64 behind two characters": lambda s: base64.b64encode(f"ab{s}".encode()).decode(),
    "base64 before others": lambda s: base64.b64encode(f"a{s}cd".encode()).decode(),
    "base64url": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
    "hexadecimal": lambda s: s.encode().hex(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", [SECRET, TOKEN])
def test_a_credential_is_cut_out_in_every_form(way: str, secret: str) -> None:
    written = WAYS[way](secret)
    assert written in hide(f"before {written} after"), "nothing is known yet: nothing is cut"
    keep(secret)
    left = hide(f"before {written} after")
    assert written not in left
    assert "before " in left and " after" in left and "…" in left
    if way not in {"a Basic blob", "base64 behind two characters", "base64 before others"}:
        assert not any(written[i : i + 12] in left for i in range(len(written) - 12))


@pytest.mark.parametrize("cut", [TOKEN[:20], TOKEN[:40] + "...", "..." + TOKEN[-20:]])
def test_a_part_of_a_token_is_cut_out_where_its_beginning_or_its_end_is_quoted(cut: str) -> None:
    keep(TOKEN)
    assert hide(f"bad token {cut}").replace("...", "") == "bad token …"


def test_a_short_password_is_cut_out_where_it_stands_alone_and_words_stay() -> None:
    keep("ab1c", "xyz")
    assert hide("ab1c is wrong, ab1cd is not; (ab1c), xyz") == "… is wrong, ab1cd is not; (…), xyz"


def test_a_password_that_is_a_word_does_not_spoil_our_own_sentences() -> None:
    """Text from outside knows no exception."""
    keep("connection", "s3cret-of-ours")
    assert hide_in_ours("the connection was cut, s3cret-of-ours") == "the connection was cut, …"
    assert hide("the connection was cut") == "the … was cut"


def test_errors_reasons_and_receipts_hold_no_credential_whoever_makes_them() -> None:
    """Also those of a connector that knows nothing of this; and pickling does not bring it back."""
    keep(TOKEN)
    error = Unavailable(f"said {TOKEN}", where=f"at {TOKEN}", hint=TOKEN, gateway_code=TOKEN, tries=3)
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    for one in (error, copied):
        assert TOKEN not in f"{one} {one!r} {one.args} {one.details}"
        assert one.details["tries"] == 3
    reason = Reason(f"/{TOKEN}", f"target.{TOKEN}", TOKEN, f"no {TOKEN}")
    assert TOKEN not in str(reason.as_dict())
    assert reason.en == "no …"
    receipt = Receipt(TOKEN, "d" * 64, "2026-11-28T00:00:00Z", reference=f"ref-{TOKEN}")
    assert TOKEN not in str(receipt.as_dict())
    assert Receipt("200", "d" * 64, "2026-11-28T00:00:00Z", "DV-12345").reference == "DV-12345"


def test_a_connection_names_its_credentials_and_nothing_else() -> None:
    """By its connector's declaration, also inside fixed headers; of a connector that is not here by name."""
    Connection(
        "a",
        "lienthong_rest",
        login="the-login",
        password="pass-phrase-1",
        extra={
            "token": "token-phrase-2",
            "uplink_password": "gate-phrase-3",
            "token_url": "/oauth/token-address",
            "own_secret": "own-phrase-7",
            "headers": '{"X-Road-Client": "VN/GOV/1/LGSP", "ApiKey": "head-4", "X-Other": "Is phrase-five"}',
        },
    )
    Connection("b", "lienthong_private", extra={"api_key": "other-phrase-6", "path": "/public-path"})
    secret = (
        "pass-phrase-1",
        "token-phrase-2",
        "gate-phrase-3",
        "head-4",
        "phrase-five",
        "other-phrase-6",
        "own-phrase-7",
    )
    assert [hide(text) for text in secret] == ["…"] * len(secret)
    for text in ("the-login", "/oauth/token-address", "VN/GOV/1/LGSP", "/public-path"):
        assert hide(text) == text


def test_passing_credentials_are_remembered_for_a_while_and_push_no_others_out() -> None:
    keep(SECRET)
    for number in range(200):
        keep(f"passing-{number:04d}", passing=True)
    assert hide(SECRET) == "…"
    assert hide("passing-0199") == "…"
    assert hide("passing-0001") == "passing-0001"
