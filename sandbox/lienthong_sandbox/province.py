"""The whole simulated province, started in a background thread of this process."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lienthong_sandbox import connections, credentials, warehouse
from lienthong_sandbox.catalogue import UNITS, Catalogue
from lienthong_sandbox.civilstatus import CivilStatus
from lienthong_sandbox.control import Control
from lienthong_sandbox.faults import Fault
from lienthong_sandbox.gate import Gate
from lienthong_sandbox.gateway import Gateway
from lienthong_sandbox.hops import hops
from lienthong_sandbox.lgsp import Lgsp
from lienthong_sandbox.notary import Notary
from lienthong_sandbox.onestop import OneStop
from lienthong_sandbox.population import Population
from lienthong_sandbox.portal import Portal
from lienthong_sandbox.serving import Serving, bound
from lienthong_sandbox.store import Store
from lienthong_sandbox.system import System
from lienthong_sandbox.tokens import Issuer
from lienthong_sandbox.vxp import Vxp
from lienthong_sandbox.wss import Seal

PROVINCE_CODE = "52"
"""The province that the sandbox plays (Gia Lai), in the codes in force since 1 July 2025."""


class Province:
    """A running sandbox; use it as a context manager.

    What was delivered is kept in SQLite files under ``home`` and is there again at the next start.
    Faults and tokens are not kept. Listens on 127.0.0.1 unless told otherwise.
    """

    def __init__(  # noqa: PLR0913 - one switch each, nearly all by keyword
        self,
        home: Path,
        port: int = 0,
        faults: Sequence[tuple[str, str]] = (),
        *,
        token_seconds: float = 300,
        population: int = 5000,
        bad_rows: bool = True,
        warehouse_url: str | None = None,
        seal: Seal | None = None,
        keys: Path | None = None,
        host: str = "127.0.0.1",
        name: str = "",
    ) -> None:
        """Describe a sandbox; nothing listens before it is entered.

        ``port`` 0 takes a free one; tokens and portal sessions live
        ``token_seconds``. ``faults`` are (system, fault name) pairs that strike once.
        ``population`` is how many citizens exist (to 900,000); ``seal`` makes the population
        database ask for WS-Security and sign its answers. ``keys`` is
        the home of a bus: the one-stop system then takes results only in requests signed with one
        of its agencies' keys (RFC 9421). ``host`` is the address to listen on,
        loopback unless a deployment says otherwise, ``name`` what others call it. Raises
        ``OSError`` on entering when the port is taken.
        """
        self.home, self._wanted = home, port
        self._token_seconds = token_seconds
        self._population, self._bad_rows, self._seal = population, bad_rows, seal
        self.warehouse_url = warehouse_url or f"sqlite:///{(home / 'warehouse.sqlite').absolute()}"
        self._first_faults = faults
        self._keys = keys
        self._host, self._name = host, name or "127.0.0.1"
        self.systems: dict[str, System] = {}
        self.port = 0
        self._serving: Serving | None = None

    def __enter__(self) -> Self:
        """Bind the port, seed what is not seeded yet, start to serve."""
        listener = bound(self._host, self._wanted)
        try:
            self.port = listener.getsockname()[1]
            self.home.mkdir(parents=True, exist_ok=True)
            self._secrets = credentials.load(self.home)
            warehouse.create(self.warehouse_url)
            self._build()
            for system, name in self._first_faults:
                self.fault(system, name)
            self._serve(listener)
        except BaseException:
            listener.close()
            self._close_stores()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving and close the files."""
        if self._serving is not None:
            self._serving.stop()
        self._close_stores()

    def _store(self, name: str) -> Store:
        store = Store(self.home / f"{name}.sqlite")
        store.bad_rows = self._bad_rows
        return store

    def _build(self) -> None:
        """Make the systems, the catalogue first because the others need its commune codes."""

        def issuer(scope: str, *names: str) -> Issuer:
            return Issuer({f"lienthong-{n}": self._secrets[n] for n in names}, self._token_seconds, scope)

        gateway = issuer("default", "national_catalogue", "civil_status")
        catalogue = Catalogue(self._store("national_catalogue"), gateway)
        homes = {u["MaDonVi"]: u["MaDonViCha"] for u in self._communes(catalogue.store)}
        communes = tuple(sorted(code for code, parent in homes.items() if parent == PROVINCE_CODE))
        login = ("lienthong-population", self._secrets["population"])
        others = set(homes) - set(communes)
        population = Population(self._store("population"), login, communes, self._population, self._seal)
        made: list[System] = [
            Gateway(self._store("gateway"), gateway),
            catalogue,
            OneStop(self._store("one_stop"), issuer("hoso xacthuc", "one_stop"), communes, self._population),
            Portal(
                self._store("national_portal"),
                issuer("portal", "national_portal"),
                connections.DSTCODE,
                self._token_seconds,
            ),
            population,
            CivilStatus(self._store("civil_status"), gateway, communes, others),
            Lgsp(self._store("lgsp"), issuer("lgsp"), catalogue.store, population, self._secrets),
            Vxp(self._store("vxp"), self._secrets["vxp"]),
        ]
        made += hops(self._store, f"http://{self._name}:{self.port}", self._secrets, gateway)
        self.systems = {system.name: system for system in made}
        onestop = self.systems["one_stop"]
        if self._keys is not None and isinstance(onestop, OneStop):
            onestop.notary = Notary(self._keys)

    @staticmethod
    def _communes(store: Store) -> list[dict[str, Any]]:
        return [row.body for row in store.page(UNITS, kind="xa")]

    def _serve(self, listener: socket.socket) -> None:
        gate = Gate([*self.systems.values()], Control(self.systems).app(), self._name)
        self._serving = Serving(gate, listener)

    def _close_stores(self) -> None:
        for system in self.systems.values():
            system.store.close()
        self.systems = {}

    @property
    def url(self) -> str:
        """Address of the sandbox, without a slash at the end."""
        return f"http://{self._name}:{self.port}"

    @property
    def secrets(self) -> dict[str, str]:
        """The secret of each client, by its connection's id."""
        return dict(self._secrets)

    def connections(self) -> dict[str, dict[str, Any]]:
        """Return the Airflow connections by id, secrets included."""
        return connections.build(self.url, self._secrets, self.warehouse_url)

    def write_connections(self, path: Path) -> None:
        """Write the connections as Airflow's local filesystem backend reads them, mode 0600."""
        credentials.write_private(path, json.dumps(self.connections(), indent=2, ensure_ascii=False))

    def fault(
        self,
        system: str,
        name: str,
        times: int | None = 1,
        after: int = 0,
        operation: str | None = None,
        seconds: float = 1.0,
        code: str = "",
    ) -> None:
        """Put a fault in wait at a system; see :class:`lienthong_sandbox.faults.Fault`."""
        self.systems[system].await_fault(Fault(name, times, after, operation, seconds, code))

    def clear_faults(self) -> None:
        """Take the faults of all systems away."""
        for system in self.systems.values():
            system.board.clear()

    def audit(self, system: str) -> list[dict[str, Any]]:
        """Return what a system took in or was asked for, oldest first."""
        return self.systems[system].store.audit()

    def log(self, system: str) -> list[dict[str, Any]]:
        """Return how often each (operation, status, fault) was seen; status 0 = no answer."""
        return self.systems[system].store.log_counts()

    def defects(self, system: str) -> dict[str, str]:
        """Return the keys of records malformed on purpose, and what is wrong with each."""
        return self.systems[system].defects()

    def upsert(self, system: str, collection: str, records: list[dict[str, Any]]) -> int:
        """Add or change records at a source, stamped as changed now; return how many."""
        return self.systems[system].upsert(collection, records)
