"""The tables of the ledger's database, the same on SQLite and PostgreSQL.

Times are texts (RFC 3339, UTC, microseconds), structured values canonical JSON texts: both
databases then hold the same characters, and a copy from one to the other is a plain copy.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

HEAD: Final = "0002"
"""The migration that makes exactly these tables."""

VERSION_TABLE: Final = "lienthong_version"
"""Where Alembic keeps the database's revision (not ``alembic_version``, which is Airflow's)."""

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

STATEMENTS: Final = Table(
    "lt_statement",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("exchange", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("statement_digest", Text, nullable=False),
    Column("recorded", Text, nullable=False),
    Column("token", Text, nullable=False),
    Index(None, "exchange", "run", "step", "part", "sequence"),
)
"""The append-only log: one signed statement (JWS token) a row; triggers refuse change and removal.

That of a run which found nothing is stored short (`lienthong.ledger.idle`), without ``statement_digest``.
"""

DOCUMENTS: Final = Table(
    "lt_document",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
"""Documents that statements bind by their SHA-256, kept for later bundles, and what short ones share."""

RUNS: Final = Table(
    "lt_run",
    METADATA,
    Column("exchange", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("explicit_since", Boolean, nullable=False),
    Column("since", Text),
    Column("record_limit", Integer),
    Column("validators", Text, nullable=False),
    Column("cursor", Text),
    Column("counts", Text, nullable=False),
    Column("opened_at", Text, nullable=False),
    Column("settled_at", Text),
    Column("number", BigInteger, nullable=False, server_default="0"),
    Column("reached", BigInteger, nullable=False, server_default="0"),
    Column("kind", Text, nullable=False, server_default="run"),
    Column("closed_at", Text),
    Column("closed_by", Text),
    Column("closed_why", Text),
    Index(None, "opened_at"),
    Index(None, "number"),
    Index(None, "reached"),
)
"""One execution of an exchange; ``settled_at`` is empty until it settles.

``number`` orders the openings of all runs of the ledger, ``reached`` is the highest number that this run's
reads were given since: what was read under a higher number is newer. ``kind`` is run, replay or staging
(records of an earlier run mapped again). A run that will never settle is closed by a person: when, by whom
and why. ``counts`` of ``pulled`` alone, which is 0, and no ``epoch``: it settled and had found nothing.
"""

CURSORS: Final = Table(
    "lt_cursor",
    METADATA,
    Column("exchange", Text, primary_key=True),
    Column("value", Text),
    Column("validators", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("epoch", Text, nullable=False),
)
"""Where the next run of an exchange begins; ``epoch`` names the chain of its settled runs."""

STEPS: Final = Table(
    "lt_step",
    METADATA,
    Column("exchange", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("data", Text, nullable=False),
    Column("saved_at", Text, nullable=False),
)
"""Checkpoints of steps, so that a retry goes on where the last try stopped."""

DELIVERIES: Final = Table(
    "lt_delivery",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("exchange", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("segment", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("records", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("refused", Text, nullable=False),
    Column("unknown", Text, nullable=False),
    Column("receipts", Text, nullable=False),
    Column("intended_at", Text, nullable=False),
    Column("sent_at", Text),
    Column("answered_at", Text),
    Column("scope", Text, nullable=False, server_default=""),
    Column("index_root", Text, nullable=False, server_default=""),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("owner", Text, nullable=False, server_default=""),
    Column("free_at", Float, nullable=False, server_default="0"),
    Column("deadline", Float, nullable=False, server_default="0"),
    Column("handovers", Integer, nullable=False, server_default="0"),
    Column("sent_count", Integer, nullable=False, server_default="0"),
    Column("taken_count", Integer, nullable=False, server_default="0"),
    Column("unchanged", Text, nullable=False, server_default="[]"),
    Column("superseded", Text, nullable=False, server_default="[]"),
    Column("inherited", Text, nullable=False, server_default="[]"),
    Column("taken", BigInteger),
    ForeignKeyConstraint(["exchange", "run"], ["lt_run.exchange", "lt_run.run"]),
    Index(None, "exchange", "state"),
    Index(None, "state"),
    Index(None, "scope", "state"),
    Index(None, "scope", "taken"),
)
"""The life of one segment towards one target; ``run`` is the run that intended it first.

