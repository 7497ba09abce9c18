"""Alembic migrations of the ledger's database; run by `lienthong.ledger.db.Database.open`."""
