"""Whether a run has settled, asked of the ledger without writing and without waiting long.

For processes that must neither stall nor fail where the ledger does not answer: Airflow's scheduler
and API server.
"""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from enum import StrEnum
from threading import Thread
from typing import Any

from sqlalchemy import Connection, select

from lienthong.config import Config, load_config
from lienthong.errors import LienThongError, Unavailable
from lienthong.ledger import Database
from lienthong.ledger.tables import RUNS

#: Seconds that an answer of the ledger is waited for.
PATIENCE = 10.0


class Standing(StrEnum):
    """Where a run stands: settled, closed by a person's name, open, or never opened."""

    SETTLED = "settled"
    CLOSED = "closed"
    OPEN = "open"
    UNOPENED = "unopened"

    @property
    def done(self) -> bool:
        """Whether nothing is left to do for this run."""
        return self in {Standing.SETTLED, Standing.CLOSED}


def standing(
    exchange: str, run: str, *, config: Config | None = None, patience: float = PATIENCE
) -> Standing:
    """Return where a run stands.

    It is asked in a thread of its own, so that the caller waits ``patience`` seconds at most. Raises
    `Unavailable` where the ledger gave no answer in that time, or another error of ours.
    """
    answer: Future[Standing] = Future()
    Thread(target=_ask, args=(answer, config, exchange, run), name="standing", daemon=True).start()
    try:
        return answer.result(patience)
    except NotInTime:
        raise Unavailable(
            f"the ledger gave no answer within {patience:.0f} s", where=f"exchange {exchange!r}, run {run!r}"
        ) from None


def _ask(answer: Future[Standing], config: Config | None, exchange: str, run: str) -> None:
    try:
        url = (config or load_config()).ledger
        with Database.open(url, read_only=True) as database, database.read() as connection:
            found = _standing(connection, exchange, run)
        answer.set_result(found)
    except LienThongError as error:
        answer.set_exception(error)
    except Exception as error:  # the caller is told of everything, as one kind of error
        answer.set_exception(Unavailable(f"the ledger cannot be read ({type(error).__name__})"))


def _standing(connection: Connection, exchange: str, run: str) -> Standing:
    c = RUNS.c
    wanted: Any = select(c.settled_at, c.closed_at).where(c.exchange == exchange, c.run == run)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        return Standing.UNOPENED
    if row.settled_at is not None:
        return Standing.SETTLED
    return Standing.OPEN if row.closed_at is None else Standing.CLOSED
