"""The five steps of an exchange as Airflow operators.

They carry references to segments and counts from task to task, never records. Each step may be
repeated: the pipeline finds what an earlier try already did.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from airflow.sdk import BaseOperator, Context

from lienthong.airflow.agreement import Agreement
from lienthong.airflow.assets import outlet
from lienthong.airflow.connections import airflow_connections
from lienthong.airflow.links import EvidenceLink
from lienthong.airflow.runs import run_request, sign_asked
from lienthong.pipeline import Bus, Part, Plan, RunRequest, Settled, pull, push, settle, transform, validate
from lienthong.pipeline.ended import confirmed, end_line
from lienthong.pipeline.moved import odd_lines
from lienthong.pipeline.waiting import Waiting

_LOG = logging.getLogger("lienthong.airflow")

#: Seconds that a task is deferred at least. The executor tells the scheduler some seconds late that the
#: process before the wait has ended; where the task runs again by then, the scheduler takes it for killed.
SHORTEST_DEFERRAL = 15.0

_WORK: Mapping[str, Callable[[Bus, Plan, RunRequest, Part], Part]] = {
    "validate": validate,
    "transform": transform,
}


class StepOperator(BaseOperator):
    """What the five steps share: the agreement, the bus and the link to the evidence."""

    step: ClassVar[str] = ""
    operator_extra_links = (EvidenceLink(),)
    shallow_copy_attrs = ("agreement",)
    ui_color = "#e8f1f8"

    def __init__(self, *, agreement: Agreement, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.agreement = agreement

    def request(self, context: Context) -> RunRequest:
        """Return what the DAG run asks for."""
        return run_request(context, self.agreement.exchange.id)

    @staticmethod
    def bus() -> Bus:
        """Open the bus of this deployment on Airflow's connections."""
        return Bus.open(connections=airflow_connections)


class PullOperator(StepOperator):
    """Read what is new from the source into segments and return them in groups."""

    step = "pull"

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return one reference per group of segments, none where the source has nothing new.

        What a person asked for in the trigger form is signed before anything is read.
        """
        bus, plan, request = self.bus(), self.agreement.plan, self.request(context)
        sign_asked(bus, plan, request, context)
        parts = pull(bus, plan, request)
        if not parts:
            _LOG.info("exchange %s: nothing new, settle closes the run", self.agreement.exchange.id)
        return [part.as_dict() for part in parts]


class PartOperator(StepOperator):
    """One step on one group of segments; mapped over the groups."""

    def __init__(self, *, part: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = part

    @property
    def part_name(self) -> str:
        """The name shown instead of the bare map index, such as ``2/4``."""
        return f"{self.part['index'] + 1}/{self.part['of']}"

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the reference to what the step made of the group."""
        part = Part.from_dict(self.part)
        return _WORK[self.step](self.bus(), self.agreement.plan, self.request(context), part).as_dict()


class ValidateOperator(PartOperator):
    """Check every record against its dataset; put aside what does not hold."""

    step = "validate"


class TransformOperator(PartOperator):
    """Map valid records to the dataset that the target takes."""

    step = "transform"


class PushOperator(PartOperator):
    """Deliver the segments of a group, each with exactly one effect.

    Where the target accepts now and works later, the task is deferred once everything has been
    sent: it holds no worker while it waits, and asks when it is woken. A delivery itself is never
    deferred, because a triggerer that is started again repeats what it was doing.
    """

    step = "push"

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the reference to what became of the group."""
        return self._push(context, None)

    def resume(
        self,
        context: Context,
        event: Any = None,  # noqa: ARG002 - a moment in time, nothing is learned from it
        *,
        since: float,
        asked: int,
    ) -> dict[str, Any]:
        """Go on after a wait; the journal knows what was sent, so the target is asked."""
        _LOG.info("woken to ask the target, question %d", asked)
        return self._push(context, Waiting(since, asked))

    def _push(self, context: Context, waited: Waiting | None) -> dict[str, Any]:
        part, plan = Part.from_dict(self.part), self.agreement.plan
        request = self.request(context)
        return push(self.bus(), plan, request, part, pause=self._pause, waited=waited).as_dict()

    def _pause(self, waiting: Waiting) -> None:
        """Give the worker back and be called again later."""
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        seconds = max(waiting.seconds, SHORTEST_DEFERRAL)
        self.defer(
            trigger=TimeDeltaTrigger(timedelta(seconds=seconds)),
            method_name="resume",
            kwargs={"since": waiting.since, "asked": waiting.asked},
        )


class SettleOperator(StepOperator):
    """Check that every record is accounted for, sign the run, move the cursor, tell Airflow.

    ``exchange``, the exchange's id, is a template field so that it stands in the serialised DAG, where
    `RunGuard` reads it, and on the task's page.
    """

    step = "settle"
    template_fields = ("exchange",)

    def __init__(self, *, agreement: Agreement, **kwargs: Any) -> None:
        super().__init__(agreement=agreement, **kwargs)
        self.exchange = agreement.exchange.id

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the counts, the evidence and where the next run begins."""
        request = self.request(context)
        settled = settle(self.bus(), self.agreement.plan, request)
        if settled.counts.get("acknowledged", 0) and not request.dry_run:
            self._announce(context, settled)
        else:
            self.outlets = []  # nothing was delivered: Airflow emits an event for every outlet left
        for line in odd_lines(settled.odd):
            _LOG.warning("exchange %s: %s", self.agreement.exchange.id, line)
        if settled.end and not confirmed(settled.end):
            _LOG.warning("exchange %s: %s", self.agreement.exchange.id, end_line(settled.end))
        if settled.nothing_new:
            _LOG.info("exchange %s: nothing new (không có gì mới)", self.agreement.exchange.id)
        return settled.as_dict()

    def _announce(self, context: Context, settled: Settled) -> None:
        """Put the counts and the evidence into the event of the delivered asset."""
        context["outlet_events"][outlet(self.agreement.exchange)].extra = {
            "exchange": settled.exchange,
            "run": settled.run,
            "counts": dict(settled.counts),
            "evidence": dict(settled.evidence),
        }
