"""Administrative units, in force and former, reach the provincial data warehouse."""

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.airflow import exchange_dag
from lienthong_connectors.presets import shared_catalogue
from lienthong_connectors.sql import SqlTarget

COLUMNS = {
    "MaDonVi": "code", "NgayHieuLuc": "valid_from", "NgayHetHieuLuc": "valid_to", "TenDonVi": "name",
    "TenDayDu": "full_name", "CapDonVi": "level", "MaDonViCha": "parent_code", "LoaiDonVi": "kind",
    "DienTich": "area_km2", "DanSo": "population", "ViDo": "latitude", "KinhDo": "longitude",
    "DonViKeThua": "successors", "NgayCapNhat": "updated_at",
}  # fmt: skip

administrative_units = Exchange(
    id="administrative_units",
    title=Text("Danh mục đơn vị hành chính", "Administrative units"),
    provider="G22",
    consumer="H21",
    legal_basis="Quyết định 19/2025/QĐ-TTg; Nghị định 278/2025/NĐ-CP",
    purpose=Text("Danh mục dùng chung cho kho dữ liệu tỉnh", "Reference data of the provincial warehouse"),
    source=Source("national_catalogue", shared_catalogue("donvihanhchinh"), cursor="NgayCapNhat"),
    target=Target("warehouse", SqlTarget(table="administrative_unit", columns=COLUMNS)),
    dataset="catalogue.administrative-unit/1",
    delivery=Delivery(batch=2000),
    sector="catalogue",
)

dag = exchange_dag(administrative_units, schedule="0 2 * * *")
