"""The readers against other people's, on many more made-up inputs than `make test` has time for.

``FIELD_SEEDS`` says how many thousands (24), ``FIELD_FIRST`` with which seed they begin.
"""

from __future__ import annotations

import os

import pytest
from fuzz_xml import difference

_FIRST, _MANY = int(os.environ.get("FIELD_FIRST") or 0), int(os.environ.get("FIELD_SEEDS") or 24)


@pytest.mark.parametrize("thousand", range(_MANY))
def test_xml_is_read_as_lxml_reads_it(thousand: int) -> None:
    """Of a thousand documents not one is read otherwise; what differs is printed with its seed."""
    first = _FIRST + 1000 * thousand
    assert not [told for seed in range(first, first + 1000) if (told := difference(seed))]
