"""The suites that hold a connector to the matrix; each row ends in its one outcome or the test fails."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from lienthong.connector import Answer, Batch, Context, Page, Question, ReadRequest
from lienthong.errors import LienThongError, OutcomeUnknown, ProtocolViolation, RequestRejected
from lienthong.records import Record, canonical, sha256
from lienthong.testing.base import Suite, must
from lienthong.testing.hostile.certificates import Authority
from lienthong.testing.hostile.judge import judge_records
from lienthong.testing.hostile.matrix import Outcome
from lienthong.testing.hostile.rows import ROWS, rows_for
from lienthong.testing.hostile.service import HABITS, MARKER, HttpService
from lienthong.testing.hostile.stage import Hostile, Scene, hostile_http

#: Uses of one open connector during a storm of refusals, and the credentials that it may fetch.
STORM_USES = 8
STORM_GRANTS = 6


class HostileSuite(Suite):
    """The common part; authors subclass one of the three below.

    Give the fixtures ``settings`` (with a deadline of about a second and a limit of
    `HttpService.largest` bytes) and ``service``. A connector without HTTP sets ``family`` and gives
    ``hostile``: for every row the scenes to open. ``not_applicable`` says why a row cannot happen to
    this connector.
    """

    family: ClassVar[str] = "json"
    role: ClassVar[str]
    deadline: ClassVar[float] = 30.0
    #: Requests that the connector has under way at the same time.
    in_flight: ClassVar[int] = 1
    not_applicable: ClassVar[dict[str, str]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test the rows of its role."""
        if "row" in metafunc.fixturenames and metafunc.cls is not None:
            role = "lookup" if "asking" in metafunc.function.__name__ else metafunc.cls.role
            metafunc.parametrize("row", rows_for(metafunc.cls.family, role))

    @pytest.fixture
    def authority(self, tmp_path_factory: pytest.TempPathFactory) -> Authority:
        """A throw-away authority, one for the session."""
        folder = tmp_path_factory.getbasetemp() / "hostile-authority"
        folder.mkdir(exist_ok=True)
        return Authority(folder)

    @pytest.fixture
    def service(self) -> Callable[[], HttpService]:
        """What makes an ordinary service: its class, or a function."""
        pytest.fail("give a fixture 'service': a class or function that makes an HttpService")

    @pytest.fixture
    def hostile(self, request: pytest.FixtureRequest) -> Hostile:
        """The scenes of every row; made of ``service`` for connectors that speak HTTP."""
        return hostile_http(request.getfixturevalue("service"), request.getfixturevalue("authority"))

    # --- for the roles

    def _each(
        self, row: str, role: str, hostile: Hostile, act: Callable[[Scene, Outcome], LienThongError | None]
    ) -> None:
        """Play a row's scenes and check what is the same for every role."""
        if row in self.not_applicable:
            pytest.skip(f"{row} does not apply: {self.not_applicable[row]}")
        outcome = ROWS[row].outcome(self.family, role)
        assert isinstance(outcome, Outcome)  # noqa: S101 - the rows are those that apply
        if row in HABITS and not hostile.get(row):
            pytest.skip(f"{row} is no habit of this service: see HttpService.habits")
        must(hostile.get(row), f"give the scenes of {row!r}, or say in 'not_applicable' why there are none")
        for opening in hostile[row]:
            with opening() as scene:
                error = self._in_time(row, lambda scene=scene: act(scene, outcome))  # type: ignore[misc]
                self._judge(row, scene, outcome, error)

    def _in_time(self, row: str, act: Callable[[], Any]) -> Any:
        """Run on a thread of its own, so that a connector that never ends fails instead of hanging."""
        ended: list[Any] = []

        def run() -> None:
            try:
                ended.append(act())
            except BaseException as error:  # the test's own thread raises it
                ended.append(error)

        begin = time.monotonic()
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(self.deadline)
        must(ended, f"{row}: not ended after {time.monotonic() - begin:.0f} s")
        if isinstance(ended[0], BaseException) and not isinstance(ended[0], LienThongError):
            raise ended[0]
        return ended[0]

    def _judge(self, row: str, scene: Scene, outcome: Outcome, error: LienThongError | None) -> None:
        must(not scene.exhausted(), f"{row}: asked {scene.calls()} times, it would go on for ever")
        must(not scene.strayed(), f"{row}: somebody else was contacted")
        if outcome.error is None:
            must(error is None, f"{row}: {outcome.name} expected, got {error!r}")
        elif error is None:
            pytest.fail(f"{row}: {outcome.error.__name__} expected, nothing was raised")
        else:
            must(isinstance(error, outcome.error), f"{row}: {outcome.error.__name__} expected, got {error!r}")
        if error is not None:
            self._decent(row, scene, error)
        bound = ROWS[row].calls
        if bound is not None:
            most = bound * self.in_flight * (STORM_USES if row == "unauthorized-storm" else 1)
            must(scene.calls() <= most, f"{row}: asked {scene.calls()} times, {most} is the most")

    def _decent(self, row: str, scene: Scene, error: LienThongError) -> None:
        text = f"{error} {error!r} {error.details}"
        self._hold_no_secret(text, scene.connection, "the error's text")
        for secret in scene.credentials():
            must(secret not in text, f"{row}: a credential that was sent stands in the error's text")
        must(MARKER not in text, f"{row}: a value of a record stands in the error's text")
        copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        must(type(copied) is type(error), f"{row}: the error does not survive pickling")
        wait = getattr(error, "retry_after", None)
        must(row != "skewed-wait" or (wait is not None and wait <= 60),
             f"{row}: a wait of seven seconds became {wait}")  # fmt: skip

    def _storm(self, scene: Scene, use: Callable[[], Any]) -> None:
        """Go on using a connector that is always refused: credentials are not fetched for ever."""
        for _ in range(STORM_USES - 1):
            with pytest.raises(LienThongError):
                use()
        must(scene.grants() <= STORM_GRANTS,
             f"{scene.grants()} credentials fetched in a storm of {STORM_USES} refusals")  # fmt: skip


