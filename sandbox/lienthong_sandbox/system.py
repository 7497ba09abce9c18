"""What every simulated system is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from lienthong_sandbox.faults import INNER, OF_HOPS, Board, Fault
from lienthong_sandbox.store import Store
from lienthong_sandbox.tokens import unauthorized

FAULT_KEY = "lienthong.fault"
"""Key of the ASGI scope under which the gate tells a system what to act out."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the gate sees it, before the system does."""

    method: str
    path: str
    body: bytes


class System(ABC):
    """One agency system: a name (its connection id), a path prefix, a store and its faults.

    ``inner`` are those faults of :data:`lienthong_sandbox.faults.INNER` that it can act out.
    """

    name: str
    prefix: str
    title: str
    inner: frozenset[str] = INNER - OF_HOPS

    def __init__(self, store: Store) -> None:
        """Build the system over its store and make sure that it is seeded."""
        self.store = store
        self.board = Board()
        if store.setting("seeded") is None:
            self.seed()
            store.set_setting("seeded", "1")

    @abstractmethod
    def app(self) -> ASGIApp:
        """Return the ASGI app; paths in it include the prefix."""

    @abstractmethod
    def seed(self) -> None:
        """Fill the store; called once in the life of a home folder."""

    @abstractmethod
    def operation(self, call: Call) -> str:
        """Name the operation of a request, for faults and for the log."""

    def await_fault(self, fault: Fault) -> None:
        """Put a fault in wait; raises ``ValueError`` for one that this system cannot act out."""
        if fault.name in INNER - self.inner:
            raise ValueError(f"{self.name} cannot act out {fault.name}")
        self.board.add(fault)

    def expired(self) -> Response:
        """Answer as if the caller's token had run out."""
        return unauthorized("Access token expired")

    def error_in_200(self) -> Response:
        """Answer with an error that HTTP calls a success."""
        return JSONResponse({"code": 500, "status": "error", "error_code": "99", "message": "Lỗi hệ thống"})

    def defects(self) -> dict[str, str]:
        """Return the keys of records that are malformed on purpose, and what is wrong with each."""
        return {}

    def upsert(self, collection: str, records: list[dict[str, Any]]) -> int:
        """Take records from the control path, stamped as changed now; return how many."""
        raise ValueError(f"{self.name} takes no records, {len(records)} for {collection!r} came")


CODE_KEY = "lienthong.fault.code"
"""Key of the ASGI scope that holds the code of a ``hop_error``."""


def fault_of(request: Request) -> str | None:
    """Return the fault that the gate asks this request's system to act out."""
    name = request.scope.get(FAULT_KEY)
    return name if isinstance(name, str) else None
