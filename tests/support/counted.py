"""What something costs, by counting calls: the same on every machine, however slow it is just now."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls(work: Callable[[], Any]) -> int:
    """Return how many calls, of Python and of C, some work takes in this thread."""
    made = 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal made
        made += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return made


def fresh_calls(code: str, *, before: str = "") -> int:
    """Return how many calls a line of code takes in a fresh process, after what comes ``before``."""
    script = f"from counted import calls\n{before}\nprint(calls(lambda: exec({code!r})))"
    paths = [os.path.dirname(__file__), *filter(None, sys.path)]  # noqa: PTH120 - a search path
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )
    return int(done.stdout)
