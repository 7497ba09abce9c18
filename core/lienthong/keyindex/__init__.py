"""The key index: which version of which key stands where, without naming anybody.

One structure for several questions: which version of a key did a target take last, which keys of the
last full pull are gone, where did this person's data go, and the proof that a key was not in a run.
"""

from lienthong.keyindex.entries import ENTRY, KEY, Entry, Sidecar, build, entry
from lienthong.keyindex.keys import NO_KEY, KeyHasher, key_id

__all__ = ["ENTRY", "KEY", "NO_KEY", "Entry", "KeyHasher", "Sidecar", "build", "entry", "key_id"]
