"""A counterpart made from a description, started in a background thread of this process."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lienthong.errors import Misconfigured
from lienthong_connectors.openapi.documents import documents_at
from lienthong_connectors.soap.catalogue import open_catalogue
from lienthong_sandbox import credentials
from lienthong_sandbox.control import Control
from lienthong_sandbox.faults import Fault
from lienthong_sandbox.gate import Gate
from lienthong_sandbox.made.openapi import from_schema
from lienthong_sandbox.made.rest import MadeRest
from lienthong_sandbox.made.soap import MadeSoap
from lienthong_sandbox.serving import Serving, bound
from lienthong_sandbox.store import Store

CONNECTION = "made"
"""The id of the counterpart's connection."""


class Counterpart:
    """A running counterpart; use it as a context manager. Listens on 127.0.0.1.

    ``file`` is a WSDL, an OpenAPI 3 or Swagger 2 document, a catalogue's folder of one of them, or a JSON
    Schema; all but the WSDL in JSON or YAML. ``records`` made-up records are in every list, ``fixed`` gives
    members by name a value. What it is sent is kept in ``home``, or forgotten at the end where there is
    none. Raises `Misconfigured` for a file that is none of these.
    """

    def __init__(
        self,
        file: Path,
        *,
        records: int = 50,
        port: int = 0,
        home: Path | None = None,
        fixed: Mapping[str, Any] | None = None,
    ) -> None:
        """Read the description; nothing listens before it is entered."""
        self._file, self._records, self._wanted = file, records, port
        self._home, self._fixed = home, fixed
        self._wsdl = _is_wsdl(file)
        self._described = {} if self._wsdl else _read(file)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        """Make the records and start to serve."""
        listener = bound("127.0.0.1", self._wanted)
        try:
            self.port = listener.getsockname()[1]
            self.system = self._build()
            app = Control({self.system.name: self.system}).app()
            self._serving = Serving(Gate([self.system], app), listener)
        except BaseException:
            listener.close()
            self._forget()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving and close the files."""
        self._serving.stop()
        self.system.store.close()
        self._forget()

    @property
    def url(self) -> str:
        """Address of the counterpart, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}{self.system.prefix}"

    def connections(self) -> dict[str, dict[str, Any]]:
        """Return the Airflow connection that reaches it."""
        kind, extra = "lienthong_rest", {"auth": "none"}
        if self._wsdl:
            kind, extra = "lienthong_soap", {**extra, "wsdl": str(self._file.absolute())}
        return {CONNECTION: {"conn_type": kind, "host": self.url, "extra": extra}}

    def write_connections(self, path: Path) -> None:
        """Write the connection as Airflow's local filesystem backend reads it, mode 0600."""
        credentials.write_private(path, json.dumps(self.connections(), indent=2))

    def fault(self, name: str, **how: Any) -> None:
        """Put a fault in wait; see :class:`lienthong_sandbox.faults.Fault`."""
        self.system.await_fault(Fault(name, **how))

    def _forget(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def _build(self) -> MadeRest | MadeSoap:
        home = self._home
        if home is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="lienthong-made-")
            home = Path(self._temporary.name)
        home.mkdir(parents=True, exist_ok=True)
        store = Store(home / "made.sqlite")
        try:
            if self._wsdl:
                return MadeSoap(store, self._file, self._records, self._fixed)
            return MadeRest(store, self._described, self._records, self._fixed, str(self._file))
        except ValueError as error:
            store.close()
            raise Misconfigured(str(error), where=str(self._file)) from None
        except RecursionError:
            store.close()
            raise _too_deep(self._file) from None
        except Misconfigured:
            store.close()
            raise


def _too_deep(file: Path) -> Misconfigured:
    said = "the description is nested deeper than can be read"
    return Misconfigured(said, where=str(file), hint="give the part that is used")


def _is_wsdl(file: Path) -> bool:
    """Tell whether a description is XML; a catalogue is what its main document is."""
    try:
        if file.is_dir():
            kept = open_catalogue(str(file))
            return kept.fetch(kept.main).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")
        return file.read_bytes()[:200].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")
    except OSError:
        return False


def _read(file: Path) -> dict[str, Any]:
    found = documents_at(str(file)).root
    if str(found.get("openapi", "")).startswith("3.") or str(found.get("swagger", "")).startswith("2"):
        return found
    if {"$schema", "properties", "type", "$ref", "allOf"} & found.keys():
        return from_schema(found)
    raise Misconfigured(
        "this is neither a WSDL nor an OpenAPI 3 or Swagger 2 document nor a JSON Schema",
        where=str(file),
        hint="see docs/sandbox.md",
    )
