"""What every connector is held to: its settings, its checks, its errors, its silence in logs."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import logging
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, ClassVar, TypeAlias

import pytest

from lienthong.connector import Connection, Context, Finding
from lienthong.errors import (
    Forbidden,
    LienThongError,
    OutcomeUnknown,
    ProtocolViolation,
    RateLimited,
    TimedOut,
    Transient,
    Unauthenticated,
    Unavailable,
)
from lienthong.exchange import Exchange, Source, Target, Text
from lienthong.testing.base import Suite, must

#: A broken connection, or a context manager that yields one while something is broken.
Fault: TypeAlias = Connection | Callable[[], AbstractContextManager[Connection]]

Endings: TypeAlias = Mapping[str, type[LienThongError] | tuple[type[LienThongError], ...]]

#: What each fault must end in.
FAULTS: Mapping[str, type[LienThongError]] = {
    "unreachable": Transient,
    "unauthenticated": Unauthenticated,
    "forbidden": Forbidden,
    "unresponsive": TimedOut,
    "garbled": ProtocolViolation,
    "overloaded": RateLimited,
    "failing": Unavailable,
}
#: What they end in at a target: where the request had left, nobody knows whether it was taken.
DELIVERY_FAULTS: Endings = {
    **FAULTS,
    "unresponsive": (TimedOut, OutcomeUnknown),
    "garbled": (ProtocolViolation, OutcomeUnknown),
    "failing": (Unavailable, OutcomeUnknown),
}
#: Faults that only a target's own tests use.
CUTS = ("cut-after-taken", "cut-before-taken")

_HEAVY = "airflow cryptography lxml numpy pandas psycopg pyarrow pyproj requests sqlalchemy xmlschema zeep"


class Conformance(Suite):
    """The common part of the suites; authors subclass one of the three, never this."""

    #: Level from which log lines are looked at; debug lines of libraries count too.
    log_level: ClassVar[int] = logging.DEBUG
    #: The error, or errors, that each fault may end in.
    ends_in: ClassVar[Endings] = FAULTS
    #: Modules that must not be loaded by importing the settings.
    heavy: ClassVar[frozenset[str]] = frozenset(_HEAVY.split())

    @pytest.fixture
    def connection(self) -> Connection:
        """A connection that works."""
        pytest.fail("give a fixture 'connection'")

    @pytest.fixture
    def faults(self) -> Mapping[str, Fault]:
        """Broken connections by name (see `FAULTS`); what is left out is skipped."""
        return {}

    @pytest.fixture
    def ordinary(self) -> list[Any]:
        """What `use` needs and what must not be seen in logs: records, or the question's record."""
        return []

    # --- settings

    def test_settings_are_frozen_and_picklable(self, settings: Any) -> None:
        """Settings cannot change after the DAG file was parsed and survive a move to a worker."""
        must(dataclasses.is_dataclass(settings), "settings must be a dataclass")
        must(isinstance(getattr(settings, "kind", None), str), "settings need a class variable 'kind'")
        for item in dataclasses.fields(settings):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(settings, item.name, None)
        if _importable(type(settings).__module__):
            must(pickle.loads(pickle.dumps(settings)) == settings, "settings differ after pickling")  # noqa: S301 - our own bytes

    def test_settings_become_part_of_the_agreement_without_secrets(
        self, settings: Any, connection: Connection
    ) -> None:
        """The exchange's digest covers the settings; nothing secret is in what it covers."""
        exchange = _exchange(settings)
        must(len(exchange.digest()) == 64, "the exchange with these settings has no digest")
        self._hold_no_secret(json.dumps(exchange.as_dict()), connection, "the exchange's JSON")
        self._hold_no_secret(repr(settings), connection, "repr(settings)")

    def test_connection_shows_no_secret(self, settings: Any, connection: Connection, lent: Context) -> None:
        """Neither the connection nor the open connector shows credentials in its repr."""
        self._hold_no_secret(repr(connection), connection, "repr(connection)")
        with self._opened(settings, connection, lent) as opened:
            self._hold_no_secret(repr(opened), connection, "repr() of the open connector")

    def test_importing_the_settings_is_light(self, settings: Any) -> None:
        """A DAG file that names the connector does not load its libraries."""
        module = type(settings).__module__
        if not _importable(module):
            pytest.skip(f"module {module!r} cannot be imported by name")
        loaded = _loaded_by(module)
        found = sorted(self.heavy & {name.partition(".")[0] for name in loaded})
        must(not found, f"importing {module} loads {', '.join(found)}: import it inside open_*")

    # --- life cycle

    def test_close_is_idempotent_and_a_second_open_works(
        self, settings: Any, connection: Connection, lent: Context, ordinary: list[Any]
    ) -> None:
        """Closing twice, closing unused, and opening anew after a close are all fine."""
        unused = self.open(settings, connection, lent)
        unused.close()
        unused.close()
        with self._opened(settings, connection, lent) as opened:
            self.use(opened, ordinary)
            opened.close()

    # --- checks

    def test_check_finds_a_good_connection_good(
        self, settings: Any, connection: Connection, lent: Context
    ) -> None:
        """A connection that works has findings and all of them hold."""
        with self._opened(settings, connection, lent) as opened:
            findings = opened.check()
        must(findings, "check() gave no finding")
        bad = [finding.check for finding in findings if not finding.ok]
        must(not bad, f"check() finds fault with a good connection: {', '.join(bad)}")
        self._hold_no_secret(str(findings), connection, "the findings")

    @pytest.mark.parametrize(
        "name", ["unreachable", "unauthenticated", "forbidden", "unresponsive", "failing"]
    )
    def test_check_says_what_is_wrong(
        self, name: str, settings: Any, faults: Mapping[str, Fault], lent: Context
    ) -> None:
        """On a broken connection check() does not raise: a finding says what is wrong."""
        with self._broken(faults, name) as connection:
            findings = self._checked(settings, connection, lent)
            bad = [finding for finding in findings if not finding.ok]
            must(bad, f"check() finds nothing wrong with a connection that is {name}")
            must(all(f.detail or f.hint for f in bad), "a failed finding says neither what nor what to do")
            self._hold_no_secret(str(findings), connection, "the findings")

    # --- errors

    @pytest.mark.parametrize("name", FAULTS)
    def test_fault_ends_in_its_error(
        self, name: str, settings: Any, faults: Mapping[str, Fault], lent: Context, ordinary: list[Any]
    ) -> None:
        """Each kind of trouble ends in the error that tells the pipeline what to do next."""
        self._failed(name, settings, faults, lent, ordinary)

    # --- logs

    def test_nothing_secret_or_personal_is_logged(
        self,
        settings: Any,
        connection: Connection,
        lent: Context,
        ordinary: list[Any],
        lines: list[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Neither credentials nor values of records stand in log lines, debug lines included."""
        with caplog.at_level(self.log_level), self._opened(settings, connection, lent) as opened:
            self.use(opened, ordinary)
        text = "\n".join([*lines, *(record.getMessage() for record in caplog.records)])
        self._hold_no_secret(text, connection, "the log")
        for path, value in sorted(self._private(ordinary)):
            must(value not in text, f"the value of {path!r} stands in a log line")

    # --- for the suites

    def _wanted(self, name: str) -> str:
        kinds = self.ends_in[name]
        return " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))

    def _broken(self, faults: Mapping[str, Fault], name: str) -> AbstractContextManager[Connection]:
        strange = set(faults) - set(FAULTS) - set(CUTS)
        must(not strange, f"unknown faults: {', '.join(sorted(strange))}")
        if name not in faults:
            pytest.skip(f"no fault {name!r} given")
        fault = faults[name]
        return nullcontext(fault) if isinstance(fault, Connection) else fault()

    def _checked(self, settings: Any, connection: Connection, context: Context) -> list[Finding]:
        try:
            with self._opened(settings, connection, context) as opened:
                findings: list[Finding] = opened.check()
        except Exception as error:
            pytest.fail(f"check() raised {error!r}")
        return findings

    def _failed(
        self, name: str, settings: Any, faults: Mapping[str, Fault], lent: Context, ordinary: list[Any]
    ) -> LienThongError:
        """Use the connector under a fault and return the error, which must be the right one."""
        with self._broken(faults, name) as connection:
            begin = time.monotonic()
            error = self._raised(settings, connection, lent, ordinary)
            took = time.monotonic() - begin
        must(isinstance(error, self.ends_in[name]), f"{name}: {self._wanted(name)} expected, got {error!r}")
        must(took <= self.deadline, f"{name}: took {took:.0f} s, more than {self.deadline:.0f} s")
        self._hold_no_secret(f"{error} {error!r}", connection, "the error's text")
        copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        must(type(copied) is type(error), "the error does not survive pickling")
        return error

    def _raised(
        self, settings: Any, connection: Connection, context: Context, records: list[Any]
    ) -> LienThongError:
        """Return the error that using the connector ends in; anything else fails the test."""
        try:
            with self._opened(settings, connection, context) as opened:
                self.use(opened, records)
        except LienThongError as error:
            return error
        except Exception as error:
            pytest.fail(f"{type(error).__module__}.{type(error).__name__} escaped; raise a lienthong error")
        pytest.fail("no error was raised")


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


@cache
def _loaded_by(module: str) -> tuple[str, ...]:
    """Return the modules that importing a module loads on top of the SPI, in a fresh process."""
    code = (
        "import sys, lienthong.connector; before = set(sys.modules); "
        f"import {module}; print(*(set(sys.modules) - before))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True, timeout=600
    )
    return tuple(done.stdout.split())


def _exchange(settings: Any) -> Exchange:
    text = Text("Thử nghiệm", "Test")
    return Exchange(
        id="conformance",
        title=text,
        provider="H21.129",
        consumer="G22",
        legal_basis="test",
        purpose=text,
        source=Source("source", settings),
        target=Target("target", settings),
        dataset="conformance/1",
    )
