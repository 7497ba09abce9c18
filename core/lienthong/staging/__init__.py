"""Staging: sealed segments and attachments in a store, addressed by content."""

from lienthong.staging.blobs import BlobStore
from lienthong.staging.store import SegmentStore

__all__ = ["BlobStore", "SegmentStore"]
