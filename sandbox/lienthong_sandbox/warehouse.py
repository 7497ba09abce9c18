"""The provincial data warehouse: SQL tables that exchanges write into.

Works on SQLite and PostgreSQL. The primary key of a unit is (code, valid_from), because a former
commune's code often goes on as the code of a unit in force.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    func,
    select,
)

METADATA = MetaData()
"""All tables of the warehouse."""

ADMINISTRATIVE_UNIT = Table(
    "administrative_unit",
    METADATA,
    Column("code", String(10), primary_key=True, comment="MaDonVi"),
    Column("valid_from", Date, primary_key=True, comment="NgayHieuLuc"),
    Column("valid_to", Date, comment="NgayHetHieuLuc, last day in force; NULL = in force"),
    Column("name", String(200), nullable=False, comment="TenDonVi"),
    Column("full_name", String(400), comment="TenDayDu"),
    Column("level", String(10), nullable=False, comment="CapDonVi: tinh, xa, xa-cu"),
    Column("parent_code", String(10), comment="MaDonViCha"),
    Column("kind", String(30), nullable=False, comment="LoaiDonVi"),
    Column("area_km2", Float, comment="DienTich"),
    Column("population", Integer, comment="DanSo"),
    Column("latitude", Float, comment="ViDo, degrees, WGS 84"),
    Column("longitude", Float, comment="KinhDo, degrees, WGS 84"),
    Column("successors", Text, nullable=False, comment="DonViKeThua as JSON text"),
    Column("updated_at", DateTime(timezone=True), nullable=False, comment="NgayCapNhat"),
)
"""Administrative units, former and in force; one column for each field of ``donvihanhchinh``."""


def create(url: str) -> None:
    """Create the tables that are not there yet in the database at an SQLAlchemy URL."""
    engine = create_engine(url)
    try:
        METADATA.create_all(engine)
    finally:
        engine.dispose()


def describe(url: str) -> dict[str, int]:
    """Return how many units of each level the warehouse holds, and ``total``."""
    engine = create_engine(url)
    level = ADMINISTRATIVE_UNIT.c.level
    try:
        with engine.connect() as connection:
            found = connection.execute(select(level, func.count()).group_by(level)).all()
    finally:
        engine.dispose()
    counts = {str(row[0]): int(row[1]) for row in found}
    return {**counts, "total": sum(counts.values())}
