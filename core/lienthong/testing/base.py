"""What all suites share: an open connector, a connection's secrets, an author's fixtures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from lienthong.connector import Connection, Context


def must(holds: object, sentence: str) -> None:
    """Fail the test with a sentence for the connector's author."""
    __tracebackhide__ = True
    if not holds:
        pytest.fail(sentence)


class Suite:
    """Fixtures and helpers without tests; authors subclass a suite, never this."""

    #: Seconds within which an unresponsive server must have become `TimedOut`.
    deadline: ClassVar[float] = 30.0
    #: Record paths whose values may stand in log lines (a page token, say).
    may_log: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def settings(self) -> Any:
        """The connector's settings object."""
        pytest.fail("give a fixture 'settings'")

    @pytest.fixture
    def context(self) -> Context:
        """What the pipeline would lend (signer, trust); its log is replaced by the suite's."""
        return Context(exchange="conformance", run="conformance")

    @pytest.fixture
    def lines(self) -> list[str]:
        """Audit lines that the connector wrote."""
        return []

    @pytest.fixture
    def lent(self, context: Context, lines: list[str]) -> Context:
        """The context with the suite's log."""
        return dataclasses.replace(context, log=lines.append)

    def open(self, settings: Any, connection: Connection, context: Context) -> Any:
        """Open the connector; each suite knows how."""
        raise NotImplementedError

    def use(self, opened: Any, records: list[Any]) -> None:
        """Do one ordinary thing with an open connector; each suite knows what."""
        raise NotImplementedError

    def secrets(self, connection: Connection) -> list[str]:
        """Return the connection's secrets; add what your connector keeps secret elsewhere."""
        extra = [str(connection.option(name)) for name in _secret_names(connection.extra)]
        return [secret for secret in [connection.password, *extra] if secret]

    def _private(self, records: list[Any]) -> set[tuple[str, str]]:
        """Return the texts of records that would be recognised in a log, by path."""
        found = {item for record in records[:50] for item in _texts(record, "")}
        return {(path, value) for path, value in found if path not in self.may_log and len(value) >= 8}

    def _hold_no_secret(self, text: str, connection: Connection, place: str) -> None:
        for secret in self.secrets(connection):
            must(secret not in text, f"a secret of the connection stands in {place}")

    @contextmanager
    def _opened(self, settings: Any, connection: Connection, context: Context) -> Iterator[Any]:
        opened = self.open(settings, connection, context)
        try:
            yield opened
        finally:
            opened.close()


def _secret_names(extra: Mapping[str, Any]) -> list[str]:
    """Return the extras whose names speak of a secret itself, not of its address, header or kind."""
    words, about = ("password", "secret", "token", "key", "credential"), ("_url", "_uri", "_header", "_file")
    names = [name for name in extra if any(word in name.lower() for word in words)]
    return [name for name in names if not name.lower().endswith(about) and name != "token_credentials"]


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, path)
    elif isinstance(value, str):
        yield path, value
