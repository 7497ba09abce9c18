"""Seed of the one-stop system: about 600 dossiers in the English-key family of provincial systems."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from lienthong_sandbox.people import SEED, Person, person
from lienthong_sandbox.procedures import LOCAL, PROCEDURES, Procedure
from lienthong_sandbox.store import BAD, Row, document
from lienthong_sandbox.times import NO_DATE, VN, onestop, to_ms

COUNT = 600
"""How many dossiers are seeded, the malformed ones included."""
LOCAL_COUNT = 6
"""How many sound dossiers name a procedure that the national portal does not know."""

_START = datetime(2025, 8, 12, 7, 30, tzinfo=VN)
Record = dict[str, Any]

DEFECTS: dict[int, tuple[str, Record]] = {
    40: ("DocCode is no dossier code", {"DocCode": "H21/2025/41"}),
    95: ("DateReceived is 30 February", {"DateReceived": "2025-02-30T08:00:00.000+0700"}),
    150: ("DocTypeCode is no procedure code", {"DocTypeCode": "TTHC-1193"}),
    222: ("CitizenName is empty", {"CitizenName": ""}),
    301: ("ApplicantsId has eleven digits", {"ApplicantsId": "06308412345", "ApplicantsType": 1}),
    377: ("Email is no address", {"Email": "không có"}),
    455: ("DateAppointed is before DateReceived", {"DateAppointed": "2024-01-02T08:00:00.000+0700"}),
    533: (
        "a fee has a text for a price",
        {"DocFees": [{"FeeName": "Lệ phí", "FeeType": 1, "Price": "mười nghìn"}]},
    ),
}
"""The malformed dossiers by number: what is wrong, and the fields that make it so."""


def _received(number: int) -> datetime:
    return _START + timedelta(days=number // 30, minutes=number % 30 * 15)


def dossier_code(number: int) -> str:
    """Return a code in the form in use, such as ``H21.129-250812-0035``."""
    unit = 129 + number % 5
    return f"H21.{unit}-{_received(number):%y%m%d}-{number % 10_000:04d}"


def procedure_of(number: int) -> Procedure:
    """Return the procedure of a dossier; every hundredth has a local one."""
    if number % 100 == 7:
        return LOCAL[number // 100 % 2]
    return random.Random(SEED + number).choice(PROCEDURES)


def _progress(rng: random.Random, received: datetime, days: int) -> Record:
    """Return the fields that say how far a dossier has come."""
    due = received + timedelta(days=days)
    done = rng.random() < 0.6
    returned = done and rng.random() < 0.7
    end = onestop(received + timedelta(hours=rng.randrange(4, 24 * days))) if done else NO_DATE
    return {
        "DateReceived": onestop(received),
        "DateAppointed": onestop(due),
        "IsSuccess": done,
        "SuccessDate": end,
        "ApproverName": "Người ký duyệt" if done else "",
        "ApproverPosition": "Phó Chủ tịch" if done else "",
        "SuccessNote": "",
        "IsReturned": returned,
        "ReturnedDate": end if returned else NO_DATE,
        "ReturnNote": "",
        "ReturnedType": rng.choice((0, 0, 1)),
        "FinishedDate": end,
        "Status": 2 if done else 1,
    }


def _applicant(who: Person) -> Record:
    return {
        "CitizenName": who.name,
        "CitizenInfo": who.name,
        "ApplicantsId": who.number,
        "ApplicantsType": 1,
        "Address": f"{who.street}, xã {who.commune}, tỉnh Gia Lai",
        "Email": who.email,
        "Phone": who.phone,
    }


def dossier(number: int, communes: tuple[str, ...]) -> Record:
    """Return a dossier as the one-stop system shows it, malformed if its number says so."""
    rng = random.Random(SEED * 7 + number)
    procedure, received = procedure_of(number), _received(number)
    papers = [
        {"PaperName": n, "Amount": rng.randrange(1, 3), "PaperType": 1} for n in ("Tờ khai", "Bản sao CCCD")
    ]
    fees = [{"FeeName": "Lệ phí", "FeeType": 1, "Price": float(procedure.fee)}] if procedure.fee else []
    record = {
        "DocCode": dossier_code(number),
        "DocTypeCode": procedure.code,
        "DocTypeName": procedure.name,
        "DocFieldCode": procedure.domain,
        "DocFieldName": procedure.domain_name,
        **_applicant(person(number, communes)),
        "Compendium": f"{procedure.name} cho công dân",
        **_progress(rng, received, procedure.days),
        "ProcessingOrganName": f"UBND xã số {129 + number % 5}",
        "HasSupplementary": False,
        "RequireSupplementaryDate": NO_DATE,
        "Note": "",
        "Attachments": [
            {"Attachmentld": number, "AttachmentName": "tokhai.pdf", "IsDeleted": False, "IsVerified": True}
        ],
        "DocFees": fees,
        "DocPapers": papers[: rng.randrange(1, 3)],
        "Supplementaries": [],
        "OrganInchargeIdLevel1": "H21",
        "OrganInchargeName": "UBND tỉnh Gia Lai",
        "UpdatedAt": onestop(received + timedelta(hours=2)),
    }
    return record | DEFECTS.get(number, ("", {}))[1]


def rows(communes: tuple[str, ...]) -> Iterator[Row]:
    """Yield all seeded dossiers as rows, keyed by DocCode."""
    for number in range(COUNT):
        record = dossier(number, communes)
        changed = to_ms(_received(number) + timedelta(hours=2))
        yield document(record["DocCode"], changed, record, BAD if number in DEFECTS else "")


def defects() -> dict[str, str]:
    """Return DocCode -> what is wrong, for the malformed dossiers."""
    return {str(fix.get("DocCode", dossier_code(n))): text for n, (text, fix) in DEFECTS.items()}
