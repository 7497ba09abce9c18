"""The connector against the simulated province: its real shapes, sessions and faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lienthong.connector import Batch, Connection, Context, ReadRequest
from lienthong.errors import LienThongError, OutcomeUnknown, RateLimited, Unavailable
from lienthong.records import canonical, sha256
from lienthong_connectors.http import pace
from lienthong_connectors.rest import (
    CreateThenUpdate,
    CursorPaging,
    Envelope,
    LinkHeaderPaging,
    PagePaging,
    RestSource,
    RestTarget,
    Results,
    StatusLookup,
)

UNITS = RestSource(
    path="Category/donvihanhchinh",
    records="response.data",
    paging=PagePaging(page_param="trang", size_param="soBanGhi", size=1000, total_path="response.tongSo"),
    since_param="capNhatTu",
    envelope=Envelope(code_path="code", message_path="response.message"),
)
DOSSIERS = RestSource(
    path="api/hoso",
    records="Data",
    paging=CursorPaging(cursor_path="NextCursor", cursor_param="cursor", size_param="limit", size=200),
    since_param="updated_since",
    envelope=Envelope(code_path="Status", ok_values=("1",), message_path="Message"),
)
PORTAL = RestTarget(
    path="mapi/p",
    wrap={"service": "DongBoHoSoMC", "isUpdating": "False", "data": "$records"},
    envelope=Envelope(unknown_codes=("-1",)),
    results=Results(
        path="result",
        match="key",
        field="MaHoSo",
        record_key="MaHoSo",
        code_path="error_code",
        ok_codes=("00",),
        transient_codes=("99",),
    ),
    upsert=CreateThenUpdate(exists_codes=("04",)),
    status=StatusLookup(
        method="POST",
        path="mapi/g",
        body={"service": "TraCuuHoSo", "mahoso": "$record.MaHoSo"},
        envelope=Envelope(),
        found="result",
    ),
)
IDENTITY = RestTarget(
    path="api/xacthuc",
    results=Results(match="index", transient_codes=("DANG_BAN",)),
    status=StatusLookup(
        path="api/xacthuc/{id}",
        per="batch",
        results=Results(path="Results", match="index", transient_codes=("DANG_BAN",)),
    ),
    repeatable=True,
    max_batch=1000,
)
DOSSIER = {
    "MaHoSo": "H21.129-250812-0001",
    "MaTTHC": "1.004222",
    "TenTTHC": "Đăng ký thường trú",
    "MaLinhVuc": "G01-CT08",
    "TenLinhVuc": "Đăng ký, quản lý cư trú",
    "LoaiDoiTuong": "1",
    "NgayTiepNhan": "20250812073000",
    "NgayHenTra": "20250819073000",
    "TrangThaiHoSo": "4",
    "DonViXuLy": "UBND xã số 129",
}


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    sandbox = pytest.importorskip("lienthong_sandbox")
    with sandbox.Province(tmp_path_factory.mktemp("province")) as running:
        yield running


@pytest.fixture
def opened(province: Any) -> Iterator[Any]:
    """Open settings on one of the province's connections."""
    everything = []

    def open_on(settings: Any, name: str) -> Any:
        given = province.connections()[name]
        connection = Connection(
            name,
            given["conn_type"],
            given["host"],
            login=given["login"],
            password=given["password"],
            extra=given["extra"],
        )
        opener = getattr(settings, "open_source", None) or settings.open_target
        everything.append(opener(connection, Context(log=lambda _: None)))
        return everything[-1]

    yield open_on
    province.clear_faults()
    for one in everything:
        one.close()


def batch(*records: dict[str, Any], key: str = "MaHoSo") -> Batch:
    lines = [canonical(record) for record in records]
    return Batch(sha256(b"\n".join(lines)), lines, (key,))


def test_administrative_units_are_read_in_full_then_only_what_changed(province: Any, opened: Any) -> None:
    source = opened(UNITS, "national_catalogue")
    pages = list(source.read(ReadRequest()))
    units = [unit for page in pages for unit in page.records]
    assert len(units) == 13_398
    newest = max(unit["NgayCapNhat"] for unit in units if unit.get("NgayCapNhat"))
    assert [u for p in source.read(ReadRequest(since=newest)) for u in p.records] == []
    validators = {k: v for page in pages for k, v in page.validators.items()}
    again = list(source.read(ReadRequest(validators=validators)))
    assert sum(len(page.records) for page in again) == 0
    assert all(page.notes.get("not_modified") for page in again)


