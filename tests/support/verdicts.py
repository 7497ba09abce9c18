"""What a verifier says of a bundle, as tests compare it."""

from __future__ import annotations

from pathlib import Path

from lienthong.ledger import Report, verify_bundle
from lienthong.signing import TrustStore


def failing(report: Report) -> str:
    """Return what failed, a line each."""
    return "\n".join(f"{check.name}: {check.subject}: {check.detail_en}" for check in report.failures)


def found(path: Path, trust: TrustStore) -> str:
    """Return what fails of a bundle that must not verify."""
    report = verify_bundle(path, trust=trust)
    assert not report.ok
    assert report.failures
    return failing(report)


def told(path: Path, trust: TrustStore) -> dict[str, str]:
    """Return what a bundle that verifies says of itself that it does not show."""
    report = verify_bundle(path, trust=trust)
    assert report.ok, failing(report)
    return {item.name: item.detail_en for item in report.not_checked}
