"""Alembic's environment: runs inside the transaction of whoever calls, which holds the schema lock."""

from __future__ import annotations

from alembic import context

from lienthong.errors import Misconfigured
from lienthong.ledger.tables import METADATA, VERSION_TABLE

connection = context.config.attributes.get("connection")
if connection is None:
    raise Misconfigured(
        "migrations run through lienthong.ledger.upgrade(url), not through the alembic command",
        where="ledger database",
        hint="opening the ledger with any lienthong command does it",
    )
context.configure(
    connection=connection,
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
