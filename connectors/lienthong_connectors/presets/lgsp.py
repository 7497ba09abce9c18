"""Provincial platforms of the ``lgspaccesstoken`` family (auth dialect B)."""

from __future__ import annotations

from lienthong_connectors.presets.envelopes import LGSP_ANSWER
from lienthong_connectors.rest import PagePaging, RestSource


def lgsp_list(name: str, *, prefix: str = "/dmdc", size: int = 500) -> RestSource:
    """Return the source of one list that the platform passes on, in pages of ``size`` rows.

    Platforms publish their services under paths of their own: ``prefix`` is the place of the lists.
    """
    return RestSource(
        path=f"{prefix}/{name}",
        records="ResultObject.data",
        paging=PagePaging(
            page_param="trang", size_param="soBanGhi", size=size, total_path="ResultObject.tongSo"
        ),
        envelope=LGSP_ANSWER,
    )
