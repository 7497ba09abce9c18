"""Finding exchanges in DAG files."""

from __future__ import annotations

import contextlib
import runpy
import sys
from collections.abc import Iterable
from pathlib import Path

from lienthong.errors import Misconfigured, UnknownName
from lienthong.exchange import Exchange


def exchanges_in(file: Path) -> dict[str, Exchange]:
    """Execute a DAG file and return the exchanges it defines, by id.

    Raises `Misconfigured` with the file and the reason where it cannot be executed.
    """
    if not file.is_file():
        raise Misconfigured("there is no such DAG file", where=str(file))
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Airflow logs to stdout as it is imported
            names = runpy.run_path(str(file))
    except Misconfigured:
        raise
    except Exception as error:
        raise Misconfigured(
            f"the DAG file cannot be executed: {type(error).__name__}: {error}", where=str(file)
        ) from error
    return {item.id: item for item in _flat(names.values()) if isinstance(item, Exchange)}


def _flat(values: Iterable[object]) -> Iterable[object]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


def one_exchange(file: Path, exchange_id: str | None) -> Exchange:
    """Return the file's only exchange, or the one asked for."""
    found = exchanges_in(file)
    names = ", ".join(sorted(found)) or "none"
    if exchange_id is not None and exchange_id not in found:
        raise UnknownName(
            f"no exchange {exchange_id!r} in the file", where=str(file), hint=f"it defines {names}"
        )
    if exchange_id is None and len(found) != 1:
        raise Misconfigured(
            f"the file defines {len(found)} exchanges",
            where=str(file),
            hint=f"name one with --exchange: {names}",
        )
    return found[exchange_id] if exchange_id else next(iter(found.values()))
