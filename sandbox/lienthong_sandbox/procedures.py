"""Administrative procedures known to the sandbox: code, name, domain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure (thủ tục hành chính) and the domain (lĩnh vực) it belongs to."""

    code: str
    name: str
    domain: str
    domain_name: str
    days: int
    fee: int


_HO_TICH = ("G15-HT01", "Hộ tịch")
_CHUNG_THUC = ("G15-CT02", "Chứng thực")
_DAT_DAI = ("G06-DD05", "Đất đai")
_CU_TRU = ("G01-CT08", "Đăng ký, quản lý cư trú")
_XAY_DUNG = ("G17-XD10", "Hoạt động xây dựng")
_GIAO_DUC = ("G03-GD10", "Giáo dục và đào tạo")
_KINH_DOANH = ("G05-DN03", "Thành lập và hoạt động của hộ kinh doanh")

PROCEDURES = (
    Procedure("1.001193", "Đăng ký khai sinh", *_HO_TICH, 1, 0),
    Procedure("1.000894", "Đăng ký kết hôn", *_HO_TICH, 1, 0),
    Procedure("1.000656", "Đăng ký khai tử", *_HO_TICH, 1, 0),
    Procedure("1.004873", "Cấp giấy xác nhận tình trạng hôn nhân", *_HO_TICH, 3, 15000),
    Procedure("2.000635", "Cấp bản sao trích lục hộ tịch", *_HO_TICH, 1, 8000),
    Procedure("2.000815", "Chứng thực bản sao từ bản chính", *_CHUNG_THUC, 1, 2000),
    Procedure("2.000884", "Chứng thực chữ ký", *_CHUNG_THUC, 1, 10000),
    Procedure("1.004222", "Đăng ký thường trú", *_CU_TRU, 7, 20000),
    Procedure("1.004194", "Đăng ký tạm trú", *_CU_TRU, 3, 15000),
    Procedure("1.012784", "Đăng ký biến động quyền sử dụng đất", *_DAT_DAI, 10, 50000),
    Procedure("1.012783", "Cấp đổi giấy chứng nhận quyền sử dụng đất", *_DAT_DAI, 10, 40000),
    Procedure("1.013225", "Cấp giấy phép xây dựng nhà ở riêng lẻ", *_XAY_DUNG, 15, 75000),
    Procedure("1.005099", "Chuyển trường đối với học sinh tiểu học", *_GIAO_DUC, 5, 0),
    Procedure("1.001612", "Đăng ký thành lập hộ kinh doanh", *_KINH_DOANH, 3, 100000),
)
"""Procedures that the national portal knows."""

LOCAL = (
    Procedure("3.900001", "Hỗ trợ chuyển đổi cây trồng (đặc thù địa phương)", *_DAT_DAI, 12, 0),
    Procedure("3.900002", "Xác nhận làng nghề (đặc thù địa phương)", *_KINH_DOANH, 20, 0),
)
"""Procedures of the province alone: well formed, but unknown to the national portal."""

BY_CODE = {p.code: p for p in PROCEDURES}
"""The portal's catalogue by code."""
