"""The readers against other people's, on many more made-up inputs than `make test` has time for.

``FIELD_SEEDS`` says how many thousands (24), ``FIELD_FIRST`` with which seed they begin.
"""

from __future__ import annotations

import os

import fuzz_json
import fuzz_xml
import pytest

_FIRST, _MANY = int(os.environ.get("FIELD_FIRST") or 0), int(os.environ.get("FIELD_SEEDS") or 24)


@pytest.mark.parametrize("thousand", range(_MANY))
def test_xml_is_read_as_lxml_reads_it(thousand: int) -> None:
    """Of a thousand documents not one is read otherwise; what differs is printed with its seed."""
    first = _FIRST + 1000 * thousand
    assert not [told for seed in range(first, first + 1000) if (told := fuzz_xml.difference(seed))]


@pytest.mark.parametrize("thousand", range(_MANY))
def test_json_is_read_as_others_read_it(thousand: int) -> None:
    """Of a thousand answers not one is read otherwise by the standard parser or by ijson."""
    first = _FIRST + 1000 * thousand
    assert not [told for seed in range(first, first + 1000) if (told := fuzz_json.difference(seed))]
