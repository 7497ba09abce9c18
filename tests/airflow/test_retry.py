"""Which errors are tried again, and when."""

from __future__ import annotations

import pytest

from lienthong.errors import (
    Forbidden,
    InvalidExchange,
    OutcomeUnknown,
    RateLimited,
    SegmentTampered,
    TooManyQuarantined,
    Unavailable,
    Unbalanced,
)

# Airflow's own imports warn about things that are not ours to change
pytestmark = pytest.mark.filterwarnings("ignore::Warning")


@pytest.mark.parametrize(
    "error", [Forbidden, InvalidExchange, SegmentTampered, TooManyQuarantined, Unbalanced]
)
def test_what_a_retry_cannot_help_fails_at_once(error: type[Exception]) -> None:
    from airflow.sdk import RetryAction

    from lienthong.airflow.retry import StepRetryPolicy

    decision = StepRetryPolicy().evaluate(error("no"), try_number=1, max_tries=4)
    assert decision.action is RetryAction.FAIL
    assert error.code in str(decision.reason)  # type: ignore[attr-defined]  # every error of ours has one


@pytest.mark.parametrize(("tried", "seconds"), [(1, 5), (2, 10), (3, 20), (7, 320), (8, 600), (40, 600)])
def test_transient_errors_wait_longer_each_time(tried: int, seconds: float) -> None:
    from airflow.sdk import RetryAction

    from lienthong.airflow.retry import StepRetryPolicy

    decision = StepRetryPolicy().evaluate(Unavailable("down"), try_number=tried, max_tries=50)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay is not None
    assert decision.retry_delay.total_seconds() == seconds


@pytest.mark.parametrize(("asked", "seconds"), [(90, 90), (1, 5), (86_400, 3600), (None, 5)])
def test_the_other_sides_patience_is_honoured(asked: float | None, seconds: float) -> None:
    """At least what was asked for, at least our own wait, at most an hour."""
    from lienthong.airflow.retry import StepRetryPolicy

    decision = StepRetryPolicy().evaluate(RateLimited("slow", retry_after=asked), 1, 4)
    assert decision.retry_delay is not None
    assert decision.retry_delay.total_seconds() == seconds


def test_an_unknown_outcome_is_tried_again_because_push_asks_first() -> None:
    from airflow.sdk import RetryAction

    from lienthong.airflow.retry import StepRetryPolicy

    assert StepRetryPolicy().evaluate(OutcomeUnknown("?"), 1, 4).action is RetryAction.RETRY


def test_errors_that_are_not_ours_follow_the_task() -> None:
    from airflow.sdk import RetryAction

    from lienthong.airflow.retry import StepRetryPolicy

    assert StepRetryPolicy().evaluate(ZeroDivisionError(), 1, 4).action is RetryAction.DEFAULT
