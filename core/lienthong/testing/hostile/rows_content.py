"""Rows about what an answer says: whole answers over a sound connection, with something wrong inside."""

from __future__ import annotations

from lienthong.testing.hostile.matrix import EXACT, REFUSED, SET_ASIDE, TYPED, Row, violation

_HTTP = {"database": "there is no HTTP"}
_READ_ONLY = "only what is read from a database holds foreign values"
_VALUES = {"database/target": _READ_ONLY, "database/lookup": _READ_ONLY}
_ASIDE = {"json": {"source": SET_ASIDE}}
_AS_TEXT = {**_ASIDE, "database": {"source": EXACT}}
_TEXT = {"xml": "in XML every value is a text until the dataset's schema judges it"}
_NO_DTD = {"json": "JSON has neither entities nor inclusions", **TYPED}

CONTENT: tuple[Row, ...] = (
    violation(
        "html-page",
        "trả về trang HTML (đăng nhập, báo lỗi) với mã 200",
        "answers 200 with an HTML page, of a login or of a gateway's error",
    ),
    violation(
        "truncated-body",
        "nội dung bị cắt ở nhiều chỗ, độ dài khai báo khớp phần còn lại",
        "cuts the body at many places and declares the length of what is left",
    ),
    violation(
        "wrong-charset",
        "khai báo bảng mã UTF-16 cho nội dung UTF-8",
        "declares UTF-16 for a body in UTF-8",
    ),
    violation(
        "not-utf8",
        "nội dung có byte không phải UTF-8",
        "has bytes in a text that are not UTF-8",
        otherwise={**_ASIDE, "xml": {"source": SET_ASIDE}},
    ),
    Row(
        name="byte-order-mark",
        vi="đặt dấu thứ tự byte (BOM) ở đầu nội dung",
        en="begins the body with a byte order mark",
        source=EXACT,
        target=EXACT,
        lookup=EXACT,
        without=TYPED,
    ),
    Row(
        name="blank-lines",
        vi="đặt dòng trống trước nội dung",
        en="puts blank lines before the body (in XML: before the declaration)",
        source=EXACT,
        target=EXACT,
        lookup=EXACT,
        without=TYPED,
    ),
    Row(
        name="charset-alias",
        vi="gọi bảng mã UTF-8 là utf8",
        en="calls UTF-8 utf8 in its Content-Type",
        source=EXACT,
        target=EXACT,
        lookup=EXACT,
        without=TYPED,
    ),
    Row(
        name="text-in-parts",
        vi="viết một văn bản theo cách lạ: CDATA và chú thích xen kẽ (JSON: mọi ký tự đều thoát)",
        en="writes a text in odd ways: in CDATA sections with comments between (JSON: every letter escaped)",
        source=EXACT,
        target=EXACT,
        lookup=EXACT,
        without=TYPED,
    ),
    violation(
        "duplicate-names",
        "một đối tượng có hai thành viên trùng tên (XML: thuộc tính trùng tên)",
        "names one member of an object twice (in XML: one attribute)",
        without=_VALUES,
        otherwise=_AS_TEXT,
    ),
    violation(
        "not-a-number",
        "dùng NaN làm giá trị",
        "uses NaN as a value",
        without={**_TEXT, **_VALUES},
        otherwise=_AS_TEXT,
    ),
    Row(
        name="huge-integer",
        vi="số nguyên 40 chữ số",
        en="gives an integer of 40 digits",
        source=SET_ASIDE,
        target=EXACT,
        lookup=SET_ASIDE,
        without={**_TEXT, **_VALUES},
        otherwise=_AS_TEXT,
    ),
    Row(
        name="long-fraction",
        vi="số thập phân nhiều chữ số hơn kiểu double giữ được",
        en="gives a fraction of more digits than a double holds",
        source=SET_ASIDE,
        target=EXACT,
        lookup=SET_ASIDE,
        without={**_TEXT, **_VALUES},
        otherwise=_AS_TEXT,
    ),
    violation(
        "huge-exponent",
        "số có số mũ khổng lồ (1e999999)",
        "gives the number 1e999999",
        without={**_TEXT, **_VALUES},
        otherwise=_AS_TEXT,
    ),
    violation(
        "lone-surrogate",
        "văn bản có nửa cặp surrogate",
        "has half a surrogate pair in a text",
        otherwise=_ASIDE,
    ),
    violation(
        "deep-nesting",
        "lồng nhau hàng nghìn lớp",
        "nests a value thousands of levels deep",
        without=_VALUES,
        otherwise={**_AS_TEXT, "xml": {"source": SET_ASIDE}},
    ),
    violation("huge-field", "một trường lớn hơn giới hạn", "gives one field larger than the limit"),
    violation(
        "compressed-bomb",
        "nội dung nén nhỏ, bung ra vượt giới hạn",
        "compresses a body that grows beyond the limit",
    ),
    violation(
        "entity-bomb", "thực thể XML nhân lên theo cấp số", "defines entities that multiply", without=_NO_DTD
    ),
    violation(
        "external-entity",
        "thực thể XML trỏ tới tệp và địa chỉ khác",
        "defines entities that name a file and another address",
        without=_NO_DTD,
    ),
    violation(
        "xinclude",
        "chèn XInclude trỏ tới địa chỉ khác",
        "asks by XInclude to fetch another address",
        without=_NO_DTD,
    ),
    Row(
        name="error-in-success",
        vi="mã HTTP 200 nhưng nội dung báo từ chối",
        en="answers 200 and says inside that it refuses",
        source=REFUSED,
        target=REFUSED,
        lookup=REFUSED,
        without=_HTTP,
    ),
)
