"""From an OpenAPI document to delivered records, against the sandbox made from the same file."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lienthong.cli import main
from lienthong.datasets import catalogue
from lienthong.errors import Misconfigured
from lienthong_connectors.openapi.documents import documents_at
from lienthong_sandbox.made.counterpart import Counterpart

DOCUMENTS = Path(__file__).parent / "documents"
RECORDS = 23
DIST = """\
Metadata-Version: 2.1
Name: open-schemas
Version: 1.0
"""


@dataclass(frozen=True)
class Source:
    """A document, an operation that lists, further words; what is recognised; requests for 23 records."""

    file: str
    operation: str
    words: tuple[str, ...]
    settings: tuple[str, ...]
    auth: dict[str, Any]
    key: str
    requests: int


SOURCES = {
    "parcels": Source(
        "parcels.yaml", "listParcels", (),
        ('records="content"', "PagePaging(", "start=0", "size=7", 'total_path="totalElements"'),
        {"auth": "bearer", "token": "TODO"}, "parcelNumber", 4,
    ),
    "companies": Source(
        "companies.json", "Companies_List", ("--set", "status=closed"),
        ('records="items"', "OffsetPaging(", 'offset_param="start_index"', "size=5", '{"status": "closed"}'),
        {"auth": "api-key", "api_key_query": "api_key", "token": "TODO"}, "companyNumber", 5,
    ),
    "stations": Source(
        "stations.yaml", "getFeatures", (),
        ('path="collections/stations/items"', "OffsetPaging(", "size=8", '("application/geo+json",)'),
        {"auth": "none"}, "id", 3,
    ),
    "licences": Source(
        "licences.yaml", "get /licences", (),
        ('records="data"', 'NextLinkPaging(path="links.next")', '{"page[size]": "6"}'),
        {"auth": "oauth2", "token_url": "https://id.example/token", "scope": "licences.read licences.list"},
        "id", 4,
    ),
    "events": Source(
        "events.yaml", "list-events", ("--set", "province=52"),
        ('path="provinces/52/events"', "CursorPaging(", 'cursor_path="next_cursor"', "X-Api-Version",
         'since_param="updated_since"'),
        {"auth": "basic", "headers": {"X-Tenant-Key": "TODO"}}, "event_id", 3,
    ),
    "issues": Source(
        "issues.json", "issues/list", (),
        ("LinkHeaderPaging()", '{"per_page": "10"}'), {"auth": "none"}, "id", 3,
    ),
    "dossiers": Source(
        "dossiers.yaml", "timKiemHoSo", ("--set", "maDonVi=H21"),
        ('params_in="body"', 'method="POST"', 'body={"maDonVi": "H21"}', 'page_param="trang"', "size=8",
         'code_path="maLoi", ok_values=("00",)'),
        {"auth": "none"}, "maHoSo", 3,
    ),
    "charges": Source(
        "charges.json", "GetCharges", (),
        ("KeysetPaging(", 'key_param="starting_after"', 'key="id"', "unique=True", 'records="data"'),
        {"auth": "basic"}, "id", 3,
    ),
    "assets": Source(
        "assets.yaml", "Assets.ListAsset", (),
        ('NextLinkPaging(path="@odata.nextLink")', '{"$top": "6"}', "left out", "@odata.etag"),
        {"auth": "none"}, "AssetID", 4,
    ),
    "odd": Source(
        "odd.json", "get /class", (),
        ("odd = Exchange(", "GUESS: one answer holds the whole list;", "names no server"),
        {"auth": "none"}, "@id", 1,
    ),
    "permits": Source(
        "permits.yaml", "permits_list", (),
        ('NextLinkPaging(path="next")', 'records="results"'), {"auth": "basic"}, "id", 2,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A document, an operation that takes records, what is recognised, and rows to begin with."""

    file: str
    operation: str
    settings: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    taken: str


