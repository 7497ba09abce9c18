"""What a database refuses, as one of our errors: no SQL, no value, no password, and what to do next."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lienthong.errors import (
    EvidenceTampered,
    LienThongError,
    Misconfigured,
    Permanent,
    Tampered,
    Unauthenticated,
    Unavailable,
)

_ANSWER: Final = "check that it runs, that its disk has room and that nothing holds it locked"
_RIGHTS: Final = "give the account that runs this its rights (docs/operations.md, who may read and write)"
_OTHER: Final = "set LIENTHONG_LEDGER to the ledger's own database; an older one: lienthong migrate"
_DAMAGED: Final = "stop, keep the database for investigation, restore the last backup"
_DEFECT: Final = "report this as a defect of the bus"
APPEND_ONLY: Final = "append-only"
"""What the triggers of the log say where somebody changes or removes an entry."""

_WAITING_HELPS: Final = frozenset({"08", "40", "53", "55", "57", "58"})
_SAID_AT_SIGN_IN: Final = ("authentication failed", "no password supplied", "no pg_hba.conf entry")


def translate(error: SQLAlchemyError, url: URL) -> LienThongError | None:
    """Return our error for one that a database or its driver raised; None where it is our own mistake."""
    where = url.render_as_string(hide_password=True)
    if isinstance(error, PoolTimeout):
        return Unavailable("all connections to the ledger database are in use", where=where, hint=_ANSWER)
    if not isinstance(error, DBAPIError):
        return None
    if url.drivername == "sqlite":
        return _sqlite(error, str(url.database), where)
    return _postgresql(error, where)


def is_missing_table(error: DBAPIError) -> bool:
    """Tell whether a statement failed because there is no such table."""
    return "no such table" in str(error.orig) or getattr(error.orig, "sqlstate", None) == "42P01"


def _sqlite(error: DBAPIError, path: str, where: str) -> LienThongError:
    code = getattr(error.orig, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    said = _first_line(error)
    if primary == sqlite3.SQLITE_NOTADB:
        return Misconfigured("the file is not a database", where=where, hint=_OTHER)
    if primary == sqlite3.SQLITE_CORRUPT:
        return EvidenceTampered(f"the ledger database is damaged: {said}", where=where, hint=_DAMAGED)
    if primary in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return Misconfigured(f"the ledger database may not be written: {said}", where=where, hint=_RIGHTS)
    if primary == sqlite3.SQLITE_CANTOPEN and not _reachable(Path(path)):
        return Misconfigured(f"the ledger database cannot be opened: {said}", where=where, hint=_RIGHTS)
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return _refused(APPEND_ONLY in said, where, "constraint")
    if "no such table" in said or "no such column" in said:
        return Misconfigured("the database is not a ledger of this version", where=where, hint=_OTHER)
    if primary is None or primary == sqlite3.SQLITE_ERROR:
        return _refused(False, where, str(code))
    return Unavailable(f"the ledger database does not answer: {said}", where=where, hint=_ANSWER)


def _postgresql(error: DBAPIError, where: str) -> LienThongError:
    state: str = getattr(error.orig, "sqlstate", None) or ""
    said = _first_line(error)
    if state.startswith("28") or (not state and any(words in said for words in _SAID_AT_SIGN_IN)):
        return Unauthenticated("the database server does not accept this account", where=where, hint=_RIGHTS)
    if state == "3D000" or (not state and 'database "' in said and "does not exist" in said):
        return Misconfigured("the database server has no such database", where=where, hint=_OTHER)
    if state in {"42501", "25006"}:
        return Misconfigured("this account may not do that in the ledger database", where=where, hint=_RIGHTS)
    if state in {"42P01", "42703", "3F000"}:
        return Misconfigured("the database is not a ledger of this version", where=where, hint=_OTHER)
    if state.startswith("XX00") and state != "XX000":
        return EvidenceTampered("the ledger database is damaged", where=where, hint=_DAMAGED)
    if not state or state[:2] in _WAITING_HELPS or error.connection_invalidated:
        return Unavailable(f"the ledger database does not answer: {said}", where=where, hint=_ANSWER)
    return _refused(APPEND_ONLY in said, where, state)


def _refused(append_only: bool, where: str, code: str) -> Permanent | Tampered:
    if append_only:
        return Permanent(
            "the ledger's log is append-only: the database refuses a change of its entries",
            where=where,
            hint="append a statement that corrects the entry",
        )
    return Permanent(f"the ledger database refused a statement ({code})", where=where, hint=_DEFECT)


def _reachable(path: Path) -> bool:
    """Tell whether rights and folders allow opening for writing, so that the fault may pass by itself."""
    if path.exists():
        return path.is_file() and os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK)
    return path.parent.is_dir() and os.access(path.parent, os.W_OK)


def _first_line(error: DBAPIError) -> str:
    first: Any = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
    return str(first)
