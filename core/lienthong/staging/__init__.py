"""Staging: sealed segments and attachments in a store, addressed by content, and level files of keys."""

from lienthong.staging.blobs import BlobStore
from lienthong.staging.levels import LevelStore, Taken, compact
from lienthong.staging.store import SegmentStore

__all__ = ["BlobStore", "LevelStore", "SegmentStore", "Taken", "compact"]
