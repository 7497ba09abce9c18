"""The electronic civil status system (hệ thống đăng ký hộ tịch điện tử)."""

from __future__ import annotations

from lienthong_connectors.soap import ResultCodes, SoapTarget, StatusQuery

_ANSWER = ResultCodes(path="status", detail="errorCode", message="message", codes="hotich")


def register_civil_status() -> SoapTarget:
    """Return the target ``dangKyHoTich``; what became of a dossier is asked with ``traTrangThaiHoSo``.

    What the service's codes mean is in the table ``hotich``.
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
        result=_ANSWER,
        status=StatusQuery(
            operation="traTrangThaiHoSo",
            request={"maDonVi": "$record.maDonVi", "maHoSo": "$record.maHoSo"},
            result=_ANSWER,
        ),
    )
