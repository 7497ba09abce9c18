"""The first tables: statements, documents, runs, cursors, steps, deliveries, quarantine."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_APPEND_ONLY = "statements are append-only"


def upgrade() -> None:
    """Create the tables and the triggers that keep statements from being changed or removed."""
    _statements()
    _runs()
    _deliveries()
    _quarantine()
    _protect_statements()


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=options.pop("nullable", False), **options)


def _integer(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=options.pop("nullable", False), **options)


def _statements() -> None:
    op.create_table(
        "lt_statement",
        _integer("sequence", autoincrement=False),
        *map(_text, ("hash", "exchange", "run", "step")),
        _integer("part"),
        *map(_text, ("statement_digest", "recorded", "token")),
        sa.PrimaryKeyConstraint("sequence", name="pk_lt_statement"),
        sa.UniqueConstraint("hash", name="uq_lt_statement_hash"),
    )
    _index("lt_statement", "exchange", "run", "step", "part", "sequence")
    op.create_table(
        "lt_document",
        _text("digest"),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_lt_document"),
    )


def _runs() -> None:
    op.create_table(
        "lt_run",
        *map(_text, ("exchange", "run", "digest", "epoch")),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("explicit_since", sa.Boolean(), nullable=False),
        _text("since", nullable=True),
        _integer("record_limit", nullable=True),
        _text("validators"),
        _text("cursor", nullable=True),
        _text("counts"),
        _text("opened_at"),
        _text("settled_at", nullable=True),
        sa.PrimaryKeyConstraint("exchange", "run", name="pk_lt_run"),
    )
    _index("lt_run", "opened_at")
    op.create_table(
        "lt_cursor",
        _text("exchange"),
        _text("value", nullable=True),
        *map(_text, ("validators", "run", "epoch")),
        sa.PrimaryKeyConstraint("exchange", name="pk_lt_cursor"),
    )
    op.create_table(
        "lt_step",
        *map(_text, ("exchange", "run", "step")),
        _integer("part", autoincrement=False),
        *map(_text, ("data", "saved_at")),
        sa.PrimaryKeyConstraint("exchange", "run", "step", "part", name="pk_lt_step"),
    )


def _deliveries() -> None:
    op.create_table(
        "lt_delivery",
        *map(_text, ("id", "exchange", "run", "target", "segment", "root")),
        *map(_integer, ("records", "size")),
        *map(_text, ("state", "before")),
        _integer("attempts"),
        *map(_text, ("refused", "unknown", "receipts", "intended_at")),
        _text("sent_at", nullable=True),
        _text("answered_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_lt_delivery"),
        _run_key("lt_delivery"),
    )
    _index("lt_delivery", "exchange", "state")
    _index("lt_delivery", "state")
    op.create_table(
        "lt_planned",
        *map(_text, ("exchange", "run", "delivery")),
        *map(_integer, ("part", "position")),
        sa.PrimaryKeyConstraint("exchange", "run", "delivery", name="pk_lt_planned"),
        sa.ForeignKeyConstraint(["delivery"], ["lt_delivery.id"], name="fk_lt_planned_delivery"),
        _run_key("lt_planned"),
    )
    _index("lt_planned", "delivery")


def _quarantine() -> None:
    op.create_table(
        "lt_quarantine",
        *map(_text, ("id", "exchange", "run", "step", "segment")),
        _integer("line"),
        *map(_text, ("key_hash", "reasons", "dataset", "state")),
        _integer("version"),
        _text("previous", nullable=True),
        _text("replay_run", nullable=True),
        *map(_text, ("added_at", "changed_at")),
        sa.PrimaryKeyConstraint("id", name="pk_lt_quarantine"),
        sa.ForeignKeyConstraint(["previous"], ["lt_quarantine.id"], name="fk_lt_quarantine_previous"),
        sa.UniqueConstraint("previous", name="uq_lt_quarantine_previous"),
    )
    _index("lt_quarantine", "exchange", "run")
    _index("lt_quarantine", "state")
    _index("lt_quarantine", "key_hash")


def _run_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["exchange", "run"], ["lt_run.exchange", "lt_run.run"], name=f"fk_{table}_exchange_run"
    )


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _protect_statements() -> None:
    """Refuse UPDATE and DELETE: a guard against accidents, the signatures are the one against intent."""
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER lt_statement_no_{action.lower()} BEFORE {action} ON lt_statement "
                f"BEGIN SELECT RAISE(ABORT, '{_APPEND_ONLY}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION lt_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_APPEND_ONLY}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER lt_statement_append_only BEFORE UPDATE OR DELETE ON lt_statement "
        "FOR EACH ROW EXECUTE FUNCTION lt_append_only()"
    )
