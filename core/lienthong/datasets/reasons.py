"""The sentences of refusals, in Vietnamese and English. None of them ever holds a value."""

from __future__ import annotations

from typing import Any

from lienthong.errors import Reason
from lienthong.paths import token

_SCHEMA = {
    "type": ("Sai kiểu dữ liệu, phải là {expected}", "wrong type, expected {expected}"),
    "required": ("Thiếu trường bắt buộc", "a required field is missing"),
    "enum": ("Giá trị không có trong danh sách cho phép", "not one of the allowed values"),
    "const": ("Giá trị khác giá trị quy định", "not the one allowed value"),
    "pattern": ("Không đúng mẫu quy định", "does not match the agreed pattern"),
    "format": ("Không đúng định dạng {expected}", "not in the format {expected}"),
    "minLength": ("Ngắn hơn {expected} ký tự", "shorter than {expected} characters"),
    "maxLength": ("Dài hơn {expected} ký tự", "longer than {expected} characters"),
    "minimum": ("Nhỏ hơn {expected}", "less than {expected}"),
    "maximum": ("Lớn hơn {expected}", "greater than {expected}"),
    "exclusiveMinimum": ("Phải lớn hơn {expected}", "must be greater than {expected}"),
    "exclusiveMaximum": ("Phải nhỏ hơn {expected}", "must be less than {expected}"),
    "multipleOf": ("Không phải bội số của {expected}", "not a multiple of {expected}"),
    "minItems": ("Ít hơn {expected} phần tử", "fewer than {expected} items"),
    "maxItems": ("Nhiều hơn {expected} phần tử", "more than {expected} items"),
    "uniqueItems": ("Có phần tử lặp lại", "items are repeated"),
    "minProperties": ("Ít hơn {expected} trường", "fewer than {expected} fields"),
    "maxProperties": ("Nhiều hơn {expected} trường", "more than {expected} fields"),
    "additionalProperties": ("Có trường ngoài quy định", "holds a field that the contract does not name"),
    "dependentRequired": ("Thiếu trường đi kèm", "a field that must go along is missing"),
    "json": ("Bản ghi không phải là một đối tượng JSON", "the record is not a JSON object"),
}
_ANY = ("Không đúng cấu trúc quy định", "does not follow the agreed structure")

_CHECKS = {
    "check.personal-number": ("Số định danh cá nhân phải gồm 12 chữ số", "a personal number has 12 digits"),
    "check.personal-number.place": (
        "Ba số đầu của số định danh không phải mã nơi đăng ký khai sinh",
        "the first three digits are no code of a place of birth registration",
    ),
    "check.personal-number.sex": (
        "Giới tính không khớp với số định danh cá nhân",
        "the sex differs from what the personal number tells",
    ),
    "check.personal-number.born": (
        "Năm sinh không khớp với số định danh cá nhân",
        "the birth year differs from what the personal number tells",
    ),
    "check.personal-number.test": (
        "Số định danh thuộc dải dành cho thử nghiệm, chưa từng được cấp",
        "the number is in a range for tests that was never issued",
    ),
    "check.tax-code": ("Mã số thuế không hợp lệ", "not a valid tax code"),
    "check.agency-code": (
        "Mã định danh cơ quan không đúng cấu trúc",
        "not an agency's electronic identification code",
    ),
    "check.agency-code.level-1": (
        "Mã cấp 1 của cơ quan không có trong danh mục",
        "the agency code's first level is not in the list",
    ),
    "check.administrative-unit.tinh": (
        "Mã tỉnh không tồn tại hoặc không có hiệu lực vào ngày của bản ghi",
        "no such province was in force on the record's date",
    ),
    "check.administrative-unit.huyen": (
        "Mã huyện không tồn tại hoặc không có hiệu lực vào ngày của bản ghi",
        "no such district was in force on the record's date",
    ),
    "check.administrative-unit.xa": (
        "Mã xã không tồn tại hoặc không có hiệu lực vào ngày của bản ghi",
        "no such commune was in force on the record's date",
    ),
    "check.dossier-code": ("Mã hồ sơ không đúng cấu trúc", "not a dossier code with a real date"),
    "check.procedure-code": (
        "Mã thủ tục hành chính không đúng cấu trúc",
        "not a code of an administrative procedure",
    ),
    "check.date": ("Không phải ngày có thật theo định dạng quy định", "not a real date in the agreed format"),
    "check.date.future": ("Ngày ở tương lai", "the date lies in the future"),
    "check.date.order": ("Ngày sau lại sớm hơn ngày trước", "the date lies before the one it must follow"),
    "check.decimal": (
        "Không phải số thập phân (chữ số ASCII, dấu chấm)",
        "not a decimal number (ASCII digits and a point)",
    ),
    "check.decimal.range": ("Số nằm ngoài khoảng quy định", "the number is outside of the agreed range"),
    "check.decimal.digits": (
        "Số có nhiều chữ số hơn quy định",
        "the number has more digits than agreed, in all or behind the point",
    ),
    "check.social-insurance-number": (
        "Mã số bảo hiểm xã hội phải gồm 10 chữ số",
        "a social insurance number has 10 digits",
    ),
    "check.health-card": ("Số thẻ bảo hiểm y tế không đúng cấu trúc", "not a health insurance card number"),
}


def schema_reason(path: list[Any], keyword: str, kind: Any) -> Reason:
    """Return the reason for one error of jsonschema-rs; ``kind`` gives its parameters."""
    parts = [*path, kind.property] if keyword in ("required", "dependentRequired") else path
    vi, en = _SCHEMA.get(keyword, _ANY)
    expected = _expected(keyword, kind)
    return Reason(
        pointer(parts), f"schema.{keyword}", vi.format(expected=expected), en.format(expected=expected)
    )


def rule_reason(path: str, rule: str) -> Reason:
    """Return the reason for a broken rule ``check.…`` or ``codelist.…`` at a JSON Pointer."""
    if rule.startswith("codelist."):
        name = rule.removeprefix("codelist.")
        return Reason(path, rule, f"Mã không có trong danh mục {name}", f"the code is not in the list {name}")
    vi, en = _CHECKS[rule]
    return Reason(path, rule, vi, en)


def no_object() -> Reason:
    """Return the reason for bytes that are no JSON object."""
    return Reason("", "schema.json", *_SCHEMA["json"])


def pointer(parts: list[Any]) -> str:
    """Return the JSON Pointer of a list of member names and indices."""
    return "".join(f"/{token(str(part))}" for part in parts)


def _expected(keyword: str, kind: Any) -> str:
    """Return the schema's own parameter, never a part of the record."""
    if keyword == "type":
        return "/".join(kind.types)
    if keyword == "format":
        return str(kind.format)
    return str(kind.limit) if hasattr(kind, "limit") else str(getattr(kind, "multiple_of", ""))
