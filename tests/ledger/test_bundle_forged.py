"""What a forger may try: every change of a bundle is found, and named."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from lienthong.ledger import Report, verify_bundle
from lienthong.records import canonical, parse
from lienthong.signing import TrustStore


def failing(report: Report) -> str:
    return "\n".join(f"{check.name}: {check.subject}: {check.detail_en}" for check in report.failures)


def test_bundle_of_a_real_run_holds(bundle: Path, trust: TrustStore) -> None:
    """The starting point of all tests here: the untouched bundle verifies, with the run's counts."""
    report = verify_bundle(bundle, trust=trust)
    assert report.ok, failing(report)
    assert report.counts == {"pulled": 13, "acknowledged": 9, "quarantined": 3, "refused": 1, "pending": 0}
    assert {check.name for check in report.checks} == {
        "container", "signatures", "chain", "steps", "flow", "counts", "timestamps", "documents",
        "agreement", "deliveries", "quarantine", "records",
    }  # fmt: skip
    assert all(check.detail_en and check.detail_vi for check in report.checks)
