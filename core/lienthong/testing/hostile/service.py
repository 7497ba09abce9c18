"""What an author gives: an ordinary service of the protocol, which the suite then makes misbehave."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from lienthong.connector import Connection
from lienthong.records import Record
from lienthong.testing.hostile.server import Asked

#: A text that stands in one record, so that the suite finds the place where it does harm.
MARKER = "MARKER-7f3a1c"


#: Habits of services that give pages. ``capped-pages``: two records a page at most, whatever was asked
#: for; ``lost-link``: the first page, without what leads to the next one; ``unmet-total``: a total that is
#: larger by one than the list.
HABITS = ("capped-pages", "lost-link", "unmet-total")


class HttpService(ABC):
    """An ordinary service: what it would answer to each request, and how to connect to it.

    ``records`` is what the service holds: a source's list (twelve or more), the record that a
    look-up answers (the first); a target may leave it empty. One text of ``records``, or of a
    target's answer, is `MARKER`. Answers hold letters beyond ASCII. The suite changes ``records``
    between two requests, so `answer` must always read it anew; several threads may ask at once.
    """

    #: How the service speaks: ``json`` or ``xml``.
    family: ClassVar[str] = "json"
    #: Content type of its answers.
    media: ClassVar[str] = "application/json"
    #: Member of a record that names it, a text.
    key: ClassVar[str] = "id"
    #: Those of `HABITS` that `answer` knows, where `habit` says so.
    habits: ClassVar[frozenset[str]] = frozenset()
    #: Bytes of an answer, or of a field, that the connector's settings let through.
    largest: ClassVar[int] = 1 << 20

    def __init__(self, records: list[Record] | None = None) -> None:
        self.records: list[Record] = records or []
        self.habit = ""

    @abstractmethod
    def connection(self, url: str, ca_file: str) -> Connection:
        """Return a connection to the service at ``url`` that trusts the authority in ``ca_file``.

        Where the protocol has credentials that are fetched, it fetches them from `grant`.
        """

    @abstractmethod
    def answer(self, asked: Asked) -> bytes:
        """Return the body of the ordinary answer to a request."""

    @abstractmethod
    def failure(self, asked: Asked) -> bytes:
        """Return the body of an answer that says inside that the request, or its record, is refused."""

    def grant(self, asked: Asked) -> bytes | None:  # noqa: ARG002 - for services with credentials to fetch
        """Return the body of a credential where a request asks for one, None for any other request."""
        return None

    def another(self, number: int) -> Record:
        """Return one more record, different from all others: the last one under another key."""
        record: dict[str, Any] = copy.deepcopy(self.records[-1])
        return {**record, self.key: f"fresh-{number:06d}"}
