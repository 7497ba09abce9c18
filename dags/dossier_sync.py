"""Dossiers of the provincial one-stop system reach the National Public Service Portal."""

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.airflow import exchange_dag
from lienthong_connectors.presets import onestop_list, sync_dossiers

dossier_sync = Exchange(
    id="dossier_sync",
    title=Text("Đồng bộ hồ sơ lên Cổng Dịch vụ công quốc gia", "Dossier sync with the national portal"),
    provider="H21",
    consumer="G22",
    legal_basis="Nghị định 118/2025/NĐ-CP; Nghị định 278/2025/NĐ-CP",
    purpose=Text("Người dân theo dõi hồ sơ trên Cổng quốc gia", "Applicants follow their dossiers"),
    source=Source("one_stop", onestop_list("hoso"), cursor="UpdatedAt"),
    target=Target("national_portal", sync_dossiers()),
    dataset="onestop.dossier/1",
    mapping="onestop-to-portal.dossier/1",
    delivery=Delivery(batch=100),
    sector="one-stop",
)

dag = exchange_dag(dossier_sync, schedule="*/15 * * * *")
