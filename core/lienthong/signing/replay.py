"""Messages that were accepted once, so that none is accepted twice.

A signature proves who wrote a message, not that it was written for this occasion: whoever recorded a signed
answer can send it again until it is too old. Three things stand against that, the strongest first. An answer
whose signature covers the signature of its request belongs to that request alone, for requests carry a fresh
nonce (RFC 9421 section 2.4); nothing need be remembered. A nonce of the signer's makes a message unique, and
the signature itself does where the algorithm draws random numbers; these are remembered here for as long as
the message is fresh. The window of freshness bounds both.
"""

from __future__ import annotations

import hashlib
import heapq
import threading
from typing import Final

#: order of the group of P-256 (SEC 2, section 2.4.2)
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

RANDOMISED: Final = frozenset({"ecdsa-p256-sha256", "rsa-pss-sha512"})
"""Algorithms that never sign the same bytes alike; the others need a nonce to tell messages apart."""


class ReplayMemory:
    """Remembers what was accepted while it is fresh. Safe among threads; holds ``size`` messages at most.

    A full memory forgets the oldest messages and from then on takes none as old as these: it refuses
    sooner than it should, never later. A memory knows what its own process has seen.
    """

    def __init__(self, *, size: int = 65_536) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._known: set[bytes] = set()
        self._by_age: list[tuple[int, bytes]] = []
        self._forgotten = -1

    def holds(self, identity: bytes, created: int) -> bool:
        """Tell whether a message was accepted before, or is as old as those that were forgotten."""
        with self._lock:
            return identity in self._known or created <= self._forgotten

    def add(self, identity: bytes, created: int, *, oldest: float) -> bool:
        """Remember an accepted message; return False where it is held already.

        ``created`` is the message's own time, ``oldest`` the time before which messages are refused
        anyway; both are Unix seconds.
        """
        with self._lock:
            if identity in self._known or created <= self._forgotten:
                return False
            while self._by_age and self._by_age[0][0] < oldest:
                self._known.discard(heapq.heappop(self._by_age)[1])
            if len(self._by_age) >= self._size:
                age, forgotten = heapq.heappop(self._by_age)
                self._known.discard(forgotten)
                self._forgotten = max(self._forgotten, age)
            self._known.add(identity)
            heapq.heappush(self._by_age, (created, identity))
            return True


def identity(key_id: str, nonce: str, algorithm: str, signature: bytes) -> bytes:
    """Return what names a signed message: its nonce, or else its signature.

    Whoever holds an ECDSA signature can write its twin, with n - s in the place of s; both have
    one name.
    """
    if nonce:
        return hashlib.sha256(f"nonce\0{key_id}\0{nonce}".encode()).digest()
    if algorithm == "ecdsa-p256-sha256" and len(signature) == 64:
        s = int.from_bytes(signature[32:], "big")
        signature = signature[:32] + min(s, (_ORDER - s) % _ORDER).to_bytes(32, "big")
    return hashlib.sha256(f"signature\0{key_id}\0".encode() + signature).digest()
