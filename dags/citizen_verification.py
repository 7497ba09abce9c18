"""Applicants of the one-stop system are verified against the national population database."""

from lienthong import Delivery, Exchange, Lookup, Source, Target, Text
from lienthong.airflow import exchange_dag
from lienthong_connectors.presets import identity_results, onestop_list, verify_citizen

verify = verify_citizen(number="SoDinhDanh", name="HoVaTen", born="NgaySinh", agency="MaDonVi")

citizen_verification = Exchange(
    id="citizen_verification",
    title=Text("Xác thực người nộp hồ sơ với CSDL quốc gia về dân cư", "Citizen verification"),
    provider="G01",
    consumer="H21",
    seal="H21",
    legal_basis="Luật Căn cước 26/2023/QH15; Nghị định 278/2025/NĐ-CP",
    purpose=Text("Người dân không phải nộp bản sao giấy tờ", "Citizens need not hand in copies of papers"),
    source=Source("one_stop", onestop_list("nguoinop"), cursor="UpdatedAt"),
    lookup=Lookup(
        "population", verify, officer="$TaiKhoanCanBo", procedure="$DocTypeCode",
        purpose="Xác thực người nộp hồ sơ một cửa",
    ),
    target=Target("one_stop", identity_results()),
    dataset="onestop.applicant/1",
    mapping="applicant-to-identity-result/1",
    delivery=Delivery(batch=50, quarantine_above=0.2),
    sector="population",
)  # fmt: skip

dag = exchange_dag(citizen_verification, schedule="*/30 * * * *")
