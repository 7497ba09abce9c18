"""The INSERT statements of the dialects that know ON CONFLICT."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.sql.compiler import IdentifierPreparer

from lienthong_connectors.sql._store import Plan


def insert_statement(
    prepare: IdentifierPreparer, plan: Plan, names: Sequence[str], rows: str, *, verb: str = "INSERT"
) -> str:
    """Return the INSERT for a plan; ``rows`` is its VALUES or SELECT part."""
    quoted = [prepare.quote(name) for name in names]
    statement = f"{verb} INTO {plan.table.quoted} ({', '.join(quoted)}) {rows}"
    if plan.mode == "insert":
        return statement
    if plan.mode == "insert-ignore":
        return f"{statement} ON CONFLICT DO NOTHING"
    key = ", ".join(prepare.quote(name) for name in plan.key)
    others = [prepare.quote(name) for name in names if name not in plan.key]
    if not others:
        return f"{statement} ON CONFLICT ({key}) DO NOTHING"
    changes = ", ".join(f"{name} = excluded.{name}" for name in others)
    return f"{statement} ON CONFLICT ({key}) DO UPDATE SET {changes}"