``before`` is the state to go back to where the last request is known not to have been taken. ``scope``
names the place at the target whose keys are compared (`lienthong.pipeline.versions`), ``index_root`` the
segment's key index. ``owner`` and ``fence`` say under which run and lease the last request left,
``deadline`` how many seconds it may be under way, ``free_at`` (seconds since 1970 by the database's clock)
when it certainly is not any more, ``handovers`` how often its process was lost with a request under way.
``sent_count`` and ``taken_count`` are the records that were sent and that the target acknowledged;
``unchanged`` and ``superseded`` the lines (ranges) that were not sent, because the target has them or
there is something newer; ``inherited`` those that an earlier run, which never settled, had delivered.
``taken`` orders final answers: the version of a key with the highest ``taken`` is what the target has.
"""

PLANNED: Final = Table(
    "lt_planned",
    METADATA,
    Column("exchange", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("delivery", Text, ForeignKey("lt_delivery.id"), primary_key=True),
    Column("part", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    ForeignKeyConstraint(["exchange", "run"], ["lt_run.exchange", "lt_run.run"]),
    Index(None, "delivery"),
)
"""Which deliveries a run needs: a run that repeats an unsettled one finds its deliveries again."""

LEASES: Final = Table(
    "lt_lease",
    METADATA,
    Column("exchange", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("taken_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
)
"""Who works on which step of which run until when (seconds since 1970 by the database's clock)."""

FENCES: Final = Table(
    "lt_fence",
    METADATA,
    Column("exchange", Text, primary_key=True),
    Column("token", BigInteger, nullable=False),
)
"""The last fencing token that a lease of an exchange was given; it only grows."""

KEY_LEVELS: Final = Table(
    "lt_key_level",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("level", Integer, nullable=False),
    Column("first_taken", BigInteger, nullable=False),
    Column("last_taken", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    UniqueConstraint("scope", "first_taken"),
    Index(None, "scope", "last_taken"),
)
"""Compacted key indexes of a scope: which version of each key the target took, by delivery order.

``key_id`` (hex) names the hash key. No two rows of a scope stand for the same deliveries.
"""

HOLDS: Final = Table(
    "lt_hold",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("exchange", Text, nullable=False),
    Column("run", Text),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("placed_at", Text, nullable=False),
    Column("lifted_at", Text),
    Index(None, "exchange"),
)
"""Legal holds: housekeeping removes nothing of an exchange (or of one of its runs) under one."""

QUARANTINE: Final = Table(
    "lt_quarantine",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("exchange", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("segment", Text, nullable=False),
    Column("line", Integer, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("previous", Text, ForeignKey("lt_quarantine.id")),
    Column("replay_run", Text),
    Column("added_at", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, server_default=""),
    Column("occurrences", Integer, nullable=False, server_default="1"),
    Column("last_run", Text, nullable=False, server_default=""),
    Column("number", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("previous"),
    Index(None, "exchange", "run"),
    Index(None, "state"),
    Index(None, "key_hash"),
    Index(None, "fingerprint"),
)
"""The index of refused records; their bytes stay in segments, people appear as keyed hashes only.

The same bytes refused again by a later run for the same reasons are one item (``fingerprint``) that
counts its ``occurrences``; `SIGHTINGS` says where each run met it. ``number`` is the version's: when it was
read last.
"""

SIGHTINGS: Final = Table(
    "lt_sighting",
    METADATA,
    Column("exchange", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("item", Text, ForeignKey("lt_quarantine.id"), nullable=False),
    Column("seen_at", Text, nullable=False),
    Index(None, "item"),
)
"""Where a later run met a record that was in quarantine already."""
