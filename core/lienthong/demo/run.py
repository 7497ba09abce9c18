"""The demonstration from the empty folder to the table."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from lienthong.demo import components
from lienthong.demo.api import Airflow
from lienthong.demo.layout import USER, Layout
from lienthong.demo.ports import answers, require_free
from lienthong.demo.processes import Processes
from lienthong.demo.settings import environment
from lienthong.demo.watch import FINAL, Watched, follow, result_table
from lienthong.errors import LienThongError
from lienthong.exchange import AGENCY_CODE
from lienthong.ledger import verify_bundle
from lienthong.signing import TrustStore
from lienthong.signing.keys import create_development_keys, create_operator_key
from lienthong.signing.roles import SERVICE

#: Agencies whose systems the province plays; those that exchanges name get keys besides.
AGENCIES = ("H21", "H21.129", "G01", "G05", "G15", "G22")
#: What people do in Airflow that leaves a signed statement.
AIRFLOW_ACTS = ("run.marked", "run.resend", "run.since")
_RUN_PATIENCE = 170.0
_SCHEDULE_PATIENCE = 10.0
_SANDBOX = (sys.executable, "-c", "import sys; from lienthong_sandbox.cli import run; sys.exit(run())", "up")


@dataclass(frozen=True)
class Options:
    """What the caller may choose."""

    folder: Path
    dags: Path
    port: int
    province_port: int
    once: bool


@dataclass
class Demo:
    """One demonstration."""

    options: Options
    console: Console
    phases: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layout = Layout(self.options.folder.absolute())
        self.api = Airflow(f"http://127.0.0.1:{self.options.port}")
        self._since = time.monotonic()

    def run(self) -> int:
        """Run everything; return 0 where every exchange balanced and its evidence holds."""
        options = self.options
        require_free(options.port, "DEMO_PORT")
        require_free(options.province_port, "DEMO_SANDBOX_PORT")
        self.layout.prepare()
        password = self.layout.password()
        settings = environment(self.layout, options.dags.absolute(), options.port)
        with Processes(self.layout.logs, settings) as processes:
            self._prepare(processes)
            self._start(processes, password)
            watched = self._exchange(processes)
            self._audit(watched)
            self.console.print(result_table(watched))
            problems = [f"{item.dag_id}: {item.problem}" for item in watched if item.problem]
            self._say_goodbye(password, problems)
            if self.console.is_terminal and not options.once:
                self._stay(processes)
        return 1 if problems else 0

    def _phase(self, name: str) -> None:
        now = time.monotonic()
        self.phases[name] = round(now - self._since, 1)
        self._since = now
        self.console.print(f"[dim]{self.phases[name]:6.1f} s[/dim]  {name}", highlight=False)

    def _prepare(self, processes: Processes) -> None:
        """Start the province, make keys and Airflow's database meanwhile."""
        self.layout.connections.unlink(missing_ok=True)
        place = ["--home", str(self.layout.province), "--port", str(self.options.province_port)]
        place += ["--keys", str(self.layout.bus)]
        processes.start("province", [*_SANDBOX, *place, "--connections", str(self.layout.connections)])
        for agency in AGENCIES:
            create_development_keys(self.layout.bus, agency)
        create_operator_key(self.layout.bus, SERVICE, acts=AIRFLOW_ACTS)
        components.migrate(processes, self.layout)
        components.wait_for("the simulated province", self._province_is_up, processes)
        self._phase("province, keys and database")

    def _province_is_up(self) -> bool:
        return answers(self.options.province_port) and self.layout.connections.exists()

    def _start(self, processes: Processes, password: str) -> None:
        """Start Airflow and wait until every exchange is known to it."""
        components.start(processes)
        components.wait_for("the API server", self.api.healthy, processes)
        self.api.log_in(USER, password)
        files = components.expected_files(self.options.dags)
        components.wait_for(
            "the list of exchanges", lambda: components.all_parsed(self.api, files), processes
        )
        components.require_loopback(processes)
        self._phase("Airflow is up, only loopback ports are open")

    def _exchange(self, processes: Processes) -> list[Watched]:
        """Run every exchange; those that wait for another's delivery come after the others."""
        dags = self.api.dags()
        for agency in sorted(
            {tag["name"] for dag in dags for tag in dag["tags"] if AGENCY_CODE.match(tag["name"])}
        ):
            create_development_keys(self.layout.bus, agency)
        watched = [Watched(dag["dag_id"], self._ended(dag["dag_id"])) for dag in dags]
        chained = [dag["dag_id"] for dag in dags if "sset" in str(dag.get("timetable_summary"))]
        paused = {dag["dag_id"] for dag in dags if dag["is_paused"]}
        for dag_id in paused:
            self.api.unpause(dag_id)
        for group in (
            [item for item in watched if item.dag_id not in chained],
            [item for item in watched if item.dag_id in chained],
        ):
            for item in group:
                self._start_run(item, expected=item.dag_id in chained or item.dag_id in paused)
            follow(self.api, group, self.console, _RUN_PATIENCE, processes.keep_alive)
        components.require_loopback(processes)
        self._phase(f"{len(watched)} exchanges")
        return watched

    def _ended(self, dag_id: str) -> frozenset[str]:
        """Return the runs of earlier demonstrations; one that was interrupted goes on and counts."""
        return frozenset(run["dag_run_id"] for run in self.api.runs(dag_id) if run["state"] in FINAL)

    def _start_run(self, item: Watched, *, expected: bool) -> None:
        """Give an exchange a run: the one its schedule starts by itself, or else one of ours."""
        deadline = time.monotonic() + (_SCHEDULE_PATIENCE if expected else 0)
        while True:
            item.refresh(self.api)
            if item.runs:
                return
            if time.monotonic() >= deadline:
                self.api.trigger(item.dag_id)
            time.sleep(0.25)

    def _audit(self, watched: Sequence[Watched]) -> None:
        """Download each run's bundle as an auditor would and check it offline."""
        trust = TrustStore.from_pem([self.layout.bus / "keys" / "ca.pem"])
        with TemporaryDirectory() as folder:
            for item in watched:
                item.problem = self._problem(item, trust, Path(folder))
        self._phase("evidence downloaded and verified")

    def _problem(self, item: Watched, trust: TrustStore, folder: Path) -> str:
        if not item.done or item.state != "success":
            return f"the run is {item.state} (see its log in the UI)"
        path = folder / f"{item.dag_id}.zip"
        for run_id in item.runs:
            try:
                path.write_bytes(self.api.bundle(item.dag_id, run_id))
                report = verify_bundle(path, trust=trust)
            except LienThongError as error:
                return f"no evidence: {error}"
            item.verified = report.ok and item.verified is not False
            if not report.ok:
                return f"the evidence does not hold: {report.failures[0].detail_en}"
        return "" if item.balanced else f"the counts do not balance: {item.counts}"

    def _say_goodbye(self, password: str, problems: Sequence[str]) -> None:
        self.console.print(f"Total {sum(self.phases.values()):.0f} s.", highlight=False)
        for problem in problems:
            self.console.print(f"[bold red]{problem}[/bold red]", highlight=False)
        if self.console.is_terminal and not self.options.once:
            self.console.print(f"Airflow: {self.api.base}  user {USER}  password {password}", highlight=False)
            self.console.print("Open a run and its tab Chứng cứ / Evidence. Ctrl-C ends everything.")

    def _stay(self, processes: Processes) -> None:
        try:
            while True:
                processes.require_all()
                time.sleep(1)
        except KeyboardInterrupt:
            self.console.print("Ending…")