class HostileSource(HostileSuite):
    """The matrix for a source; ``service`` holds a dozen records or more."""

    role = "source"
    #: The dataset's key fields, as the pipeline would lend them.
    key: ClassVar[tuple[str, ...]] = ("id",)

    def open(self, settings: Any, connection: Any, context: Context) -> Any:
        """Open the source."""
        return settings.open_source(connection, context)

    def test_a_hostile_counterpart_ends_as_the_matrix_says(
        self, row: str, settings: Any, hostile: Hostile, lent: Context
    ) -> None:
        """Whatever the counterpart does: the outcome of the matrix, in time, and no false record."""

        def act(scene: Scene, outcome: Outcome) -> LienThongError | None:
            pages: list[Page] = []
            error = None
            with self._opened(settings, scene.connection, lent) as source:
                try:
                    pages.extend(source.read(ReadRequest(key=self.key)))
                except LienThongError as raised:
                    error = raised
                if row == "unauthorized-storm":
                    self._storm(scene, lambda: list(source.read(ReadRequest())))
            judge_records(row, scene, outcome, pages, error)
            doubted = outcome.name == "doubted" and isinstance(error, ProtocolViolation)
            return None if doubted or outcome.name == "refused" else error

        self._each(row, "source", hostile, act)


class HostileTarget(HostileSuite):
    """The matrix for a target; give the fixture ``records`` (three good ones are sent)."""

    role = "target"
    #: The dataset's key fields.
    key: ClassVar[tuple[str, ...]] = ("id",)

    @pytest.fixture
    def records(self) -> list[Record]:
        """Good records with different keys."""
        pytest.fail("give a fixture 'records'")

    def open(self, settings: Any, connection: Any, context: Context) -> Any:
        """Open the target."""
        return settings.open_target(connection, context)

    def batch(self, records: list[Record], name: str = "") -> Batch:
        """Make a batch of the first three records."""
        data = [canonical(record) for record in records[:3]]
        return Batch(sha256(b"\n".join([name.encode(), *data])), data, self.key, "conformance/1")

    def test_a_hostile_counterpart_ends_as_the_matrix_says(
        self, row: str, settings: Any, hostile: Hostile, lent: Context, records: list[Record]
    ) -> None:
        """Whatever the counterpart does: the outcome of the matrix, in time, sent at most once."""

        def act(scene: Scene, outcome: Outcome) -> LienThongError | None:
            with self._opened(settings, scene.connection, lent) as target:
                batch = self._fitting(target, records)
                error = _delivered(lambda: target.deliver(batch), outcome)
                if outcome.error is not None and row != "unauthorized-storm":
                    must(
                        scene.calls() <= 1, f"{row}: sent {scene.calls()} times, never to be repeated blindly"
                    )
                if row == "unauthorized-storm":
                    self._storm(scene, lambda: target.deliver(batch))
                return error

        self._each(row, "target", hostile, act)

    def test_asking_about_a_delivery_ends_as_the_matrix_says(
        self, row: str, settings: Any, hostile: Hostile, lent: Context, records: list[Record]
    ) -> None:
        """Asking what became of a delivery has no effect, and ends as a look-up does."""

        def act(scene: Scene, outcome: Outcome) -> LienThongError | None:
            with self._opened(settings, scene.connection, lent) as target:
                if not target.capabilities.lookup:
                    pytest.skip("the target does not claim to answer look-ups")
                batch = self._fitting(target, records)
                return _delivered(lambda: target.lookup(batch), outcome, asked=True)

        self._each(row, "lookup", hostile, act)

    def _fitting(self, target: Any, records: list[Record]) -> Batch:
        return self.batch(records[: target.capabilities.max_batch or 3])


