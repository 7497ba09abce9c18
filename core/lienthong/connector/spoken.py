"""What a connector said and heard over HTTP, as it is told to whoever listens in for a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Spoken:
    """One request and its answer, payloads and credentials included: never log it.

    ``answer`` is the decoded body as far as it was read; ``whole`` tells whether both bodies are
    complete (one that was cut, streamed out or too large to keep is not).
    """

    method: str
    url: str = field(repr=False)
    status: int
    sent: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received: Mapping[str, str] = field(repr=False)
    answer: bytes = field(repr=False)
    whole: bool = True
