"""Faults of single rules, and the sentences they become. No sentence holds a value."""

from __future__ import annotations

from lienthong.errors import Reason

_TEXTS = {
    "codes": ("mã không có trong bảng chuyển đổi", "the code has no translation"),
    "date": ("không phải ngày theo định dạng đã khai báo", "not a date in a declared format"),
    "text": ("giá trị không phải là văn bản", "the value is not text"),
    "split": ("không tách được thành đủ phần", "the text has too few parts"),
    "as": ("không đổi được sang kiểu đã khai báo", "the value cannot be turned into the declared type"),
    "each": ("giá trị không phải là danh sách đối tượng", "the value is not a list of objects"),
    "call": ("hàm chuyển đổi từ chối giá trị", "the function refused the value"),
    "required": (
        "thiếu giá trị cho trường bắt buộc của đích",
        "a field that the target requires got no value",
    ),
    "value": ("giá trị không biểu diễn được bằng JSON", "a value cannot be carried in JSON"),
}


class Fault(Exception):
    """A rule that cannot be followed for a record: ``kind`` of rule and JSON Pointer into the record."""

    def __init__(self, kind: str, pointer: str = "", label: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.pointer = pointer
        self.label = label

    def reason(self, label: str) -> Reason:
        """Return the reason that names the rule: ``label`` is its number and target."""
        vi, en = _TEXTS[self.kind]
        name = self.label or label
        return Reason(self.pointer, f"mapping.{self.kind}", f"Quy tắc {name}: {vi}", f"rule {name}: {en}")
