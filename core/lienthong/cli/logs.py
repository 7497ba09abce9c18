"""Audit lines on stderr, and nothing of Airflow's on stdout, which belongs to results."""

from __future__ import annotations

import logging
import sys


def show_audit_lines(*, verbose: bool) -> None:
    """Send the bus's own log to stderr: audit lines with ``verbose``, only warnings without."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger("lienthong")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
