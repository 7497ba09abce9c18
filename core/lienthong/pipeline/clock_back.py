"""Putting back a clock that was ahead: a person says so, signed, and the ledger goes on from now."""

from __future__ import annotations

from lienthong.errors import Misconfigured
from lienthong.ledger.ahead import Ahead, ahead, shorten_waits
from lienthong.ledger.fields import CLOCK_BACK
from lienthong.pipeline.acts import act
from lienthong.pipeline.bus import Bus


def put_back(bus: Bus, *, who: str, why: str, operator: str | None = None) -> Ahead:
    """Sign that the entries later than now were recorded by a clock that was ahead; return which they are.

    An act stands in every chain that ends ahead of now, so that what people do about its run can follow, and
    in the chain of no run at last, on which all else follows. Statements stay as they are, and a run that has
    steps of that time gets none after it: close it. Done again after it was stopped, it goes on. Raises
    `Misconfigured` where nothing lies ahead, where the database's clock is not this machine's, and as `act`.
    """
    found = ahead(bus.database)
    if found is None or not (found.chains or shorten_waits(bus.database)):
        raise Misconfigured(
            "no entry of the ledger that was not put back already is later than now",
            where="ledger",
            hint="there is nothing to put back; see: lienthong clock show",
        )
    subject = {"entries": found.entries, "latest": found.latest}
    for exchange, run in (*(chain for chain in found.chains if chain != ("", "")), ("", "")):
        act(
            bus,
            name=CLOCK_BACK,
            who=who,
            why=why,
            exchange=exchange,
            run=run,
            subject=subject,
            operator=operator,
        )
    waits = shorten_waits(bus.database)
    bus.audit("clock", f"put back over {found.entries} entries; {waits} leases and waits ended")
    return found
