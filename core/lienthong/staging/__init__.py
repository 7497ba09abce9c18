"""Staging: sealed segments in a store, addressed by content."""

from lienthong.staging.store import SegmentStore

__all__ = ["SegmentStore"]