class HostileLookup(HostileSuite):
    """The matrix for a look-up; give ``question``, to which ``service.records[0]`` is the answer."""

    role = "lookup"

    @pytest.fixture
    def question(self) -> Question:
        """A question that the service can answer."""
        pytest.fail("give a fixture 'question'")

    def open(self, settings: Any, connection: Any, context: Context) -> Any:
        """Open the service."""
        return settings.open_lookup(connection, context)

    def test_a_hostile_counterpart_ends_as_the_matrix_says(
        self, row: str, settings: Any, hostile: Hostile, lent: Context, question: Question
    ) -> None:
        """Whatever the counterpart does: the outcome of the matrix, in time, and no false answer."""

        def act(scene: Scene, outcome: Outcome) -> LienThongError | None:
            pages: list[Page] = []
            error = None
            with self._opened(settings, scene.connection, lent) as service:
                try:
                    pages.append(Page([service.ask(question)]))
                except LienThongError as raised:
                    error = raised
                if row == "unauthorized-storm":
                    self._storm(scene, lambda: service.ask(question))
            judge_records(row, replace(scene, expected=scene.expected[:1]), outcome, pages, error)
            return None if outcome.name == "refused" else error

        self._each(row, "lookup", hostile, act)


def _delivered(act: Callable[[], Answer], outcome: Outcome, *, asked: bool = False) -> LienThongError | None:
    """Return the error of a delivery or question; check what an answer says of the records."""
    try:
        answer = act()
    except RequestRejected as error:
        return None if outcome.name == "refused" else error
    except LienThongError as error:
        return error
    if outcome.name == "refused":
        must(len(answer.refused) == answer.total, "records are not refused although the service says so")
    elif outcome.name == "one refused":
        must(len(answer.refused) == 1, f"{len(answer.refused)} records are refused instead of one")
        must(answer.acknowledged == answer.total - 1, "the other records are not acknowledged")
    elif len(answer.unknown) == answer.total:
        return OutcomeUnknown("the answer says of every record that it is unknown")
    elif outcome.error is None and not asked:
        must(answer.acknowledged == answer.total, "an ordinary delivery is not acknowledged")
    elif outcome.error is not None:
        must(False, f"{outcome.error.__name__} expected, {answer.acknowledged} records are acknowledged")
    return None
