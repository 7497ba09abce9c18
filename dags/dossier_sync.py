"""Dossiers of the provincial one-stop system reach the National Public Service Portal."""

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.airflow import exchange_dag
from lienthong_connectors.rest import (
    CreateThenUpdate,
    CursorPaging,
    Envelope,
    RestSource,
    RestTarget,
    Results,
    StatusLookup,
)

PORTAL = Envelope(code_path="error_code", ok_values=("00", "0"), message_path="message")

dossier_sync = Exchange(
    id="dossier_sync",
    title=Text("Đồng bộ hồ sơ lên Cổng Dịch vụ công quốc gia", "Dossier sync with the national portal"),
    provider="H21",
    consumer="G22",
    legal_basis="Nghị định 118/2025/NĐ-CP; Nghị định 278/2025/NĐ-CP",
    purpose=Text("Công khai tình trạng giải quyết hồ sơ", "Applicants follow their dossiers nationally"),
    source=Source(
        "one_stop",
        RestSource(
            path="/api/hoso",
            records="Data",
            paging=CursorPaging(cursor_path="NextCursor", cursor_param="cursor", size_param="limit", size=200),
            since_param="updated_since",
        ),
        cursor="UpdatedAt",
    ),
    target=Target(
        "national_portal",
        RestTarget(
            path="/mapi/p",
            wrap={"service": "DongBoHoSoMC", "isUpdating": "False", "data": "$records"},
            envelope=PORTAL,
            results=Results(path="result", match="key", field="MaHoSo", code_path="error_code", ok_codes=("00",)),
            upsert=CreateThenUpdate(exists_codes=("04",)),
            status=StatusLookup(
                path="/mapi/g",
                method="POST",
                body={"service": "TraCuuHoSo", "mahoso": "$key"},
                envelope=PORTAL,
                found="result",
            ),
        ),
    ),
    dataset="onestop.dossier/1",
    mapping="onestop-to-portal.dossier/1",
    delivery=Delivery(batch=100),
    sector="one-stop",
)

dag = exchange_dag(dossier_sync, schedule="*/15 * * * *")
