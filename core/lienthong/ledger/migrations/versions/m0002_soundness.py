"""Leases, versions of keys, closed runs, occurrences in quarantine, legal holds."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns to runs, deliveries and quarantine, and the tables of leases, levels and holds."""
    _runs()
    _deliveries()
    _leases()
    _levels_and_holds()
    _quarantine()


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=default is None, server_default=default)


def _number(name: str, default: str = "0", kind: Any = sa.Integer) -> sa.Column[Any]:
    return sa.Column(name, kind(), nullable=False, server_default=default)


def _required(name: str, kind: Any = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind(), nullable=False)


def _runs() -> None:
    for column in (
        *(_number(name, kind=sa.BigInteger) for name in ("number", "reached")),
        _text("kind", "run"),
        *map(_text, ("closed_at", "closed_by", "closed_why")),
    ):
        op.add_column("lt_run", column)
    # runs that are there are numbered in the order of their opening
    op.execute(
        "UPDATE lt_run SET number = (SELECT count(*) FROM lt_run AS other WHERE other.opened_at < "
        "lt_run.opened_at OR (other.opened_at = lt_run.opened_at AND (other.exchange < lt_run.exchange "
        "OR (other.exchange = lt_run.exchange AND other.run <= lt_run.run))))"
    )
    op.execute("UPDATE lt_run SET reached = number")
    op.create_index("ix_lt_run_number", "lt_run", ["number"])
    op.create_index("ix_lt_run_reached", "lt_run", ["reached"])


def _deliveries() -> None:
    for column in (
        *(_text(name, "") for name in ("scope", "index_root", "owner")),
        _number("fence", kind=sa.BigInteger),
        *(_number(name, kind=sa.Float) for name in ("free_at", "deadline")),
        *map(_number, ("handovers", "sent_count", "taken_count")),
        *(_text(name, "[]") for name in ("unchanged", "superseded", "inherited")),
        sa.Column("taken", sa.BigInteger(), nullable=True),
    ):
        op.add_column("lt_delivery", column)
    op.create_index("ix_lt_delivery_scope_state", "lt_delivery", ["scope", "state"])
    op.create_index("ix_lt_delivery_scope_taken", "lt_delivery", ["scope", "taken"])


def _leases() -> None:
    op.create_table(
        "lt_lease",
        *map(_required, ("exchange", "run", "step")),
        sa.Column("part", sa.Integer(), nullable=False, autoincrement=False),
        _required("holder"),
        _required("token", sa.BigInteger),
        _required("taken_at", sa.Float),
        _required("expires_at", sa.Float),
        sa.PrimaryKeyConstraint("exchange", "run", "step", "part", name="pk_lt_lease"),
    )
    op.create_table(
        "lt_fence",
        _required("exchange"),
        _required("token", sa.BigInteger),
        sa.PrimaryKeyConstraint("exchange", name="pk_lt_fence"),
    )


def _levels_and_holds() -> None:
    op.create_table(
        "lt_key_level",
        *map(_required, ("name", "scope")),
        _required("level", sa.Integer),
        *(_required(name, sa.BigInteger) for name in ("first_taken", "last_taken", "entries")),
        *map(_required, ("key_id", "made_at")),
        sa.PrimaryKeyConstraint("name", name="pk_lt_key_level"),
        sa.UniqueConstraint("scope", "first_taken", name="uq_lt_key_level_scope_first_taken"),
    )
    op.create_index("ix_lt_key_level_scope_last_taken", "lt_key_level", ["scope", "last_taken"])
    op.create_table(
        "lt_hold",
        *map(_required, ("id", "exchange")),
        _text("run"),
        *map(_required, ("by", "why", "placed_at")),
        _text("lifted_at"),
        sa.PrimaryKeyConstraint("id", name="pk_lt_hold"),
    )
    op.create_index("ix_lt_hold_exchange", "lt_hold", ["exchange"])


def _quarantine() -> None:
    for column in (
        _text("fingerprint", ""),
        _number("occurrences", "1"),
        _text("last_run", ""),
        _number("number", kind=sa.BigInteger),
    ):
        op.add_column("lt_quarantine", column)
    op.execute(
        "UPDATE lt_quarantine SET number = (SELECT number FROM lt_run WHERE lt_run.exchange = "
        "lt_quarantine.exchange AND lt_run.run = lt_quarantine.run)"
    )
    op.create_index("ix_lt_quarantine_fingerprint", "lt_quarantine", ["fingerprint"])
    op.create_table(
        "lt_sighting",
        *map(_required, ("exchange", "run", "step", "segment")),
        sa.Column("line", sa.Integer(), nullable=False, autoincrement=False),
        _required("item"),
        _required("seen_at"),
        sa.PrimaryKeyConstraint("exchange", "run", "step", "segment", "line", name="pk_lt_sighting"),
        sa.ForeignKeyConstraint(["item"], ["lt_quarantine.id"], name="fk_lt_sighting_item"),
    )
    op.create_index("ix_lt_sighting_item", "lt_sighting", ["item"])
