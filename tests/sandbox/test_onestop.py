"""The one-stop system pages, seeds what it says it seeds, and takes results exactly once."""

from __future__ import annotations

import re
import uuid

import pytest

from lienthong_sandbox import applicants, dossiers, registrations


def walk(one_stop, name, limit=50, **query):
    """Return all records of a list by following cursors."""
    records, cursor = [], None
    while True:
        body = one_stop(f"/api/{name}", params={"cursor": cursor, "limit": limit, **query}).json()
        records += body["Data"]
        cursor = body["NextCursor"]
        if cursor is None:
            return records


@pytest.mark.parametrize(
    ("name", "key", "count"),
    [("hoso", "DocCode", 600), ("nguoinop", "MaYeuCau", 200), ("hotich", "MaHoSo", 150)],
)
def test_cursors_give_each_record_once(one_stop, name, key, count):
    """Walking a list yields every record exactly once, oldest change first."""
    records = walk(one_stop, name, limit=37)
    assert len(records) == len({record[key] for record in records}) == count
    assert [r["UpdatedAt"] for r in records] == sorted(r["UpdatedAt"] for r in records)


def test_next_link_equals_next_cursor(one_stop):
    """``Link: rel=next`` leads to the same page as the cursor in the body."""
    first = one_stop("/api/hoso?limit=10")
    url = re.match(r'<([^>]+)>; rel="next"', first.headers["Link"])[1]
    following = one_stop("/api/hoso", params={"limit": 10, "cursor": first.json()["NextCursor"]}).json()
    assert one_stop(url.split("/motcua")[1]).json() == following


def test_seeded_defects_are_the_documented_ones(one_stop, province):
    """Eight dossiers, four applicants and five registrations are malformed, six dossiers are local."""
    records = walk(one_stop, "hoso", limit=1000)
    codes = {record["DocCode"] for record in records}
    assert set(dossiers.defects()) <= codes
    assert len(province.defects("one_stop")) == 8 + 4 + 5
    assert sum(record["DocTypeCode"].startswith("3.9") for record in records) == dossiers.LOCAL_COUNT
    assert any(record["FinishedDate"].startswith("0000-00-00") for record in records)
    assert len(applicants.defects()) == 4
    assert len(registrations.defects()) == 5


def test_updated_since_gives_only_later_records(one_stop, province):
    """A dossier changed through the control path is all that a second pull sees."""
    newest = max(record["UpdatedAt"] for record in walk(one_stop, "hoso", limit=1000))
    changed = dossiers.dossier(3, ("23563",)) | {"Status": 2}
    province.upsert("one_stop", "hoso", [changed])
    delta = walk(one_stop, "hoso", updated_since=newest)
    assert [(record["DocCode"], record["Status"]) for record in delta] == [(changed["DocCode"], 2)]


def result(number, **other):
    """Return a verification result of a seeded applicant."""
    who = applicants.applicant(number, ("23563",), 5000)
    fields = {name: who[name] for name in ("MaYeuCau", "DocCode", "SoDinhDanh")}
    return fields | {"KetQua": "KHOP"} | other


def test_results_are_answered_one_by_one(one_stop):
    """A batch is taken in part; each refused result says why."""
    batch = [result(1), result(2, KetQua="?"), result(3, SoDinhDanh=""), result(4, MaYeuCau="X")]
    answers = one_stop("/api/xacthuc", "POST", json=batch).json()
    assert [(a["index"], a["status"], a["code"]) for a in answers] == [
        (0, 201, "OK"),
        (1, 400, "SAI_KET_QUA"),
        (2, 400, "THIEU_TRUONG"),
        (3, 404, "KHONG_CO_YEU_CAU"),
    ]


def test_idempotency_key_makes_a_repeat_harmless(one_stop, province):
    """The same key and body get the stored answer and no second entry; another body gets 422."""
    key, before = {"Idempotency-Key": uuid.uuid4().hex}, len(province.audit("one_stop"))
    first = one_stop("/api/xacthuc", "POST", json=[result(5)], headers=key)
    again = one_stop("/api/xacthuc", "POST", json=[result(5)], headers=key)
    other = one_stop("/api/xacthuc", "POST", json=[result(6)], headers=key)
    assert (first.json(), again.headers["Idempotency-Replayed"]) == (again.json(), "true")
    assert other.status_code == 422
    assert len(province.audit("one_stop")) == before + 1
    status = one_stop(f"/api/xacthuc/{key['Idempotency-Key']}").json()
    assert status["Results"] == first.json()
    assert one_stop("/api/xacthuc/never").status_code == 404


def test_bad_cursor_is_a_clear_refusal(one_stop):
    """A cursor that the system never gave out is answered with 400."""
    assert one_stop("/api/hoso?cursor=abc").status_code == 400
