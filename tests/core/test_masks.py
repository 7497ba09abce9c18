"""Stand-ins for personal values: alike, consistent, and nobody's."""

from __future__ import annotations

import json

import pytest

from lienthong.recording.bodies import masked_body
from lienthong.recording.masks import Masks


def test_a_value_has_one_stand_in_whatever_its_case_and_place() -> None:
    """A name is the same person's in capitals, under another name, and inside a document in a text."""
    masks = Masks(["hoVaTen"])
    once = masks.leaf("hoVaTen", "Nguyễn Thị Ước")
    assert once != "Nguyễn Thị Ước"
    assert len(once) == len("Nguyễn Thị Ước")
    assert masks.leaf("hoVaTen", "NGUYỄN THỊ ƯỚC") == once.upper()
    assert masks.leaf("ghiChu", "Nguyễn Thị Ước") == once
    inner = json.dumps({"x": [{"HO_VA_TEN": "Nguyễn Thị Ước"}]})
    found = masked_body(json.dumps({"data": inner}).encode(), "application/json", masks)
    assert json.loads(found["json"]["data"])["x"][0]["HO_VA_TEN"] == once


@pytest.mark.parametrize(
    ("one", "other"), [("1980-05-07", "07/05/1980"), ("19800507", "1980-05-07T08:00:00+07:00")]
)
def test_a_day_stays_one_day_of_its_year_in_every_form(one: str, other: str) -> None:
    """Records that are compared by date of birth still fit together."""
    masks = Masks(["NgaySinh"])
    first, second = masks.leaf("NgaySinh", one), masks.leaf("NgaySinh", other)
    assert (len(first), len(second)) == (len(one), len(other))
    digits = [sorted(text[:10].replace("-", "").replace("/", "")) for text in (first, second)]
    assert digits[0] == digits[1]
    assert "1980" in first
    assert "1980" in second


def test_numbers_become_numbers_that_nobody_has() -> None:
    """Personal numbers keep century, sex and year; telephone numbers and mail addresses are nobody's."""
    masks = Masks(["so", "dt", "mail"])
    assert masks.leaf("so", "079180001234")[:6] == "063180"
    assert masks.leaf("dt", "0912345678").startswith("010")
    assert masks.leaf("mail", "an@agency.example").endswith("@example.com")
    assert isinstance(masks.leaf("so", 123456789), int)
    assert masks.free("gọi 0912345678, CCCD 079180001234") == (
        f"gọi {masks.leaf('dt', '0912345678')}, CCCD {masks.leaf('so', '079180001234')}"
    )


def test_secrets_stand_nowhere() -> None:
    """A password is gone from every text, a token under any of its names."""
    masks = Masks()
    masks.hide(["s3cret-word", ""])
    body = json.dumps({"access_token": "abc.def", "session": "xyz", "note": "login s3cret-word"}).encode()
    found = masked_body(body, "application/json", masks)["json"]
    assert "abc" not in found["access_token"]
    assert "xyz" not in found["session"]
    assert found["note"] == "login masked"
    form = masked_body(b"client_secret=s3cret&scope=a", "application/x-www-form-urlencoded", masks)["text"]
    assert "s3cret" not in form
    assert "scope=a" in form


def test_xml_is_masked_below_a_personal_element_and_in_attributes() -> None:
    """What stands inside a personal element is personal; comments, which nobody classifies, are gone."""
    masks = Masks(["hoten"])
    xml = '<a xmlns="urn:x"><!-- An --><HoTen><Ho>Nguyễn</Ho></HoTen><b hoTen="Trần Văn">ok</b></a>'
    text = masked_body(xml.encode(), "text/xml; charset=utf-8", masks)["text"]
    assert "Nguyễn" not in text
    assert "Trần" not in text
    assert "An " not in text
    assert ">ok<" in text


def test_nobody_hides_beside_comments_between_elements_or_in_names() -> None:
    """Elements around comments are all looked at, text between elements is, and so are JSON's names."""
    masks = Masks(["hoten"])
    comments = "<!-- x --><HoTen>Trần Văn Một</HoTen>" * 2
    xml = f"<a>{comments}<HoTen>Trần Văn <b/>Hai Ba<!-- y --> Bốn Năm</HoTen><?z Sáu?>079180001234</a>"
    text = masked_body(xml.encode(), "text/xml", masks)["text"]
    assert text.count("<HoTen>") == 3
    for word in ("Trần", "Một", "Hai", "Bốn", "Sáu", "079180001234", " x ", " y "):
        assert word not in text
    found = masked_body(b'{"079180001234": {"x": 1}, "ok": 2}', "application/json", masks)["json"]
    assert next(iter(found)).startswith("063180")
    assert found["ok"] == 2


@pytest.mark.parametrize(
    ("body", "media"),
    [(b"{broken", "application/json"), (b"<a", "text/xml"), (b"\x89PNG", "image/png"), (b"x", "")],
)
def test_what_cannot_be_read_is_left_out(body: bytes, media: str) -> None:
    """Of a body that cannot be looked through, nothing but its size is kept."""
    assert masked_body(body, media, Masks()) == {"left_out": len(body)}


def test_numbers_that_end_up_elsewhere_keep_their_type() -> None:
    """A list of lines stays a list of lines, an integer an integer, nothing stays nothing."""
    masks = Masks(["n"])
    found = masked_body(b'{"n": 12345, "m": null, "k": 5}\n\n{"n": 12345}\n', "application/x-ndjson", masks)
    first, empty, last = found["text"].splitlines()
    assert json.loads(first)["n"] == json.loads(last)["n"] != 12345
    assert json.loads(first)["k"] == 5
    assert empty == ""
