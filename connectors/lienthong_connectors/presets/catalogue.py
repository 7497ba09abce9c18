"""The national shared catalogue (danh mục dùng chung)."""

from __future__ import annotations

from lienthong_connectors.rest import PagePaging, RestSource


def shared_catalogue(name: str, *, size: int = 1000) -> RestSource:
    """Return the source of one list, such as ``donvihanhchinh``, in pages of ``size`` rows.

    Rows changed since the cursor are asked for with ``capNhatTu``; an unchanged list answers 304.
    """
    return RestSource(
        path=f"/Category/{name}",
        records="response.data",
        paging=PagePaging(page_param="trang", size_param="soBanGhi", size=size, total_path="response.tongSo"),
        since_param="capNhatTu",
    )
