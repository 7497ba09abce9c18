"""What the electronic civil status system checks in a registration."""

from __future__ import annotations

import re
from datetime import datetime

from lxml import etree

MODULES = {"KS": ("nksHoTen", "nksNgaySinh", "meHoTen"), "KH": ("chongHoTen", "voHoTen")}
"""Modules the sandbox takes (births, marriages) and the fields each must have."""
ETHNICITIES = {"63001": "Kinh", "63002": "Tày", "63010": "Gia Rai", "63012": "Ba Na"}
COUNTRIES = {"VN": "Việt Nam", "LA": "Lào", "KH": "Campuchia"}
CATALOGUES: dict[int, dict[str, str]] = {
    1: COUNTRIES,
    2: COUNTRIES,
    3: ETHNICITIES,
    4: {"52": "Gia Lai", "51": "Quảng Ngãi", "66": "Đắk Lắk"},
    5: {"4": "Căn cước công dân", "10": "Giấy tờ khác"},
}
"""Code lists by ``loaiDanhMuc``."""
_COMMON = ("so", "quyenSo", "ngayDangKy", "noiDangKy", "nguoiKy")
_LENGTHS = {"so": 10, "quyenSo": 10, "trangSo": 10, "noiDangKy": 100, "nguoiKy": 20, "nguoiThucHien": 50}


def read_data(data: str) -> dict[str, str] | None:
    """Return the fields of ``<hotich><hoso>…</hoso></hotich>``, or ``None`` when it is not that."""
    try:
        root = etree.fromstring(data.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None
    found = root.findall("hoso")
    if root.tag != "hotich" or len(found) != 1:
        return None
    return {str(child.tag): (child.text or "").strip() for child in found[0] if isinstance(child.tag, str)}


def missing(module: str, fields: dict[str, str]) -> list[str]:
    """Return the fields that a registration of the module must have and has not."""
    return [name for name in (*_COMMON, *MODULES[module]) if not fields.get(name)]


def _faults(name: str, value: str) -> list[str]:
    found = []
    if len(value) > _LENGTHS.get(name, 255):
        found.append(f"trường {name} vượt quá độ dài cho phép {_LENGTHS.get(name, 255)}")
    if name.endswith("DanToc") and value not in ETHNICITIES:
        found.append(f"trường {name} không có trong danh mục dân tộc")
    if name.endswith("QuocTich") and value not in COUNTRIES:
        found.append(f"trường {name} không có trong danh mục quốc tịch")
    if re.search("Ngay(Sinh|Cap|DangKy)$|^ngay", name) and not _is_date(value):
        found.append(f"trường {name} sai định dạng dd/MM/yyyy")
    if name.endswith("SoGiayToTuyThan") and not re.fullmatch("[0-9A-Z]{6,12}", value):
        found.append(f"trường {name} sai định dạng")
    return found


def _is_date(value: str) -> bool:
    try:
        return bool(datetime.strptime(value, "%d/%m/%Y"))
    except ValueError:
        return bool(re.fullmatch("[0-9]{4}", value))


def complaint(fields: dict[str, str]) -> str:
    """Return everything wrong with the values in one long sentence, or an empty text."""
    return " ".join(fault for name, value in fields.items() if value for fault in _faults(name, value))
