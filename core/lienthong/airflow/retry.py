"""When a failed step is tried again: the error's class decides, not the operator."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryDecision, RetryRule

from lienthong.errors import LienThongError, Misconfigured, Permanent, Refused, Tampered, Transient

if TYPE_CHECKING:
    from airflow.sdk import Context

#: The first wait, doubled at every further try, and the longest.
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)
#: A source that asks for more patience than this is not waited for in one go.
LONGEST_RETRY_AFTER = timedelta(hours=1)


class StepRetryPolicy(ExceptionRetryPolicy):
    """Transient errors wait and try again, all others of ours fail at once.

    A wait doubles from try to try; where the other side said how long (``retry_after``), the wait
    is at least that. Errors that are not ours follow the task's own ``retries`` and ``retry_delay``.
    """

    def __init__(self) -> None:
        super().__init__(
            rules=[
                RetryRule(exception=Transient, action=RetryAction.RETRY),
                RetryRule(exception=[Permanent, Misconfigured, Tampered, Refused], action=RetryAction.FAIL),
            ]
        )

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Return what follows a failure; the reason names the error's code."""
        decision = super().evaluate(exception, try_number, max_tries, context)
        if not isinstance(exception, LienThongError):
            return decision
        if decision.action is not RetryAction.RETRY:
            return RetryDecision.fail(reason=f"{exception.code}: a retry would end the same way")
        if try_number > max_tries:
            return RetryDecision.retry(reason=f"{exception.code}: no tries are left")
        wait = wait_before(try_number, getattr(exception, "retry_after", None))
        return RetryDecision.retry(wait, reason=f"{exception.code}: next try in {wait.total_seconds():.0f} s")


def wait_before(try_number: int, retry_after: float | None) -> timedelta:
    """Return how long to wait after a try (counted from 1)."""
    doublings = min(max(try_number - 1, 0), 16)
    wait = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
    asked = min(timedelta(seconds=retry_after or 0), LONGEST_RETRY_AFTER)
    return max(wait, asked)
