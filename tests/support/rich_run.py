"""A run of format 2 in which every fate is met, with key indexes and acts, for the ledger's tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import update

from lienthong.errors import Reason
from lienthong.keyindex import root_over_entries
from lienthong.ledger import Intent, Statement
from lienthong.ledger.clock import now
from lienthong.ledger.fields import ACT
from lienthong.ledger.tables import DELIVERIES
from lienthong.ledger.tally import tally
from lienthong.merkle import leaf_hash
from lienthong.records import canonical, sha256
from lienthong.segment import Segment
from lienthong.signing import Signer

EXCHANGE = "dossiers_to_mic"
REFUSED = Reason("/code", "target.9", "bị từ chối", "refused")
SCOPE = "5" * 64


def rows_of(records: list[dict[str, Any]], number: int = 7) -> list[bytes]:
    """Return the entries of a key index: key, version number, line, leaf hash."""
    entries = [
        bytes.fromhex(sha256(str(record["id"]).encode()))
        + number.to_bytes(8, "big")
        + line.to_bytes(4, "big")
        + leaf_hash(canonical(record))
        for line, record in enumerate(records)
    ]
    return sorted(entries)


class Rich:
    """A run in which every fate is met, with key indexes, and acts during and after it.

    Part 0: line 0 superseded by part 1's line 0, line 1 by the target, 2 and 3 unchanged, 4 taken,
    5 refused. Part 1: lines 0 to 4 taken, 5 unknown.
    """

    def __init__(self, run: Any, operator: Signer) -> None:
        self.run, self.operator = run, operator
        self.indexes: dict[str, list[bytes]] = {}
        self.change: Callable[[list[bytes]], list[bytes]] = lambda rows: rows

    def sealed(self, *records: dict[str, Any]) -> Segment:
        rows = self.change(rows_of(list(records)))
        root = root_over_entries(rows)
        self.indexes[root] = rows
        return replace(self.run.seal(*records), index=root)

    def act(self, name: str, **more: Any) -> None:
        at = now()
        said = {"name": name, "who": "Trần Thị Hoa", "why": "theo công văn 12", "subject": {}}
        statement = Statement(
            kind=ACT, step=ACT, exchange=EXCHANGE, exchange_digest="", run=self.run.run, started=at,
            ended=at, operator="hoa", act={**said, **more},
        )  # fmt: skip
        self.run.ledger.append(statement, self.operator)

    def build(self) -> Rich:
        run = self.run
        run.journal.open_run(EXCHANGE, run.run, digest=run.exchange.digest())
        one = self.sealed(*({"id": f"k{number}", "name": "old"} for number in range(6)))
        other = self.sealed({"id": "k0", "name": "new"}, *({"id": f"k{number}"} for number in range(6, 11)))
        both = [one, other]
        run.attest("pull", outputs=both, counts={"pulled": 12, "quarantined": 0})
        for step, word in (("validate", "valid"), ("transform", "transformed")):
            run.attest(step, inputs=both, outputs=both, counts={word: 12, "quarantined": 0})
        refused = self._deliver(0, one, refused={5: REFUSED})
        left_out = {"unchanged": "[[2,3]]", "superseded": "[[0,1]]", "sent_count": 2, "taken_count": 1}
        self._push(0, one, refused.id, **left_out)
        self.act("quarantine.release", subject={"item": "x7d2-0000-aaaa"})
        unknown = self._deliver(1, other, state="unknown", unknown=[5])
        self._push(1, other, unknown.id, sent_count=6, taken_count=5)
        open_ = run.journal.deliveries(run=run.run)
        run.settle(
            {"pulled": 12, "acknowledged": 6, "refused": 1, "pending": 1, "superseded": 2, "unchanged": 2}
        )
        assert tally(open_, 12)["pending"] == 1
        self.act("delivery.resolve", subject={"delivery": unknown.id, "lines": 1})
        return self

    def _deliver(self, part: int, segment: Segment, **answer: Any) -> Any:
        journal, id_ = self.run.journal, sha256(f"{part}{segment.root}".encode())
        journal.intend(EXCHANGE, self.run.run, "mic", [Intent(id_, segment, part, 0)])
        journal.sent(id_)
        receipt = {"status": "200", "digest": "a" * 64, "at": now()}
        given = {"state": "acknowledged", "receipts": [receipt], **answer}
        state = journal.answered(id_, given.pop("state"), total=segment.count, **given)
        if state.refused:
            self.run.refuse("push", segment, tuple(state.refused))
        return state

    def _push(self, part: int, segment: Segment, id_: str, **columns: Any) -> None:
        """Note what was left out, as the pipeline does before it sends, and sign the push."""
        with self.run.database.write() as connection:
            connection.execute(
                update(DELIVERIES).where(DELIVERIES.c.id == id_).values(scope=SCOPE, **columns)
            )
        (state,) = (item for item in self.run.journal.deliveries(run=self.run.run) if item.id == id_)
        counts = tally([state], segment.count)
        receipt = {
            "delivery": id_,
            "segment": segment.digest,
            "state": state.state,
            "acknowledged": counts["acknowledged"],
            "refused": len(state.refused),
            "receipts": list(state.receipts),
        }
        flows = {"inputs": [segment], "outputs": [segment]}
        self.run.attest("push", part, 2, **flows, counts=counts, receipts=[receipt])

    def export(self, out: Path, **more: Any) -> Path:
        info = self.run.export(out, read_index=self.indexes.get, **more)
        return Path(info.path)