@pytest.mark.parametrize("paging", [DOSSIERS.paging, LinkHeaderPaging()])
def test_dossiers_are_read_by_cursor_and_by_link(opened: Any, paging: Any) -> None:
    settings = RestSource(path="api/hoso", records="Data", paging=paging)
    pages = opened(settings, "one_stop").read(ReadRequest())
    codes = [record["DocCode"] for page in pages for record in page.records]
    assert len(codes) == 600


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("unavailable", Unavailable),
        ("rate_limited", RateLimited),
        ("cut_before", Unavailable),
        ("malformed_body", LienThongError),
        ("error_in_200", LienThongError),
    ],
)
def test_a_pull_that_dies_goes_on_where_it_was(
    province: Any, opened: Any, fault: str, kind: type[LienThongError]
) -> None:
    """The pages before the fault have reached the pipeline, the rest follows from their position."""
    province.fault("one_stop", fault, after=1, operation="hoso", seconds=20)
    pages: list[Any] = []
    reading = opened(DOSSIERS, "one_stop").read(ReadRequest())
    with pytest.raises(kind):
        pages.extend(reading)
    assert len(pages) == 1
    pace._paces.clear()  # the time to wait is over
    pages.extend(opened(DOSSIERS, "one_stop").read(ReadRequest(position=pages[-1].position)))
    codes = [record["DocCode"] for page in pages for record in page.records]
    assert len(codes) == 600


def test_an_expired_token_is_renewed_in_the_middle_of_a_pull(province: Any, opened: Any) -> None:
    province.fault("one_stop", "expired_token", after=1)
    assert sum(len(p.records) for p in opened(DOSSIERS, "one_stop").read(ReadRequest())) == 600


def test_dossiers_reach_the_portal_once_whatever_is_cut(province: Any, opened: Any) -> None:
    """A delivery that was taken without an answer is found by asking; one that was not is absent."""
    target = opened(PORTAL, "national_portal")
    names = [f"H21.129-250812-009{number}" for number in range(3)]
    own = [{**DOSSIER, "MaHoSo": name} for name in names]
    first = batch(*own[:2])
    province.fault("national_portal", "cut_after_taken", operation="DongBoHoSoMC")
    with pytest.raises(OutcomeUnknown):
        target.deliver(first)
    assert target.lookup(first).acknowledged == 2
    second = batch(own[2])
    province.fault("national_portal", "cut_before", operation="DongBoHoSoMC")
    with pytest.raises(OutcomeUnknown):
        target.deliver(second)
    assert target.lookup(second).absent == frozenset({0})
    assert target.deliver(second).acknowledged == 1
    written = [(a["operation"], a["key"]) for a in province.audit("national_portal") if a["key"] in names]
    assert sorted(written) == [("create", name) for name in names]


def test_a_changed_dossier_becomes_an_update_and_an_unknown_procedure_is_refused(
    province: Any, opened: Any
) -> None:
    target = opened(PORTAL, "national_portal")
    target.deliver(batch({**DOSSIER, "MaHoSo": "H21.129-250812-0010"}))
    changed = {**DOSSIER, "MaHoSo": "H21.129-250812-0010", "TrangThaiHoSo": "9"}
    unknown = {**DOSSIER, "MaHoSo": "H21.129-250812-0011", "MaTTHC": "9.999999"}
    both = batch(changed, unknown)
    assert target.lookup(both).absent == frozenset({0, 1})
    answer = target.deliver(both)
    assert answer.acknowledged == 1
    assert answer.refused[1].rule == "target.03"
    assert target.lookup(both).absent == frozenset({1})


def test_an_expired_portal_session_is_opened_again(province: Any, opened: Any) -> None:
    target = opened(PORTAL, "national_portal")
    province.fault("national_portal", "expired_token")
    assert target.deliver(batch({**DOSSIER, "MaHoSo": "H21.129-250812-0020"})).acknowledged == 1


def test_identity_results_are_asked_about_by_their_key(province: Any, opened: Any) -> None:
    applicants = opened(RestSource(path="api/nguoinop", records="Data"), "one_stop")
    found = [a for page in applicants.read(ReadRequest()) for a in page.records][:3]
    results = [
        {"MaYeuCau": a["MaYeuCau"], "DocCode": "x", "SoDinhDanh": "064163271828", "KetQua": "KHOP"}
        for a in found
    ]
    sent = batch(*results, {**results[0], "MaYeuCau": "không có"}, key="MaYeuCau")
    target = opened(IDENTITY, "one_stop")
    assert target.lookup(sent).absent == frozenset(range(4))
    province.fault("one_stop", "cut_after_taken", operation="xacthuc")
    with pytest.raises(OutcomeUnknown):
        target.deliver(sent)
    answer = target.lookup(sent)
    assert answer.acknowledged == 3
    assert answer.refused[3].rule == "target.KHONG_CO_YEU_CAU"
    assert target.deliver(sent).acknowledged == 3, "the same key gives the same answer"


def test_checks_hold_for_every_rest_connection(opened: Any) -> None:
    for settings, name in (
        (UNITS, "national_catalogue"),
        (DOSSIERS, "one_stop"),
        (PORTAL, "national_portal"),
        (IDENTITY, "one_stop"),
    ):
        assert all(finding.ok for finding in opened(settings, name).check()), name
