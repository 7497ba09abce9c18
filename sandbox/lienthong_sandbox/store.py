"""State of one simulated system: an SQLite file that survives a restart.

A store holds documents (JSON text, sorted by the moment of their last change), an audit of what
was done, the answers given under idempotency keys, and a log of requests. One connection is shared
under a lock, because the server thread writes and tests read from another thread.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lienthong_sandbox.times import iso, now

BAD = "hong"
"""Kind of the documents that are malformed on purpose; they can be switched off."""

_TABLES = """
CREATE TABLE IF NOT EXISTS document (
  collection TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, updated_ms INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY (collection, key));
CREATE INDEX IF NOT EXISTS document_order ON document (collection, updated_ms, key);
CREATE TABLE IF NOT EXISTS audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, operation TEXT NOT NULL,
  key TEXT NOT NULL, request_id TEXT, detail TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, digest TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS request (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, operation TEXT NOT NULL,
  status INTEGER NOT NULL, fault TEXT);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One document: its key, what kind it is, when it last changed (epoch ms), and its JSON text."""

    key: str
    updated_ms: int
    text: str
    kind: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """The document, parsed anew at each access."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


def document(key: str, updated_ms: int, body: dict[str, Any], kind: str = "") -> Row:
    """Make a row out of a JSON-ready object."""
    return Row(key, updated_ms, json.dumps(body, ensure_ascii=False, separators=(",", ":")), kind)


class Store:
    """The SQLite file of one system. Safe to call from any thread of one process."""

    def __init__(self, path: Path) -> None:
        """Open or create the file at ``path``."""
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(_TABLES)
        self.bad_rows = True

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one commit; an exception undoes all of it."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def put_many(self, collection: str, rows: Iterable[Row]) -> None:
        """Insert or replace documents, all or none."""
        with self.transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO document VALUES (?,?,?,?,?)",
                ((collection, r.key, r.kind, r.updated_ms, r.text) for r in rows),
            )

    def put(self, collection: str, row: Row) -> None:
        """Insert or replace one document; joins a transaction that is open."""
        with self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO document VALUES (?,?,?,?,?)",
                (collection, row.key, row.kind, row.updated_ms, row.text),
            )

    def get(self, collection: str, key: str) -> Row | None:
        """Return one document, or ``None`` when there is none under the key."""
        with self._lock:
            found = self._db.execute(
                "SELECT key, updated_ms, body, kind FROM document WHERE collection=? AND key=?",
                (collection, key),
            ).fetchone()
        return Row(*found) if found else None

    def delete(self, collection: str, key: str) -> bool:
        """Remove one document; tell whether there was one."""
        with self._lock:
            found = self._db.execute("DELETE FROM document WHERE collection=? AND key=?", (collection, key))
        return found.rowcount > 0

    def _where(
        self, collection: str, kind: str | None, since: int | None, after: tuple[int, str] | None
    ) -> tuple[str, list[Any]]:
        sql, args = "collection=?", [collection]
        values: list[Any] = list(args)
        if kind is not None:
            sql, values = sql + " AND kind=?", [*values, kind]
        if not self.bad_rows:
            sql, values = sql + " AND kind<>?", [*values, BAD]
        if since is not None:
            sql, values = sql + " AND updated_ms>?", [*values, since]
        if after is not None:
            sql, values = sql + " AND (updated_ms, key)>(?,?)", [*values, *after]
        return sql, values

    def page(
        self,
        collection: str,
        *,
        kind: str | None = None,
        since: int | None = None,
        after: tuple[int, str] | None = None,
        limit: int = -1,
        offset: int = 0,
    ) -> list[Row]:
        """Return documents in order of change, then key.

        ``since`` keeps those changed strictly later (epoch ms), ``after`` those behind a position
        ``(updated_ms, key)``; ``limit`` -1 means all.
        """
        where, values = self._where(collection, kind, since, after)
        with self._lock:
            found = self._db.execute(
                f"SELECT key, updated_ms, body, kind FROM document WHERE {where}"  # noqa: S608 - made above
                " ORDER BY updated_ms, key LIMIT ? OFFSET ?",
                [*values, limit, offset],
            ).fetchall()
        return [Row(*f) for f in found]

    def count(self, collection: str, *, kind: str | None = None, since: int | None = None) -> int:
        """Return how many documents :meth:`page` would give without a limit."""
        where, values = self._where(collection, kind, since, None)
        with self._lock:
            sql = f"SELECT count(*) FROM document WHERE {where}"  # noqa: S608 - made above
            found = self._db.execute(sql, values).fetchone()
        return int(found[0])

    def newest(self, collection: str) -> tuple[int, int]:
        """Return how many documents a collection has and its latest change (epoch ms, 0 if empty)."""
        with self._lock:
            found = self._db.execute(
                "SELECT count(*), coalesce(max(updated_ms), 0) FROM document WHERE collection=?",
                (collection,),
            ).fetchone()
        return int(found[0]), int(found[1])

    def note(self, operation: str, key: str, request_id: str | None = None, **detail: Any) -> None:
        """Append one line to the audit."""
        with self._lock:
            self._db.execute(
                "INSERT INTO audit (at, operation, key, request_id, detail) VALUES (?,?,?,?,?)",
                (iso(now()), operation, key, request_id, json.dumps(detail, ensure_ascii=False)),
            )

    def audit(self) -> list[dict[str, Any]]:
        """Return the audit, oldest first: seq, at, operation, key, request_id and the details."""
        with self._lock:
            found = self._db.execute(
                "SELECT seq, at, operation, key, request_id, detail FROM audit"
            ).fetchall()
        names = ("seq", "at", "operation", "key", "request_id")
        return [dict(zip(names, f[:5], strict=True)) | json.loads(f[5]) for f in found]

    def log(self, operation: str, status: int, fault: str | None) -> None:
        """Append one request to the log; status 0 means that no answer was given."""
        with self._lock:
            self._db.execute(
                "INSERT INTO request (at, operation, status, fault) VALUES (?,?,?,?)",
                (iso(now()), operation, status, fault),
            )

    def log_counts(self) -> list[dict[str, Any]]:
        """Return how often each (operation, status, fault) was seen."""
        with self._lock:
            found = self._db.execute(
                "SELECT operation, status, fault, count(*) FROM request"
                " GROUP BY operation, status, fault ORDER BY operation, status, fault"
            ).fetchall()
        return [dict(zip(("operation", "status", "fault", "count"), f, strict=True)) for f in found]

    def answer(self, key: str) -> tuple[str, str] | None:
        """Return (digest of the request, stored answer) of an idempotency key, or ``None``."""
        with self._lock:
            found = self._db.execute("SELECT digest, body FROM answer WHERE key=?", (key,)).fetchone()
        return (str(found[0]), str(found[1])) if found else None

    def save_answer(self, key: str, digest: str, body: str) -> None:
        """Keep the answer given under an idempotency key; a key is written once."""
        with self._lock:
            self._db.execute("INSERT INTO answer VALUES (?,?,?)", (key, digest, body))

    def setting(self, name: str) -> str | None:
        """Return a stored setting."""
        with self._lock:
            found = self._db.execute("SELECT value FROM setting WHERE name=?", (name,)).fetchone()
        return str(found[0]) if found else None

    def set_setting(self, name: str, value: str) -> None:
        """Store a setting."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO setting VALUES (?,?)", (name, value))
