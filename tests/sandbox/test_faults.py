"""Every way to misbehave does what its name says, as often as told."""

from __future__ import annotations

import time

import pytest
import requests

from lienthong_sandbox.faults import NAMES, Board, Fault

ONE = [{"MaYeuCau": "H21-XM-000150", "DocCode": "D", "SoDinhDanh": "S", "KetQua": "KHOP"}]


def test_unavailable_and_rate_limited_say_when_to_retry(one_stop, province):
    """503 and 429 carry Retry-After and strike as often as asked, then never again."""
    province.fault("one_stop", "unavailable", times=2, seconds=3)
    province.fault("one_stop", "rate_limited")
    answers = [one_stop("/api/hoso?limit=1") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 429, 200]
    assert answers[0].headers["Retry-After"] == "3"


def test_after_and_operation_choose_the_victim(one_stop, province):
    """A fault waits for its operation and lets the first ones pass."""
    province.fault("one_stop", "unavailable", after=1, operation="nguoinop")
    paths = ["hoso", "nguoinop", "hoso", "nguoinop", "nguoinop"]
    assert [one_stop(f"/api/{path}?limit=1").status_code for path in paths] == [200, 200, 200, 503, 200]


def test_slow_is_slow(one_stop, province):
    """The answer comes, but late."""
    province.fault("one_stop", "slow", seconds=0.4)
    begin = time.monotonic()
    assert one_stop("/api/hoso?limit=1").status_code == 200
    assert time.monotonic() - begin >= 0.4


def test_cut_after_taken_commits_and_says_nothing(one_stop, province):
    """The connection dies without an answer, yet the key is known and the result was taken once."""
    key = {"Idempotency-Key": "cut-after"}
    province.fault("one_stop", "cut_after_taken", operation="xacthuc")
    with pytest.raises(requests.ConnectionError):
        one_stop("/api/xacthuc", "POST", json=ONE, headers=key)
    assert one_stop("/api/xacthuc/cut-after").json()["Results"][0]["code"] == "OK"
    again = one_stop("/api/xacthuc", "POST", json=ONE, headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert sum(line["request_id"] == "cut-after" for line in province.audit("one_stop")) == 1


def test_cut_before_takes_nothing(one_stop, province):
    """The connection dies and nothing was taken."""
    province.fault("one_stop", "cut_before", operation="xacthuc")
    with pytest.raises(requests.ConnectionError):
        one_stop("/api/xacthuc", "POST", json=ONE, headers={"Idempotency-Key": "cut-before"})
    assert one_stop("/api/xacthuc/cut-before").status_code == 404


def test_duplicate_page_repeats_and_loses_nothing(one_stop, catalogue, province):
    """The rows of the page before come again, in front of the page's own."""
    first = one_stop("/api/hoso?limit=5").json()
    path = f"/api/hoso?limit=5&cursor={first['NextCursor']}"
    second = one_stop(path).json()["Data"]
    province.fault("one_stop", "duplicate_page")
    assert one_stop(path).json()["Data"] == first["Data"] + second
    province.fault("national_catalogue", "duplicate_page")
    url = "/Category/donvihanhchinhcap2?soBanGhi=10&trang=2"
    assert len(catalogue(url).json()["response"]["data"]) == 20


def test_expired_token_strikes_once(one_stop, portal, province):
    """A token that looks valid is refused once, in the dialect of each system."""
    province.fault("one_stop", "expired_token")
    province.fault("national_portal", "expired_token")
    assert [one_stop("/api/hoso?limit=1").status_code for _ in range(2)] == [401, 200]
    assert [portal("g", "LayDanhSachTTHC").json()["error_code"] for _ in range(2)] == ["401", "00"]


def test_malformed_record_is_one_more(one_stop, catalogue, province):
    """A record without its key is slipped in, the others are all there."""
    whole = one_stop("/api/hoso?limit=5").json()["Data"]
    province.fault("one_stop", "malformed_record")
    broken = one_stop("/api/hoso?limit=5").json()["Data"]
    assert broken[0]["DocCode"] is None
    assert broken[1:] == whole
    province.fault("national_catalogue", "malformed_record")
    assert catalogue("/Category/donvihanhchinhcap1").json()[0]["MaDonVi"] is None


def test_malformed_body_is_no_json(one_stop, province):
    """The body breaks off in the middle under an honest length."""
    province.fault("one_stop", "malformed_body")
    with pytest.raises(requests.JSONDecodeError):
        one_stop("/api/hoso?limit=5").json()


def test_partial_acceptance_refuses_every_second(one_stop, portal, province):
    """Odd positions of a batch are refused for now."""
    province.fault("one_stop", "partial_acceptance")
    batch = [ONE[0] | {"MaYeuCau": f"H21-XM-{n:06d}"} for n in range(151, 155)]
    answers = one_stop("/api/xacthuc", "POST", json=batch).json()
    assert [answer["code"] for answer in answers] == ["OK", "DANG_BAN", "OK", "DANG_BAN"]


def test_error_in_200(one_stop, portal, province):
    """HTTP says success, the body says failure."""
    province.fault("one_stop", "error_in_200")
    province.fault("national_portal", "error_in_200")
    answer = one_stop("/api/hoso?limit=1")
    assert (answer.status_code, answer.json()["code"]) == (200, 500)
    assert portal("g", "LayDanhSachTTHC").json()["error_code"] == "-1"


def test_control_paths_do_the_same(one_stop, province):
    """Faults can be set, seen and cleared over HTTP, and the log counts what happened."""
    url = f"{province.url}/_control/one_stop"
    body = {"fault": "unavailable", "times": None, "operation": "hotich"}
    assert requests.post(f"{url}/faults", json=body, timeout=60).json()["waiting"][0]["name"] == "unavailable"
    assert [one_stop("/api/hotich").status_code for _ in range(2)] == [503, 503]
    assert requests.delete(f"{url}/faults", timeout=60).json() == {"waiting": []}
    assert one_stop("/api/hotich").status_code == 200
    log = requests.get(f"{url}/log", timeout=60).json()
    mine = {"operation": "hotich", "status": 503, "fault": "unavailable", "count": 2}
    assert mine in log["requests"]
    assert requests.post(f"{url}/faults", json={"fault": "nonsense"}, timeout=60).status_code == 400
    assert requests.get(f"{province.url}/_control/nobody/log", timeout=60).status_code == 404


def test_only_loopback_names_are_answered(province):
    """A page in a browser that rebinds its name to loopback gets nothing."""
    answer = requests.get(province.url, headers={"Host": "evil.example"}, timeout=60)
    assert answer.status_code == 421


def test_board_uses_faults_up_in_order():
    """Faults strike in the order in which they were set, and unknown names are refused."""
    board = Board()
    board.add(Fault("slow"))
    board.add(Fault("unavailable"))
    struck = [board.strike("x") for _ in range(3)]
    assert [fault.name if fault else None for fault in struck] == ["slow", "unavailable", None]
    assert "cut_before" in NAMES
    with pytest.raises(ValueError, match="no fault"):
        Fault("nonsense")
