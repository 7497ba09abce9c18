"""Birth and marriage registrations taken at the one-stop reach the electronic civil status system."""

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.airflow import exchange_dag
from lienthong_connectors.presets import onestop_list, register_civil_status

civil_registrations = Exchange(
    id="civil_registrations",
    title=Text("Đăng ký khai sinh, kết hôn liên thông", "Birth and marriage registrations"),
    provider="H21",
    consumer="G15",
    legal_basis="Luật Hộ tịch 60/2014/QH13; Nghị định 278/2025/NĐ-CP",
    purpose=Text("Đăng ký hộ tịch không phải nhập lại", "Civil registration without retyping"),
    source=Source("one_stop", onestop_list("hotich"), cursor="UpdatedAt"),
    target=Target("civil_status", register_civil_status()),
    dataset="onestop.civil-registration/1",
    mapping="onestop-to-hotich/1",
    delivery=Delivery(batch=50),
    sector="civil-status",
)

dag = exchange_dag(civil_registrations, schedule="*/30 * * * *")
