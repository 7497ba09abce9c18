"""Which errors are tried again, and when."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

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


@pytest.mark.parametrize(("asked", "seconds"), [(90, 90), (1, 5), (3600, 3600), (None, 5)])
def test_the_other_sides_patience_is_honoured(asked: float | None, seconds: float) -> None:
    """At least what was asked for, at least our own wait."""
    from lienthong.airflow.retry import StepRetryPolicy

    decision = StepRetryPolicy().evaluate(RateLimited("slow", retry_after=asked), 1, 4)
    assert decision.retry_delay is not None
    assert decision.retry_delay.total_seconds() == seconds


def test_more_patience_than_an_hour_fails_and_says_when_to_try_again() -> None:
    """The same limit as in ``lienthong run``."""
    from airflow.sdk import RetryAction

    from lienthong.airflow.retry import StepRetryPolicy

    decision = StepRetryPolicy().evaluate(RateLimited("slow", retry_after=3601), 1, 4)
    assert decision.action is RetryAction.FAIL
    assert "try again after 20" in str(decision.reason)


def test_the_last_try_is_left_to_airflow() -> None:
    from airflow.sdk import RetryAction

    from lienthong.airflow.retry import StepRetryPolicy

    decision = StepRetryPolicy().evaluate(Unavailable("down"), try_number=5, max_tries=4)
    assert decision.action is RetryAction.RETRY
    assert "no tries are left" in str(decision.reason)


def test_an_unknown_outcome_is_tried_again_because_push_asks_first() -> None:
    from airflow.sdk import RetryAction

    from lienthong.airflow.retry import StepRetryPolicy

    assert StepRetryPolicy().evaluate(OutcomeUnknown("?"), 1, 4).action is RetryAction.RETRY


def test_errors_that_are_not_ours_follow_the_task() -> None:
    from airflow.sdk import RetryAction

    from lienthong.airflow.retry import StepRetryPolicy

    assert StepRetryPolicy().evaluate(ZeroDivisionError(), 1, 4).action is RetryAction.DEFAULT


@pytest.mark.parametrize(
    ("given", "least", "most"),
    [("90", 90, 90), ("date", 110, 120), ("2", 5, 5), ("never", 5, 5), (None, 5, 5)],
)
def test_a_targets_retry_after_is_the_pause_of_the_next_try(
    given: str | None, least: float, most: float
) -> None:
    """429 from a server, in seconds or as an HTTP date (RFC 9110 section 10.2.3), through the connector."""
    from lienthong.airflow.retry import StepRetryPolicy
    from lienthong.connector import Batch, Connection, Context
    from lienthong_connectors.rest import RestTarget

    value = formatdate(time.time() + 120, usegmt=True) if given == "date" else given
    with overloaded(value) as port:
        target = RestTarget(path="x").open_target(
            Connection("t", "lienthong_rest", host=f"http://127.0.0.1:{port}"), Context()
        )
        with pytest.raises(RateLimited) as caught:
            target.deliver(Batch("0" * 64, [b"{}"]))
        target.close()
    decision = StepRetryPolicy().evaluate(caught.value, 1, 4)
    assert decision.retry_delay is not None
    assert least <= decision.retry_delay.total_seconds() <= most


@contextmanager
def overloaded(retry_after: str | None) -> Iterator[int]:
    """A server that answers 429 to everything; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(429)
            if retry_after is not None:
                self.send_header("Retry-After", retry_after)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.server_port
        server.shutdown()
