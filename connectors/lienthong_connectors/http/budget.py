"""So many of something a minute, and no more."""

from __future__ import annotations

import threading
import time
from collections import deque

_MINUTE = 60.0


class Budget:
    """Grants at most ``most`` requests within any minute. Safe among threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._granted: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Return whether one more is granted now."""
        with self._lock:
            now = time.monotonic()
            while self._granted and now - self._granted[0] >= _MINUTE:
                self._granted.popleft()
            if len(self._granted) >= self._most:
                return False
            self._granted.append(now)
            return True
