"""What a person asks of a run beyond the ordinary, signed before it begins: send again, begin elsewhere.

The command line and Airflow's trigger form ask for the same and leave the same act. A trial (dry run, limit)
that begins elsewhere moves no cursor and leaves none.
"""

from __future__ import annotations

from lienthong.ledger import Entry
from lienthong.ledger.acts import acts
from lienthong.pipeline.acts import act
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.parts import RunRequest
from lienthong.pipeline.plan import Plan


def wish(request: RunRequest) -> str:
    """Return the act that a run as it is asked for is, "" where it is an ordinary one.

    ``run.resend``: what the target has is sent again. ``run.since``: the run begins at a value that a person
    gives and leaves the cursor behind what it read, so that records may be passed over.
    """
    if request.kind != "run":
        return ""
    if request.resend:
        return "run.resend"
    return "run.since" if request.since is not None and request.advances else ""


def sign_wish(
    bus: Bus,
    plan: Plan,
    request: RunRequest,
    *,
    who: str,
    why: str,
    operator: str | None = None,
    once: bool = False,
) -> Entry | None:
    """Sign that a person asked for a run as it is, before it begins; None where nothing is to be signed.

    With ``once`` an act of this run that is there already counts: a step that is tried again or cleared
    leaves no second one. Raises `Misconfigured` where who or why is missing, or where no operator's key may
    sign it; `UnknownName` where there is no operator's key, or a choice of them.
    """
    name, exchange = wish(request), plan.exchange.id
    if not name or (once and any(one.name == name for one in acts(bus.ledger, exchange, request.run))):
        return None
    hidden = plan.order is not None and plan.order.personal
    subject = {} if hidden else {"since": request.since or ""}
    return act(
        bus,
        name=name,
        who=who,
        why=why,
        exchange=exchange,
        run=request.run,
        subject=subject,
        operator=operator,
    )
