"""The electronic civil status system (hệ thống đăng ký hộ tịch điện tử)."""

from __future__ import annotations

from dataclasses import replace

from lienthong_connectors.soap import ResultCodes, SoapTarget, StatusQuery

_ANSWER = ResultCodes(path="status", detail="errorCode", message="message")


def register_civil_status() -> SoapTarget:
    """Return the target ``dangKyHoTich``; what became of a dossier is asked with ``traTrangThaiHoSo``.

    Codes of the service: 100 authentication, 101 address not allowed, 106 agency, 108 province,
    200 incomplete, 201 not found, 302 data type, 500 wrong contents.
    """
    return SoapTarget(
        operation="dangKyHoTich",
        request={
            "maDonVi": "$record.maDonVi",
            "module": "$record.module",
            "maHoSo": "$record.maHoSo",
            "ngayTiepNhan": "$record.ngayTiepNhan",
            "data": "$record.data",
        },
        result=replace(
            _ANSWER,
            acknowledged=("1",),
            refused=("0", "106", "108", "200", "302", "500"),
            misconfigured=("100", "101"),
        ),
        status=StatusQuery(
            operation="traTrangThaiHoSo",
            request={"maDonVi": "$record.maDonVi", "maHoSo": "$record.maHoSo"},
            result=replace(_ANSWER, acknowledged=("1", "2", "3", "4"), absent=("201",), refused=("0",)),
        ),
    )
