"""The national population database (CSDL quốc gia về dân cư), SOAP 1.1."""

from __future__ import annotations

from lienthong_connectors.soap import FaultTable, SoapLookup

#: What the database's own codes mean: procedures and officers that may not ask refuse the record.
FAULTS = FaultTable(codes="dancu")


def verify_citizen(*, number: str, name: str, born: str, agency: str) -> SoapLookup:
    """Return the look-up ``XacThucThongTinCongDan`` (service 003): number, name and birth go together or not.

    The arguments name the record's fields; ``born`` holds dd/MM/yyyy, or yyyy where only the year
    is known. Names are sent in upper case without spare blanks, as the database wants them.
    """
    return SoapLookup(
        operation="XacThucThongTinCongDan",
        request={
            "MaYeuCau": "$question.id",
            "MaDVC": "$procedure",
            "MaTichHop": "003",
            "MaCanBo": "$officer",
            "SoDinhDanh": f"$record.{number}",
            "HoVaTen": f"$record.{name}|trim|upper",
            "NgayThangNamSinh": {
                "NgayThangNam": f"$record.{born}|not:4|date:%Y%m%d",
                "Nam": f"$record.{born}|only:4",
            },
            "MaDonVi": f"$record.{agency}",
        },
        faults=FAULTS,
    )
