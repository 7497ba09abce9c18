"""Statements: what a step did, signed and appended to the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from lienthong import __version__
from lienthong.ledger import Statement, flow
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.hold import lease_of
from lienthong.pipeline.parts import RunRequest
from lienthong.pipeline.plan import Plan
from lienthong.segment import Segment


def now() -> str:
    """Return the time as RFC 3339 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Work:
    """What one step did to one part of a run."""

    step: str
    started: str
    counts: Mapping[str, int]
    index: int = 0
    of: int = 1
    inputs: Sequence[Segment] = ()
    outputs: Sequence[Segment] = ()
    quarantined: Sequence[Segment] = ()
    receipts: Sequence[Mapping[str, Any]] = ()
    documents: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


def attest(bus: Bus, plan: Plan, request: RunRequest, work: Work) -> dict[str, Any]:
    """Sign and append a step's statement; return ``{"sequence", "hash"}`` of the ledger entry."""
    exchange = plan.exchange
    statement = Statement(
        exchange=exchange.id,
        exchange_digest=plan.digest,
        run=request.run,
        step=work.step,
        part={"index": work.index, "of": work.of},
        agency=exchange.signer,
        started=work.started,
        ended=now(),
        datasets=plan.dataset_digests(),
        mapping=plan.mapping_digests(),
        code=code_identity(),
        inputs=flow(work.inputs),
        outputs=flow(work.outputs),
        counts=dict(work.counts),
        quarantined=flow(work.quarantined),
        receipts=[dict(receipt) for receipt in work.receipts],
        documents=dict(work.documents),
        notes=dict(work.notes),
    )
    entry = bus.ledger.append(statement, bus.signer(plan), lease=lease_of(bus))
    bus.audit(
        work.step,
        f"signed by {exchange.signer}, ledger entry {entry.sequence}, hash {entry.hash}",
    )
    return {"sequence": entry.sequence, "hash": entry.hash}


@cache
def code_identity() -> dict[str, str]:
    """Return the version of the engine and the SHA-256 (hex) over its source files."""
    state = hashlib.sha256()
    for name, file in sorted(_sources(files("lienthong"), "")):
        state.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return {"lienthong": __version__, "digest": state.hexdigest()}


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in folder.iterdir():
        if item.is_dir() and item.name != "__pycache__":
            found += _sources(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".py"):
            found.append((prefix + item.name, item))
    return found
