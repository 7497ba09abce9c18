"""Parsing hostile XML."""

from __future__ import annotations

import time

import pytest

from lienthong.errors import ProtocolViolation
from lienthong.signing import _xml

BOMB = b"""<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">]><a>&e;</a>"""
EXTERNAL = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (BOMB, "dtd"),
        (EXTERNAL, "dtd"),
        (b'<?xml version="1.0"?>\n<!-- c --><?p i?><!DOCTYPE a><a/>', "dtd"),
        (b"\xef\xbb\xbf<!DOCTYPE a><a/>", "dtd"),
        (b"<!DOCTYPE a PUBLIC 'x' 'http://192.0.2.1/x.dtd'><a/>", "dtd"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), "encoding"),
        ("<a/>".encode("utf-16-le"), "encoding"),
        ("<a/>".encode("utf-32-be"), "encoding"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "encoding"),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "encoding"),
        (b"<a>&undefined;</a>", "xml"),
        (b"<a>", "xml"),
        (b"", "encoding"),
        (b"{}", "encoding"),
        (b"<a/><b/>", "xml"),
        (b"<a>\xff</a>", "xml"),
        (b"<a>" * 65 + b"</a>" * 65, "depth"),
        (b"<a>" * 5000 + b"</a>" * 5000, "xml"),
        (b'<a b="1" b="2"/>', "xml"),
    ],
)
def test_hostile_documents_are_refused_by_name(data: bytes, reason: str) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        _xml.parse(data)
    assert caught.value.details["reason"] == reason


def test_size_is_checked_before_parsing() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        _xml.parse(b"<a/>" * 10, max_bytes=39)
    assert caught.value.details["reason"] == "size"


def test_the_depth_limit_is_exact_and_bounded_by_the_parsers_own() -> None:
    deep = b"<a>" * 100 + b"</a>" * 100
    assert _xml.parse(deep, max_depth=100).tag == "a"
    with pytest.raises(ProtocolViolation):
        _xml.parse(deep, max_depth=99)
    with pytest.raises(ProtocolViolation):
        _xml.parse(b"<a>" * 1000 + b"</a>" * 1000, max_depth=10**6, huge=True)


def test_a_doctype_in_text_is_text() -> None:
    """Business data may quote HTML."""
    assert _xml.parse(b"<a><![CDATA[<!DOCTYPE html>]]></a>").text == "<!DOCTYPE html>"
    assert _xml.parse(b'<?xml version="1.0" encoding="utf-8"?><a>\xc3\xb4</a>').text == "ô"


def test_the_look_at_the_prolog_is_linear() -> None:
    """No pattern of comments and blanks makes the scan itself slow; counted in this thread's own time."""
    for data in (b" " * 10**6 + b"x", b"<" + b"<!-- a -->" * 10**5, b"<!-- " * 10**5, b"<?x " * 10**5):
        began = time.thread_time()
        with pytest.raises(ProtocolViolation):
            _xml.parse(data)
        assert time.thread_time() - began < 5


def test_large_text_needs_huge() -> None:
    data = b"<a>" + b"x" * 11_000_000 + b"</a>"
    with pytest.raises(ProtocolViolation):
        _xml.parse(data)
    assert len(_xml.parse(data, huge=True).text or "") == 11_000_000
