"""The named functions of our own schemas package."""

from __future__ import annotations

import pytest
from lxml import etree

from lienthong_schemas.functions import hotich_xml


def test_registry_fields_become_the_xml_text_the_system_reads() -> None:
    """Texts are escaped, empty ones left out, the result is well formed."""
    text = hotich_xml({"so": "1", "noiDangKy": "UBND <xã> & huyện", "ghiChu": "", "trangSo": None})
    root = etree.fromstring(text)
    assert {child.tag: child.text for child in root.find("hoso")} == {
        "so": "1",
        "noiDangKy": "UBND <xã> & huyện",
    }


@pytest.mark.parametrize(
    "content", [{}, {"so": ""}, {"a b": "x"}, {"1a": "x"}, {"so": 1}, {"so": "\x00"}, {"x><y": "z"}]
)
def test_what_cannot_be_xml_is_refused(content: dict[str, object]) -> None:
    """Names that are no element names, texts XML cannot carry, and nothing at all."""
    with pytest.raises(ValueError, match=r"field"):
        hotich_xml(content)