TARGETS = {
    "parcel_created": Target(
        "parcels.yaml", "createParcel", ('path="parcels"', 'mode="single"'),
        ({"parcelNumber": "A1", "area": 2.5, "address_ward": "W"}, {"parcelNumber": "A2"}), "/parcels",
    ),
    "parcel_replaced": Target(
        "parcels.yaml", "replaceParcel", ('path="parcels/{key}"', 'method="PUT"'),
        ({"parcelNumber": "B1", "use": "ONT"},), "/parcels",
    ),
    "companies_sent": Target(
        "companies.json", "Companies_Put", ('wrap={"companies": "$records"}', "Success(statuses=(202,))"),
        ({"name": "Công ty Mẫu", "companyNumber": "0100"},), "/companies/bulk",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every document's exchange in one project, whose package is found as an installed one is."""
    folder = tmp_path_factory.mktemp("open")
    for name, case in {**SOURCES, **TARGETS}.items():
        words = [str(DOCUMENTS / case.file), "--operation", case.operation, "--write", str(folder)]
        words += ["--name", name, "--connection-id", name]
        words += case.words if isinstance(case, Source) else ("--as", "target")
        assert main(["openapi", *words]) == 0
    info = folder / "schemas" / "open_schemas-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(DIST)
    (package,) = (path.parent.name for path in folder.glob("schemas/*/__init__.py"))
    (info / "entry_points.txt").write_text(f"[lienthong.schemas]\n{package} = {package}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "schemas"))
        patch.setenv("LIENTHONG_HOME", str(folder / "home"))
        patch.setenv("AIRFLOW_HOME", str(folder / "airflow"))
        catalogue._installed.cache_clear()
        assert main(["keys", "create", "--agency", "H00"]) == 0
        yield folder
    catalogue._installed.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def undecided(project: Path) -> str:
    """What the check says of the project as it was written."""
    out = project / "check.txt"
    with out.open("w") as file, contextlib.redirect_stdout(file):
        assert main(["check", str(project / "dags")]) == 2
    return out.read_text()


@pytest.fixture(scope="module")
def decided(project: Path, undecided: str) -> Path:
    """The project after a person has given every field a class."""
    for path in (project / "schemas").rglob("*.json"):
        path.write_text(path.read_text().replace('"undecided"', '"internal"'))
    catalogue._installed.cache_clear()
    return project


def test_nothing_is_deployed_before_a_person_has_decided(project: Path, undecided: str) -> None:
    """Every exchange and every dataset is refused, each field by its name, each dataset by its file."""
    assert "ok   " not in undecided
    for ref in ("land-parcels.list-parcels/1", "land-parcels.list-parcels-row/1"):
        (line,) = (line for line in undecided.splitlines() if line.startswith(f"FAIL dataset {ref}:"))
        assert "parcelNumber" in line and "address" in line and f"datasets/{ref}.json" in line
    assert "owners[].name" in undecided


def test_what_is_decided_passes_the_check(decided: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Datasets and mappings of every document hold."""
    assert main(["check", str(decided / "dags")]) == 0
    assert capsys.readouterr().out.count("ok   ") == len(SOURCES) + len(TARGETS)


@pytest.mark.parametrize("name", SOURCES)
def test_paging_list_and_credentials_are_recognised(project: Path, name: str) -> None:
    """The settings that were written, and the connection to be filled in, which holds no secret."""
    case = SOURCES[name]
    dag = (project / "dags" / f"{name}.py").read_text()
    for said in case.settings:
        assert said in dag
    connection = json.loads((project / "connections" / f"{name}.example.json").read_text())[name]
    assert connection["extra"] == case.auth
    assert max(map(len, dag.splitlines())) <= 110
    compile(dag, name, "exec")


def _run(project: Path, name: str, made: Counterpart, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    example = json.loads((project / "connections" / f"{name}.example.json").read_text())
    (served,) = made.connections().values()
    if example[name]["extra"]["auth"] == "oauth2":  # there is no server for tokens here
        example[name]["extra"] = {"auth": "none"}
    text = json.dumps({name: {**example[name], "host": served["host"]}, "database": example["database"]})
    text = text.replace("sqlite:///records", f"sqlite:///{project}/{name}").replace("TODO", "s3cret")
    file = project / f"{name}.connections.json"
    file.write_text(text)
    capsys.readouterr()
    dag = project / "dags" / f"{name}.py"
    assert main(["run", str(dag), "--connections", str(file), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out.splitlines()[-1]))


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_runs_to_delivered_records(
    decided: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every record of the counterpart is in the table, page by page, and none is refused."""
    case = SOURCES[name]
    with Counterpart(DOCUMENTS / case.file, records=RECORDS) as made:
        found = _run(decided, name, made, capsys)
        asked = sum(
            row["count"] for row in made.system.store.log_counts() if row["operation"] == case.operation
        )
    assert (found["pulled"], found["acknowledged"], found["quarantined"]) == (RECORDS, RECORDS, 0)
    assert case.requests <= asked <= case.requests + 4  # counted pages are asked for ahead
    column = case.key.replace(".", "_")
    with contextlib.closing(sqlite3.connect(decided / f"{name}.sqlite")) as database:
        (table,) = database.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'lienthong%'"
                                    " AND type = 'table'").fetchone()  # fmt: skip
        query = f'SELECT count(*), count(DISTINCT "{column}") FROM "{table}"'  # noqa: S608 - ours
        assert database.execute(query).fetchone() == (RECORDS, RECORDS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_what_a_table_holds(
    decided: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows become bodies that the counterpart's own check accepts."""
    case = TARGETS[name]
    dag = (decided / "dags" / f"{name}.py").read_text()
    for said in case.settings:
        assert said in dag
    (sql,) = [path for path in (decided / "sql").glob("*.sql") if f'SqlSource("{path.stem}")' in dag]
    with contextlib.closing(sqlite3.connect(decided / f"{name}.sqlite")) as database:
        database.execute(sql.read_text())
        for row in case.rows:
            names, marks = ", ".join(f'"{one}"' for one in row), ", ".join("?" * len(row))
            database.execute(f"INSERT INTO {sql.stem} ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608
        database.commit()
    with Counterpart(DOCUMENTS / case.file, records=0) as made:
        found = _run(decided, name, made, capsys)
        assert found["acknowledged"] == len(case.rows), found
        assert made.system.store.count(case.taken) == len(case.rows)


PAGES = {"from-openapi.md": "openapi", "from-sample.md": "sample"}


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_a_page_names_exists(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The how-to pages promise no option that the command does not have."""
    with pytest.raises(SystemExit):
        main([PAGES[page], "--help"])
    said = capsys.readouterr().out
    text = (Path(__file__).parents[3] / "docs/connectors" / page).read_text(encoding="utf-8")
    text = text.replace("sandbox from land.yaml --connections", "")
    option = r"(?<!-)--[a-z][a-z-]*"
    assert set(re.findall(option, text)) <= set(re.findall(option, said))


HOSTILE = {
    "outside": ("$ref: '../../secret.yaml#/a'", "no JSON or YAML file beside it"),
    "no_suffix": ("$ref: 'passwd#/a'", "no JSON or YAML file beside it"),
    "absolute": ("$ref: '/etc/shadow.yaml#/a'", "no JSON or YAML file beside it"),
    "network": ("$ref: 'https://elsewhere.example/a.yaml#/a'", "refers to an address"),
    "anchor": ("$ref: '#here'", "no JSON Pointer"),
    "missing": ("$ref: 'none.yaml#/a'", "none.yaml"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_reference_that_leads_away_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing but files beside the document is read, and no address is asked for."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("a: {type: string}")
    said, wrong = HOSTILE[name]
    file = folder / "main.yaml"
    file.write_text(f"openapi: 3.0.0\npaths:\n  /a: {{get: {{responses: {{'200': {{{said}}}}}}}}}\n")
    with pytest.raises(Misconfigured) as caught:
        documents_at(str(file))
    assert wrong in str(caught.value)


def test_a_catalogue_is_read_without_the_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A document kept with all that it refers to says the same, and makes the same counterpart."""
    folder = tmp_path / "kept"
    assert main(["openapi", str(DOCUMENTS / "events.yaml"), "--fetch", str(folder)]) == 0
    assert documents_at(str(folder)).digest == documents_at(str(DOCUMENTS / "events.yaml")).digest
    capsys.readouterr()
    assert main(["openapi", str(folder), "--operation", "list-events"]) == 0
    said = capsys.readouterr().out
    assert "event_id  string, minLength 4" in said and "paging cursor" in said
    with Counterpart(folder, records=3) as made:
        assert made.system.paths() == [("GET list-events", "/provinces/{province}/events")]
    (next(folder.glob("0-*"))).write_text("openapi: 3.0.0")
    with pytest.raises(Misconfigured, match="differs from the digest"):
        documents_at(str(folder))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_document_at_an_address_is_asked_for_at_its_own_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it refers to is read beside it; another host is asked only where somebody allows it."""
    for file in DOCUMENTS.rglob("*.*"):
        there = tmp_path / file.relative_to(DOCUMENTS)
        there.parent.mkdir(exist_ok=True)
        there.write_bytes(file.read_bytes())
    elsewhere = "openapi: 3.0.0\npaths: {/a: {$ref: 'http://localhost:1/a.yaml'}}\n"
    (tmp_path / "elsewhere.yaml").write_text(elsewhere)
    (tmp_path / "local.yaml").write_text("openapi: 3.0.0\npaths: {/a: {$ref: 'file:///etc/a.yaml'}}\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            assert main(["openapi", f"{url}/events.yaml", "--operation", "list-events"]) == 0
            assert "event_id" in capsys.readouterr().out
            assert main(["openapi", f"{url}/elsewhere.yaml"]) == 2
            assert "--host localhost" in capsys.readouterr().err
            assert main(["openapi", f"{url}/local.yaml"]) == 2
            assert main(["openapi", f"{url}/none.yaml"]) in (2, 3)
        finally:
            server.shutdown()
            thread.join()


REFUSED = [
    (("parcels.yaml", "getParcel"), "one record, not with a list"),
    (("parcels.yaml", "nobody"), "no operation 'nobody'"),
    (("parcels.yaml", "listParcels", "--as", "target"), "it takes no body"),
    (("parcels.yaml", "createParcel"), "no GET and no search"),
    (("parcels.yaml", "listParcels", "--set", "x=1"), "no parameter 'x'"),
    (("parcels.yaml", "listParcels", "--key", "x"), "no member 'x'"),
    (("parcels.yaml", "listParcels", "--records", "x"), "no list at 'x'"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_cannot_be_written_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """An operation, parameter or member that there is not, or that does not fit; nothing is written."""
    file, operation, *more = words
    given = [
        "openapi",
        str(DOCUMENTS / file),
        "--operation",
        operation,
        "--write",
        str(tmp_path / "p"),
        *more,
    ]
    assert main(given) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "p").exists()
