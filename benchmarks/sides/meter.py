"""What of a run's processor time the key index takes, measured in the run itself: both by the same clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from lienthong.keyindex import KeyHasher
from lienthong.pipeline.versions import Versions
from lienthong.staging.indexes import Indexes


class Meter:
    """Adds the threads' processor time in some functions up; what they call is not counted twice."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock, self._inside = threading.Lock(), threading.local()

    def watch(self, owner: Any, name: str) -> None:
        """Count a function or method from now on."""
        setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if getattr(self._inside, "on", False):
                return work(*args, **kwargs)
            self._inside.on, begun = True, time.thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                taken, self._inside.on = time.thread_time() - begun, False
                with self._lock:
                    self.seconds += taken

        return counted


def key_index() -> Meter:
    """Return a meter of all that a run does for its key index: keys, entries, roots, files, comparisons."""
    meter = Meter()
    for owner, name in (
        (import_module("lienthong.pipeline.pull"), "key_texts"),
        (KeyHasher, "many"),
        (import_module("lienthong.staging.store"), "build"),
        (Indexes, "write"),
        (Indexes, "read"),
        (import_module("lienthong.pipeline.repeats"), "repeated"),
        (Versions, "fates"),
    ):
        meter.watch(owner, name)
    return meter
