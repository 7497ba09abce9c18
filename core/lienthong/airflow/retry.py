"""When a failed step is tried again: the error's class decides, not the operator."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryDecision, RetryRule

from lienthong.errors import LienThongError, Misconfigured, Permanent, Refused, Tampered, Transient
from lienthong.pipeline.retry import schedule

if TYPE_CHECKING:
    from airflow.sdk import Context


class StepRetryPolicy(ExceptionRetryPolicy):
    """Transient errors wait and try again, all others of ours fail at once.

    The waits are those of `lienthong.pipeline.retry`, the same as in ``lienthong run``. Errors that
    are not ours follow the task's own ``retries`` and ``retry_delay``.
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
        """Return what follows a failure; the reason names the error's code, or when to try again."""
        if not isinstance(exception, LienThongError):
            return super().evaluate(exception, try_number, max_tries, context)
        more = try_number <= max_tries
        found = schedule().verdict(exception, try_number, more=more)
        if found.wait is not None:
            return RetryDecision.retry(timedelta(seconds=found.wait), reason=found.reason)
        if isinstance(exception, Transient) and not more:
            return RetryDecision.retry(reason=found.reason)  # Airflow counts, and fails the task itself
        return RetryDecision.fail(reason=found.reason)
