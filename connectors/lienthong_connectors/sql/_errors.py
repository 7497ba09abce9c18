"""From driver errors to the errors of the bus; texts name places and rules, never values."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from psycopg import Error as PsycopgError
from psycopg import OperationalError
from psycopg.errors import ConnectionTimeout

from lienthong.errors import (
    Forbidden,
    LienThongError,
    Misconfigured,
    ProtocolViolation,
    RequestRejected,
    TimedOut,
    Transient,
    Unauthenticated,
    Unavailable,
)

DRIVER_ERRORS = (sa.exc.SQLAlchemyError, PsycopgError, sqlite3.Error)

_OTHER: tuple[type[LienThongError], str] = (RequestRejected, "the database refused the statement")
_MISSING = "the table or a column does not exist"
_BY_STATE: dict[str, tuple[type[LienThongError], str]] = {
    "08": (Unavailable, "the connection to the database was lost"),
    "25006": (Forbidden, "the database is read-only"),
    "28": (Unauthenticated, "the database does not accept the login"),
    "3D000": (Misconfigured, "the database does not exist"),
    "3F000": (Misconfigured, "the schema does not exist"),
    "40": (Transient, "the transaction was rolled back (deadlock or serialization)"),
    "42501": (Forbidden, "the login may not do this"),
    "42P01": (Misconfigured, _MISSING),
    "42703": (Misconfigured, _MISSING),
    "42": (Misconfigured, "the database does not understand the statement"),
    "53": (Unavailable, "the database is out of connections, memory or disk"),
    "55P03": (Transient, "a lock was not free"),
    "57014": (TimedOut, "no answer within the deadline"),
    "57": (Unavailable, "the database is stopping or starting"),
    "58": (Unavailable, "the database has trouble with its system"),
}
_BY_SQLITE: dict[str, tuple[type[LienThongError], str]] = {
    "SQLITE_BUSY": (Transient, "the database is locked by another writer"),
    "SQLITE_LOCKED": (Transient, "the database is locked by another writer"),
    "SQLITE_CANTOPEN": (Misconfigured, "the database file cannot be opened"),
    "SQLITE_READONLY": (Forbidden, "the database file is read-only"),
    "SQLITE_PERM": (Forbidden, "the database file is not accessible"),
    "SQLITE_AUTH": (Forbidden, "the login may not do this"),
    "SQLITE_NOTADB": (Misconfigured, "the file is not a SQLite database"),
    "SQLITE_CORRUPT": (Misconfigured, "the database file is damaged"),
    "SQLITE_FULL": (Unavailable, "the disk is full"),
    "SQLITE_IOERR": (Unavailable, "the disk has trouble"),
    "SQLITE_INTERRUPT": (TimedOut, "no answer within the deadline"),
    "SQLITE_ERROR": (Misconfigured, _MISSING),
}
# PostgreSQL gives no SQLSTATE when it turns a connection away, only a text
_NO_DATABASE = re.compile(r'database ".*" does not exist')
_FULL = re.compile(r"too many (connections|clients)|connection slots|starting up|shutting down|recovery mode")
_LOGIN = re.compile(r"authentication|pg_hba|password|role |permission denied for database", re.IGNORECASE)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn driver errors inside the block into errors of the bus."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translate(error, where) from None


def translate(error: Exception, where: str) -> LienThongError:
    """Return the error of the bus that a driver's error stands for."""
    cause = original(error)
    if isinstance(cause, ConnectionTimeout):
        return TimedOut("the database did not answer in time", where=where, hint="look at the network path")
    if isinstance(cause, sqlite3.Error):
        return _from_sqlite(cause, where)
    state = sqlstate(cause)
    if state:
        kind, text = _by_state(state)
        return kind(text, where=where, hint=f"SQLSTATE {state}")
    if isinstance(cause, PsycopgError):
        return _from_connecting(cause, where) if isinstance(cause, OperationalError) else _from_driver(where)
    return _from_sqlalchemy(error, where)


def original(error: Exception) -> Exception:
    """Return the driver's own error behind SQLAlchemy's."""
    cause = getattr(error, "orig", None)
    return cause if isinstance(cause, Exception) else error


def sqlstate(error: Exception) -> str:
    """Return the five-letter SQLSTATE of a driver's error, or an empty text."""
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return state if isinstance(state, str) else ""


def _by_state(state: str) -> tuple[type[LienThongError], str]:
    """Look a code up by itself, then by its class (its first two letters)."""
    return _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or _OTHER


def sqlite_name(error: sqlite3.Error) -> str:
    """Return SQLite's name of an error, also of those that Python's module does not know yet."""
    code = getattr(error, "sqlite_errorcode", 0)
    return "SQLITE_CONSTRAINT_DATATYPE" if code == 3091 else str(getattr(error, "sqlite_errorname", ""))


def _from_sqlite(error: sqlite3.Error, where: str) -> LienThongError:
    name = sqlite_name(error)
    base = "_".join(name.split("_")[:2])
    kind, text = _BY_SQLITE.get(base, _OTHER)
    return kind(text, where=where, hint=name or type(error).__name__)


def _from_driver(where: str) -> LienThongError:
    """Return the error for what the driver refused by itself: the database was reached."""
    return ProtocolViolation(
        "the database gave, or was to take, a value that the driver cannot hold",
        where=where,
        hint="read a query that gives such columns as text",
    )


def _from_connecting(error: Exception, where: str) -> LienThongError:
    text, state = str(error), getattr(error, "pgconn", None)
    if "timeout expired" in text:
        return TimedOut("the database did not answer in time", where=where, hint="look at the network path")
    if _NO_DATABASE.search(text):
        return Misconfigured("the database does not exist", where=where, hint="correct the database's name")
    if _FULL.search(text):
        return Unavailable("the database takes no more connections now", where=where)
    if _LOGIN.search(text) or getattr(state, "needs_password", False):
        return Unauthenticated(
            "the database does not accept the login", where=where, hint="correct login and password"
        )
    return Unavailable("the database cannot be reached", where=where, hint="check host, port and firewall")


def _from_sqlalchemy(error: Exception, where: str) -> LienThongError:
    name = type(error).__name__
    if isinstance(error, sa.exc.NoSuchTableError):
        return Misconfigured(_MISSING, where=where)
    if isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)):
        return Unavailable("the database cannot be reached", where=where, hint=name)
    if isinstance(error, sa.exc.ProgrammingError):
        return Misconfigured(_MISSING, where=where, hint=name)
    return RequestRejected("the database refused the statement", where=where, hint=name)
