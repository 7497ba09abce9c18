"""The agreement as the operators carry it: the exchange and its plan, checked at parse time."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from lienthong.errors import Misconfigured
from lienthong.exchange import Exchange
from lienthong.pipeline import Plan, compile_plan

_PACKAGE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Agreement:
    """An exchange and its compiled plan.

    Airflow writes constructor arguments of mapped operators into the serialised DAG as text, so
    the text is the exchange's id and digest: a changed agreement is a new DAG version.
    """

    exchange: Exchange
    plan: Plan

    @classmethod
    def of(cls, exchange: Exchange) -> Self:
        """Check the exchange against the catalogue.

        Raises what `compile_plan` raises, with the DAG file, the exchange and the field named in
        the first line of Airflow's import error.
        """
        try:
            return cls(exchange, compile_plan(exchange))
        except Misconfigured as error:
            located = _located(error, exchange)
            raise located from _located(error, exchange)

    def __str__(self) -> str:
        return f"{self.exchange.id}@{self.exchange.digest()}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def _located(error: Misconfigured, exchange: Exchange) -> Misconfigured:
    """Return the error with the DAG file and the exchange in its place.

    It is raised from a twin that was never raised itself: Python prints the cause first, and a
    cause without frames is a single sentence.
    """
    named = error.where
    if exchange.id not in named:
        named = f"exchange {exchange.id!r}, {named}".rstrip(", ")
    return type(error)(error.message, where=f"{_dag_file()}, {named}", hint=error.hint, **error.details)


def _dag_file() -> str:
    """Return the name of the file that called into this package."""
    frame = inspect.currentframe()
    while frame is not None and Path(frame.f_code.co_filename).parent == _PACKAGE:
        frame = frame.f_back
    return Path(frame.f_code.co_filename).name if frame is not None else "DAG file"
