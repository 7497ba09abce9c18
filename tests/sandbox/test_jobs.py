"""The one-stop system accepts now and works later where the caller wants it so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lienthong_sandbox import Province

RESULT = {"MaYeuCau": "H21-XM-000150", "DocCode": "x", "SoDinhDanh": "1", "KetQua": "KHOP"}


def post(one_stop: Callable[..., Any], key: str, *records: dict[str, Any]) -> Any:
    headers = {"Prefer": "respond-async", "Idempotency-Key": key}
    return one_stop("/api/xacthuc", "POST", json=list(records), headers=headers)


def ask(one_stop: Callable[..., Any], accepted: Any) -> Any:
    return one_stop(accepted.headers["Location"].removeprefix("/motcua"))


def test_a_job_is_at_work_twice_and_then_done_once(one_stop: Any, province: Province) -> None:
    """Nothing is taken before the job is done, and asking again does not do it again."""
    before = len(province.audit("one_stop"))
    accepted = post(one_stop, "job-a", RESULT, {"KetQua": "KHOP"})
    assert (accepted.status_code, accepted.headers["Retry-After"]) == (202, "1")
    states = [ask(one_stop, accepted).json()["State"] for _ in range(2)]
    assert states == ["DANG_XU_LY", "DANG_XU_LY"]
    assert len(province.audit("one_stop")) == before
    done = [ask(one_stop, accepted).json() for _ in range(2)]
    assert done[0] == done[1]
    assert [entry["code"] for entry in done[0]["Results"]] == ["OK", "THIEU_TRUONG"]
    assert len(province.audit("one_stop")) == before + 1


def test_one_key_is_one_job(one_stop: Any) -> None:
    places = {post(one_stop, "job-b", RESULT).headers["Location"] for _ in range(2)}
    assert len(places) == 1


def test_jobs_are_lost_fail_and_take_longer_on_demand(one_stop: Any, province: Province) -> None:
    province.fault("one_stop", "job_lost", operation="xacthuc")
    assert ask(one_stop, post(one_stop, "job-c", RESULT)).status_code == 404
    province.fault("one_stop", "job_failed", operation="xacthuc")
    failed = post(one_stop, "job-d", RESULT)
    province.fault("one_stop", "job_pending", operation="viec", times=4)
    states = [ask(one_stop, failed).json()["State"] for _ in range(5)]
    assert states == ["DANG_XU_LY"] * 4 + ["THAT_BAI"]


def test_a_job_needs_a_token(one_stop: Any) -> None:
    place = post(one_stop, "job-e", RESULT).headers["Location"].removeprefix("/motcua")
    assert one_stop(place, headers={"Authorization": "Bearer no"}).status_code == 401
