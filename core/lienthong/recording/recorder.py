"""Writes what connectors say and hear over HTTP into a file, one JSON object a line.

``{"recording": 1, "exchange": …}`` comes first, ``{"connection": …}`` when one is opened,
``{"message": …}`` for every request with its answer. Of headers only those of `HEADERS` are kept;
the address of a connection's system stands as ``{origin}``.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from lienthong.connector import Connection, Spoken, connector
from lienthong.errors import LienThongError, Misconfigured
from lienthong.faults import os_fault
from lienthong.recording.bodies import masked_body, masked_pairs
from lienthong.recording.masks import Masks

FORMAT = 1
ORIGIN = "{origin}"
"""Stands for scheme, host and port of a connection's system."""
HEADERS = frozenset(
    [
        "content-type",
        "soapaction",
        "etag",
        "last-modified",
        "if-none-match",
        "if-modified-since",
        "retry-after",
        "link",
        "location",
        "idempotency-key",
        "ratelimit",
        "x-ratelimit-remaining",
    ]
)
"""Headers that are kept; all others may hold a credential, or a signature over what was replaced."""
_LOCAL = frozenset({"ca_file", "client_certificate", "client_key", "proxy"})


class Recorder:
    """Records into a new file (mode 0600); use it as a context manager. Safe among threads."""

    def __init__(self, path: Path, exchange: str, masks: Masks) -> None:
        """Begin the file; raises `Misconfigured` where it is there already or cannot be written."""
        self.masks, self.count, self.left_out = masks, 0, 0
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._fault: OSError | None = None
        self._path = path
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            said = f"the recording cannot be written: {error.strerror}"
            raise Misconfigured(said, where=str(path), hint="name another file with --to") from None
        self._file = os.fdopen(handle, "w", encoding="utf-8")
        self._write({"recording": FORMAT, "exchange": exchange})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as close_error:
            self._fault = self._fault or close_error
        if self._fault is not None and error is None:
            raise os_fault(self._fault, "the recording is not whole", str(self._path))

    def tap(self, connection: Connection) -> Callable[[Spoken], None]:
        """Return the listener of a connection; what is secret about it will stand nowhere."""
        secret = _secret_fields(connection)
        values = [connection.password, *(str(connection.extra.get(name, "")) for name in secret)]
        with self._lock:
            self.masks.hide(values)
            if connection.id not in self._known:
                self._known.add(connection.id)
                self._write({"connection": _described(connection, secret)})
        return lambda spoken: self._take(connection.id, spoken)

    def _take(self, connection_id: str, spoken: Spoken) -> None:
        parts = urlsplit(spoken.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            # answers first: what is personal in them is known by name, and repeated by requests
            answer = masked_body(spoken.answer, spoken.received.get("content-type", ""), self.masks)
            body = masked_body(spoken.body, spoken.sent.get("content-type", ""), self.masks)
            message = {
                "connection": connection_id,
                "method": spoken.method,
                "path": self.masks.free(parts.path),
                "query": masked_pairs(parts.query, self.masks),
                "sent": self._headers(spoken.sent),
                "body": body,
                "status": spoken.status,
                "received": self._headers(spoken.received),
                "answer": answer if spoken.whole else {**answer, "cut": True},
            }
            self.count += 1
            self.left_out += sum("left_out" in part for part in (answer, body))
            self._write({"message": message}, origin)

    def _headers(self, given: Any) -> dict[str, str]:
        found = {str(name).lower(): str(value) for name, value in given.items()}
        return {name: self.masks.free(value) for name, value in found.items() if name in HEADERS}

    def _write(self, value: dict[str, Any], origin: str = "") -> None:
        line = json.dumps(value, ensure_ascii=False)
        if self._fault is not None:
            return
        try:
            self._file.write((line.replace(origin, ORIGIN) if origin else line) + "\n")
            self._file.flush()
        except OSError as error:  # told at the end: who listens in must not disturb what is said
            self._fault = error


def _secret_fields(connection: Connection) -> frozenset[str]:
    """Return the extras that are secret: those whose form field says so, and those that no form knows."""
    try:
        fields = connector(connection.kind).connection
    except LienThongError:
        return frozenset(connection.extra)
    open_fields = {item.name for item in fields if not item.secret}
    return frozenset(name for name in connection.extra if name not in open_fields)


def _described(connection: Connection, secret: frozenset[str]) -> dict[str, Any]:
    """Return what a replay needs to know of a connection; its login is one of its secrets."""
    extra = {n: v for n, v in connection.extra.items() if n not in secret and n not in _LOCAL}
    parts = urlsplit(connection.host if "://" in connection.host else f"https://{connection.host}")
    origin = f"{parts.scheme}://{parts.netloc}"
    plain = json.loads(json.dumps(extra).replace(origin, ORIGIN))
    return {"id": connection.id, "conn_type": connection.kind, "path": parts.path, "extra": plain}
