"""The records of the benchmark: citizen dossiers of about 950 bytes, dataset bench.dossier/1.

All persons are made up: personal numbers begin with a province part that was never issued.
"""

from __future__ import annotations

import random
from typing import Any

import orjson

FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô")
MIDDLE = ("Văn", "Thị", "Hữu", "Đức", "Minh", "Thanh", "Quốc", "Ngọc", "Xuân", "Thu")
GIVEN = ("An", "Bình", "Chi", "Dũng", "Giang", "Hà", "Hùng", "Khánh", "Lan", "Mai", "Nam", "Phúc", "Quỳnh")
STATUS = ("TIEP_NHAN", "DANG_XU_LY", "CHO_BO_SUNG", "HOAN_THANH", "TU_CHOI")
CHANNEL = ("TRUC_TIEP", "TRUC_TUYEN", "BUU_CHINH")


def record(number: int) -> dict[str, Any]:
    """Return record ``number``, always the same for the same number."""
    rng = random.Random(number)
    year, month, day = rng.randint(1950, 2005), rng.randint(1, 12), rng.randint(1, 28)
    male = rng.random() < 0.5
    century = {19: 0, 20: 2}[year // 100] + (0 if male else 1)
    received = f"2026-{rng.randint(1, 9):02}-{rng.randint(1, 28):02}"
    return {
        "dossier_code": f"H21.129-26{rng.randint(1, 9):02}{rng.randint(1, 28):02}-{number % 1_000_000:06}",
        "procedure_code": f"{rng.randint(1, 3)}.{rng.randint(0, 999_999):06}",
        "procedure_name": "Đăng ký biến động quyền sử dụng đất, quyền sở hữu tài sản gắn liền với đất",
        "domain_code": f"G{rng.randint(1, 30):02}-TN{rng.randint(10, 99)}",
        "citizen_id": f"063{century}{year % 100:02}{rng.randint(0, 999_999):06}",
        "full_name": f"{rng.choice(FAMILY)} {rng.choice(MIDDLE)} {rng.choice(GIVEN)}",
        "birth_date": f"{year}-{month:02}-{day:02}",
        "gender": 1 if male else 2,
        "ethnicity": f"{rng.randint(1, 54):02}",
        "phone": f"010{rng.randint(0, 9_999_999):07}",
        "email": f"nguoi.dung{number}@example.vn",
        "tax_code": "",
        "agency_code": "H21.129",
        "officer": f"cb.{rng.randint(100, 999)}",
        "received_at": f"{received}T08:{rng.randint(0, 59):02}:00+07:00",
        "due_at": f"2026-10-{rng.randint(1, 28):02}T17:00:00+07:00",
        "finished_at": None,
        "status": rng.choice(STATUS),
        "channel": rng.choice(CHANNEL),
        "fee": rng.randrange(0, 900_000, 1000),
        "paid": rng.random() < 0.5,
        "priority": rng.randint(0, 5),
        "note": "Hồ sơ nộp qua bưu chính công ích, bổ sung bản sao công chứng giấy chứng nhận",
        "address": {
            "province_code": "52",
            "province_name": "Gia Lai",
            "ward_code": "23563",
            "ward_name": "Phường Pleiku",
            "street": "Đường Hùng Vương",
            "house": str(rng.randint(1, 999)),
        },
        "attachments": [{"name": f"don-dang-ky-{number % 97}.pdf", "pages": rng.randint(1, 12)}],
    }


def page(number: int, size: int) -> bytes:
    """Return page ``number`` (from 0) as the server sends it."""
    return orjson.dumps({"data": [record(index) for index in range(number * size, (number + 1) * size)]})
