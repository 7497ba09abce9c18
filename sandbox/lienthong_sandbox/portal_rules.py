"""What the national portal checks in a dossier, and how it describes a procedure."""

from __future__ import annotations

import re
from typing import Any

from lienthong_sandbox.procedures import BY_CODE
from lienthong_sandbox.times import is_compact

REQUIRED = (
    "MaHoSo",
    "MaTTHC",
    "TenTTHC",
    "MaLinhVuc",
    "TenLinhVuc",
    "LoaiDoiTuong",
    "NgayTiepNhan",
    "NgayHenTra",
    "TrangThaiHoSo",
    "DonViXuLy",
)
"""Fields without which a dossier is refused."""
DATES = ("NgayTiepNhan", "NgayHenTra", "NgayTra", "NgayKetThucXuLy", "NgayTuChoi", "NgayNopHoSo")
"""Fields that hold a moment as ``yyyyMMddHHmmss``; optional ones may be absent or empty."""
STATES = tuple(str(n) for n in range(1, 11))
"""Values of TrangThaiHoSo."""

_CODE = re.compile(
    r"([0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2}|[A-Z][0-9]{2}(\.[0-9]{2,3}){0,8})-[0-9]{6}-[0-9]{4,6}"
)
_PROGRESS = ("MaHoSo", "NguoiXuLy", "ThoiDiemXuLy", "NoiDungXuLy", "TrangThai")
Fault = tuple[str, str]


def check_dossier(item: object) -> Fault | None:
    """Return (error code, the portal's text) of the first fault in a dossier, or ``None``.

    Codes: 01 a field is missing, 02 a value has the wrong form, 03 the procedure is unknown.
    """
    if not isinstance(item, dict):
        return "02", "Hồ sơ không đúng định dạng"
    if missing := [name for name in REQUIRED if item.get(name) in (None, "")]:
        return "01", f"Thiếu trường bắt buộc: {', '.join(missing)}"
    if not _CODE.fullmatch(str(item["MaHoSo"])):
        return "02", "MaHoSo không đúng định dạng"
    for name in DATES:
        if item.get(name) not in (None, "") and not is_compact(item[name]):
            return "02", f"{name} không đúng định dạng yyyyMMddHHmmss"
    if str(item["TrangThaiHoSo"]) not in STATES or str(item["LoaiDoiTuong"]) not in ("1", "2"):
        return "02", "TrangThaiHoSo hoặc LoaiDoiTuong không có trong danh mục"
    if item["MaTTHC"] not in BY_CODE:
        return (
            "03",
            f"Mã thủ tục hành chính {item['MaTTHC']} không tồn tại trong Cơ sở dữ liệu quốc gia về TTHC",
        )
    return None


def check_progress(item: object) -> Fault | None:
    """Return the first fault in a line of progress, or ``None``; codes as in :func:`check_dossier`."""
    if not isinstance(item, dict):
        return "02", "Tiến độ không đúng định dạng"
    if missing := [name for name in _PROGRESS if item.get(name) in (None, "")]:
        return "01", f"Thiếu trường bắt buộc: {', '.join(missing)}"
    if not is_compact(item["ThoiDiemXuLy"]):
        return "02", "ThoiDiemXuLy không đúng định dạng yyyyMMddHHmmss"
    return None


def procedure_details(code: str) -> list[dict[str, Any]]:
    """Return the ``LayThuTuc`` result: one procedure with upper-case keys, or nothing."""
    known = BY_CODE.get(code)
    if known is None:
        return []
    fee = [{"SOTIEN": str(known.fee), "DONVI": "Đồng", "MOTA": ""}]
    term = {"THOIGIANGIAIQUYET": str(known.days), "DONVITINH": "Ngày làm việc", "MOTA": "", "PHILEPHI": fee}
    paper = {"MAGIAYTO": f"G.{known.code}.1", "TENMAUDON": "Tờ khai", "URL": ""}
    return [
        {
            "MATTHC": known.code,
            "TENTTHC": known.name,
            "LINHVUCTHUCHIEN": [{"MALINHVUC": known.domain, "TENLINHVUC": known.domain_name}],
            "TRINHTUTHUCHIEN": [
                {"TRUONGHOP": "", "TRINHTU": [{"TENTRINHTU": "Nộp, tiếp nhận, giải quyết, trả"}]}
            ],
            "CACHTHUCTHUCHIEN": [
                {"KENH": k, "THOIGIAN": [term]} for k in ("Trực tiếp", "Trực tuyến", "Bưu chính")
            ],
            "YEUCAU": "",
            "MOTADOITUONGTHUCHIEN": "Công dân Việt Nam",
            "KETQUATHUCHIEN": [{"MAKETQUA": f"KQ.{known.code}", "TENKETQUA": "Kết quả giải quyết"}],
            "THANHPHANHOSO": [{"TRUONGHOP": "", "GIAYTO": [paper]}],
            "CANCUPHAPLY": [],
            "COQUANTHUCHIEN": [{"MADONVI": "H21", "TENDONVI": "UBND tỉnh Gia Lai"}],
            "TRANGTHAI": "Công khai",
        }
    ]
