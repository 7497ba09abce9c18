"""The key index: which version of which key stands where, without naming anybody.

One structure for several questions: which version of a key did a target take last, which keys of the
last full pull are gone, where did this person's data go, and the proof that a key was not in a run.
"""

from lienthong.keyindex.entries import Entry, Sidecar, build, entry
from lienthong.keyindex.groups import GROUP, root_over_entries
from lienthong.keyindex.join import difference, repeated
from lienthong.keyindex.keys import ENTRY, KEY, NO_KEY, KeyHasher, key_id, require_one_key
from lienthong.keyindex.levels import LevelFile, LevelInfo, Version, newest_of
from lienthong.keyindex.merging import LevelWriter, Source, merge
from lienthong.keyindex.policy import Level, Merge, due, everything
from lienthong.keyindex.proofs import Absence, Group, absent, check_absent, check_present, present

__all__ = [
    "ENTRY",
    "GROUP",
    "KEY",
    "NO_KEY",
    "Absence",
    "Entry",
    "Group",
    "KeyHasher",
    "Level",
    "LevelFile",
    "LevelInfo",
    "LevelWriter",
    "Merge",
    "Sidecar",
    "Source",
    "Version",
    "absent",
    "build",
    "check_absent",
    "check_present",
    "difference",
    "due",
    "entry",
    "everything",
    "key_id",
    "merge",
    "newest_of",
    "present",
    "repeated",
    "require_one_key",
    "root_over_entries",
]
