"""The bus at run time: configuration, stores, keys and connections of this process."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from lienthong.config import Config, HashKeys, load_config
from lienthong.connector import Connection, Context, Spoken
from lienthong.credentials import hide_in_ours
from lienthong.errors import SegmentTampered
from lienthong.faults import file_faults
from lienthong.keyindex import KeyHasher
from lienthong.ledger import Database, Journal, Ledger, Quarantine
from lienthong.ledger.leases import Leases
from lienthong.pipeline.plan import Plan
from lienthong.records import keyed_hash
from lienthong.signing import KeyRing, Signer, TrustStore
from lienthong.staging import BlobStore, LevelStore, SegmentStore

if TYPE_CHECKING:
    from lienthong.pipeline.hold import Hold
    from lienthong.pipeline.parts import RunRequest

Progress = Callable[[str, int, int | None], None]

_LOG = logging.getLogger("lienthong")


def _silent(step: str, done: int, total: int | None) -> None:
    """Take progress and do nothing with it."""


@dataclass
class Bus:
    """Everything the steps share.

    ``connections`` resolves a connection id; ``progress`` is told (step, done, total or None);
    ``tap`` listens in on connections where a run is recorded; ``read_only`` opens the ledger as it is.
    ``hold`` is the lease under which the step that was given this bus works. ``comparing`` is held by the
    part that compares its run's keys: those pushed beside it by the same bus wait for what it finds.
    """

    config: Config
    connections: Callable[[str], Connection]
    progress: Progress = field(default=_silent)
    tap: Callable[[Connection], Callable[[Spoken], None]] | None = None
    read_only: bool = False
    hold: Hold | None = None
    comparing: Lock = field(default_factory=Lock, repr=False, compare=False)

    def under(self, hold: Hold) -> Bus:
        """Return this bus, stores and connections shared, as a step under a lease has it."""
        for shared in ("store", "levels", "ledger", "journal", "quarantine", "leases", "keys", "hash_keys"):
            getattr(self, shared)
        other = copy.copy(self)
        other.hold = hold
        return other

    def checkpoint(
        self, plan: Plan, request: RunRequest, step: str, part: int, data: Mapping[str, Any]
    ) -> None:
        """Keep a step's checkpoint; raise `LeaseLost` where another process has the step by now."""
        lease = self.hold.lease if self.hold else None
        self.journal.save_step(plan.exchange.id, request.run, step, part, data, lease=lease)

    @classmethod
    def open(
        cls,
        *,
        connections: Callable[[str], Connection],
        config: Config | None = None,
        progress: Progress | None = None,
        read_only: bool = False,
    ) -> Bus:
        """Return the bus of this deployment; one that is ``read_only`` makes and migrates nothing."""
        return cls(config or load_config(), connections, progress or _silent, read_only=read_only)

    def close(self) -> None:
        """Give back the ledger's connections, where there are any; the bus may be used again."""
        if "database" in self.__dict__:
            self.database.close()

    @cached_property
    def store(self) -> SegmentStore:
        """The segment store."""
        return SegmentStore.open(self.config.staging)

    def index_rows(self, root: str) -> Sequence[bytes] | None:
        """Return the entries of the key index with this root (hex), None where it is gone or torn.

        An index may be torn by a power failure and made again; evidence without it says that it is not there.
        """
        try:
            return self.store.index(root).rows
        except SegmentTampered as error:
            self.audit("evidence", f"key index {root}: {error.message}")
            return None

    @cached_property
    def levels(self) -> LevelStore:
        """Compacted key indexes, beside the segments; from remote stores they are fetched into the home."""
        return LevelStore(self.config.staging, self.config.home / "cache" / "levels")

    @cached_property
    def blobs(self) -> BlobStore:
        """The attachments, beside the segments."""
        return BlobStore.open_at(self.config.staging)

    @cached_property
    def database(self) -> Database:
        """The ledger's database, migrated to this code's version unless it is only read."""
        if not self.read_only:
            with file_faults("the home cannot be made", self.config.home, hint="set LIENTHONG_HOME"):
                self.config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Database.open(self.config.ledger, read_only=self.read_only, group_read=self.config.group_read)

    @cached_property
    def ledger(self) -> Ledger:
        """The append-only log of signed statements."""
        return Ledger(self.database, lambda: self.trust)

    @cached_property
    def journal(self) -> Journal:
        """Runs, cursors, deliveries and step checkpoints."""
        return Journal(self.database)

    @cached_property
    def leases(self) -> Leases:
        """Who works on which step of which run."""
        return Leases(self.database)

    @cached_property
    def quarantine(self) -> Quarantine:
        """The index of refused records."""
        return Quarantine(self.database)

    @cached_property
    def keys(self) -> KeyRing:
        """The agencies' and operators' signing keys."""
        config = self.config
        further: dict[str, Any] = {
            "trust": config.trust,
            "operators": config.operators,
            "crls": config.crls,
            "authorities": config.authorities,
        }
        if config.keys:
            return KeyRing.from_config(config.keys, **further)
        return KeyRing.for_home(config.home, **further)

    def signer(self, plan: Plan) -> Signer:
        """Return the signer of an exchange's evidence."""
        return self.keys.signer(plan.exchange.signer)

    @cached_property
    def trust(self) -> TrustStore:
        """The certificates this deployment trusts."""
        return self.keys.trust()

    @cached_property
    def hash_keys(self) -> HashKeys:
        """The secrets of keyed hashes: the present one, former ones, and the ids of lost ones."""
        return self.config.hash_keys()

    @property
    def _hash_key(self) -> bytes:
        return self.hash_keys.current

    def hasher(self, dataset: str) -> KeyHasher:
        """Return what hashes the keys of a dataset (its name, without a version)."""
        return KeyHasher(self._hash_key, dataset)

    def former_hashers(self, dataset: str) -> list[KeyHasher]:
        """Return what hashed the keys of a dataset under each former secret that is still known."""
        return [KeyHasher(secret, dataset) for secret in self.hash_keys.former]

    def key_hash(self, dataset: str, key: str) -> str:
        """Return the keyed hash under which a record is found without naming its person."""
        return keyed_hash(self._hash_key, f"{dataset}|{key}")

    def context(self, plan: Plan, run: str, before_read: Callable[[], int] = int) -> Context:
        """Return what a connector is lent."""
        return Context(
            exchange=plan.exchange.id,
            run=run,
            signer=self.signer(plan),
            trust=self.trust,
            cache=None if self.tap else self.config.home / "cache",  # a recording holds the token request
            attachments=self.blobs,
            tap=self.tap,
            log=_LOG.info,
            before_read=before_read,
            **({"before_write": self.hold.check} if self.hold else {}),
        )

    def audit(self, step: str, line: str) -> None:
        """Write one audit line: counts, digests and ids only."""
        _LOG.info("%s: %s", step, hide_in_ours(line))
