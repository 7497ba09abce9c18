"""Citizens as the population database writes them (QCVN 109 family, reply namespace)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from lienthong_sandbox.people import Person
from lienthong_sandbox.times import iso, now

REPLY = "http://www.mic.gov.vn/dancu/1.0"
"""Namespace of replies."""
_CHUNK = 200


def _place(tag: str, person: Person) -> str:
    return (
        f"<{tag}><MaTinhThanh>52</MaTinhThanh><MaPhuongXa>{person.commune}</MaPhuongXa>"
        f"<ChiTiet>{escape(person.street)}</ChiTiet><QuocGia>VN</QuocGia></{tag}>"
    )


def _parent(tag: str, name: str) -> str:
    return f"<{tag}><HoVaTen>{escape(name)}</HoVaTen><QuocTich>VN</QuocTich></{tag}>"


def citizen(person: Person, number: str | None = None) -> str:
    """Return one ``CongDan``; ``number`` stands in for the personal number of a malformed one."""
    birth = (
        f"<Nam>{person.born.year}</Nam>"
        if person.year_only
        else f"<NgayThangNam>{person.born:%Y%m%d}</NgayThangNam>"
    )
    return (
        f"<CongDan><SoDinhDanh>{number or person.number}</SoDinhDanh>"
        f"<HoVaTen><Ho>{escape(person.family)}</Ho><ChuDem>{escape(person.middle)}</ChuDem>"
        f"<Ten>{escape(person.given)}</Ten></HoVaTen>"
        f"<GioiTinh>{person.gender}</GioiTinh><DanToc>{person.ethnicity}</DanToc>"
        f"<TonGiao>{person.religion}</TonGiao><QuocTich>VN</QuocTich>"
        f"<TinhTrangHonNhan>{person.marital}</TinhTrangHonNhan><NhomMau>{person.blood}</NhomMau>"
        f"<NgayThangNamSinh>{birth}</NgayThangNamSinh>"
        + _place("NoiDangKyKhaiSinh", person)
        + _place("QueQuan", person)
        + _place("ThuongTru", person)
        + _place("NoiOHienTai", person)
        + _parent("Cha", person.father)
        + _parent("Me", person.mother)
        + "</CongDan>"
    )


def collection(citizens: Iterable[str], count: int, note: str, ident: str) -> Iterator[str]:
    """Yield a ``CongdanCollection`` in pieces, never holding more than a few hundred citizens."""
    attributes = (
        f'SoCongDan="{count}" GhiChu={quoteattr(note)} ThoiDiemDuLieu="{iso(now())}" id={quoteattr(ident)}'
    )
    yield f'<CongdanCollection xmlns="{REPLY}" {attributes}>'
    piece: list[str] = []
    for text in citizens:
        piece.append(text)
        if len(piece) == _CHUNK:
            yield "".join(piece)
            piece.clear()
    yield "".join(piece) + "</CongdanCollection>"
