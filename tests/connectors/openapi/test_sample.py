"""From one page of a service or table to a starting exchange that nobody can deploy undecided."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lienthong.cli import main
from lienthong.datasets import Dataset
from lienthong.errors import Misconfigured
from lienthong_connectors.starting.observed import observed, unique_paths
from lienthong_sandbox.made.counterpart import Counterpart

DOCUMENTS = Path(__file__).parent / "documents"
WSDL = Path(str(files("lienthong_sandbox").joinpath("wsdl", "dancu.wsdl")))
ASKED = ("MaYeuCau=q-1", "MaDVC=1.001193", "MaTichHop=037", "MaDonVi=H21.129", "MaCanBo=can.bo.01",
         "SoDinhDanh=063123456789", "HoVaTen=TRẦN MẪU", "NgayThangNamSinh.Nam=1980")  # fmt: skip


@pytest.fixture(scope="module")
def connections(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Connections to a database, to services made from documents, and to one made from a WSDL."""
    folder = tmp_path_factory.mktemp("sampled")
    with contextlib.closing(sqlite3.connect(folder / "office.sqlite")) as database:
        database.execute(
            "CREATE TABLE dossier (commune TEXT, no VARCHAR(20), fee NUMERIC(10, 2),"
            " updated_at DATETIME NOT NULL, seen BOOLEAN, PRIMARY KEY (commune, no))"
        )
        rows = [(f"X{n % 2}", f"H{n}", 1.5, "2026-01-01 10:00:00.000000", None) for n in range(5)]
        database.executemany("INSERT INTO dossier VALUES (?, ?, ?, ?, ?)", rows)
        database.execute("CREATE TABLE vacant (id INTEGER PRIMARY KEY)")
        database.commit()
    found = {"office": {"conn_type": "lienthong_sql", "extra": {"url": f"sqlite:///{folder}/office.sqlite"}}}
    with contextlib.ExitStack() as stack:
        for name, file in (("land", DOCUMENTS / "parcels.yaml"), ("events", DOCUMENTS / "events.yaml"),
                           ("permits", DOCUMENTS / "permits.yaml"), ("people", WSDL)):  # fmt: skip
            made = stack.enter_context(Counterpart(file, records=23 if file != WSDL else 6))
            (found[name],) = made.connections().values()
        file = folder / "connections.json"
        file.write_text(json.dumps(found))
        yield file


def sampled(connections: Path, project: Path, *words: str) -> tuple[str, dict[str, Any]]:
    """Write a sample's exchange; return its DAG file and the dataset of what comes."""
    assert main(["sample", *words, "--connections", str(connections), "--write", str(project)]) == 0
    (dag,) = (project / "dags").glob("*.py")
    text = dag.read_text()
    compile(text, str(dag), "exec")
    (ref,) = re.findall(r'^    dataset="(.*)",$', text, re.MULTILINE)
    (file,) = (project / "schemas").glob(f"*/datasets/{ref}.json")
    return text, dict(json.loads(file.read_text()))


CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...], list[str], dict[str, Any]]] = {
    "rest_pages": (
        ("land", "parcels?page=0&size=5"),
        ('records="content",  # GUESS', "PagePaging(", "start=0", 'total_path="totalElements"', "size=5"),
        ["parcelNumber"], {"parcelNumber": {"type": "string"}},
    ),
    "rest_without_paging": (
        ("land", "parcels", "--set", "size=5"),
        ("TODO: the answer announces 23 records at totalElements and gives 5",), ["parcelNumber"], {},
    ),
    "rest_link": (
        ("permits", "api/permits/", "--key", "reference"),
        ('NextLinkPaging(path="next")', "# GUESS: the answer leads on at next"), ["reference"], {},
    ),
    "rest_cursor": (
        ("events", "provinces/52/events"),
        ('cursor_path="next_cursor"', "is a guess of its own"), ["event_id"], {},
    ),
    "sql_table": (
        ("office", "dossier"),
        ('table="dossier"', 'cursor="updated_at" here and in SqlSource'), ["commune", "no"],
        {"no": {"type": "string", "maxLength": 20}, "seen": {"type": ["boolean", "null"]}},
    ),
    "soap_operation": (
        ("people", "TraCuuThongTinCongDan", "--records", "CongDan",
         *(word for one in ASKED for word in ("--set", one))),
        ('record_element="CongDan"', '"MaTichHop": "037"'), ["SoDinhDanh"], {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_sample_becomes_a_starting_exchange(connections: Path, tmp_path: Path, name: str) -> None:
    """Types, key, paging and cursor are guessed and marked; no dataset loads before a person decides."""
    words, settings, key, types = CASES[name]
    dag, content = sampled(connections, tmp_path / "project", *words)
    flat = re.sub(r"\n +# +", " ", dag)
    for said in settings:
        assert said in flat, flat
    assert content["x-lienthong"]["key"] == key
    assert content["$comment"].startswith("GUESS: ")
    for field, schema in types.items():
        assert content["properties"][field] == {**schema, "x-lienthong": {"class": "undecided"}}
    with pytest.raises(Misconfigured, match=f"class of .*{key[0]}") as caught:
        Dataset.from_dict("a.b/1", content)
    assert "undecided" in caught.value.hint
    decided = json.loads(json.dumps(content).replace('"undecided"', '"personal"'))
    assert set(Dataset.from_dict("a.b/1", decided).classification.values()) == {"personal"}


def test_no_value_of_the_sample_is_written_or_shown(
    connections: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came may be personal: files and screen have names and types only."""
    sampled(connections, tmp_path / "project", "office", "dossier")
    texts = [path.read_text() for path in (tmp_path / "project").rglob("*") if path.is_file()]
    for said in [capsys.readouterr().out, *texts]:
        assert "H3" not in said and "10:00" not in said and "X1" not in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("office", "vacant"), "holds no record"),
        (("land", "parcels/none"), "HTTP 404|answered 404|404"),
        (("land", "parcels", "--records", "sort"), "no list at 'sort'"),
        (("land", "parcels", "--key", "nobody"), "no member 'nobody'"),
        (("office", "dossier", "--most", "0"), "at least one record"),
    ],
)
def test_what_cannot_be_sampled_is_named(
    connections: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """An empty table, a path that is none, a list or key that is not there."""
    assert main(["sample", *words, "--connections", str(connections)]) in (2, 3)
    assert re.search(said, capsys.readouterr().err)


OBSERVED: list[tuple[list[Any], dict[str, Any]]] = [
    ([1, 2], {"type": "integer"}),
    ([1, 2.5], {"type": "number"}),
    ([1, None], {"type": ["integer", "null"]}),
    ([None], {"type": "null"}),
    ([True, "x"], {"type": ["boolean", "string"]}),
    (["2026-01-31"], {"type": "string", "format": "date"}),
    (["2026-01-31", "hôm qua"], {"type": "string"}),
    (["2026-01-31T10:00:00Z"], {"type": "string", "format": "date-time"}),
    (["2026-01-31T10:00:00"], {"type": "string"}),
    ([[]], {"type": "array", "items": {}}),
    ([[1], ["a"]], {"type": "array", "items": {"type": ["integer", "string"]}}),
    ([{}], {"type": "object"}),
    (
        [{"a": 1, "b": {"c": None}}, {"a": 2}],
        {
            "type": "object",
            "properties": {
                "a": {"type": "integer"},
                "b": {"type": "object", "properties": {"c": {"type": "null"}}, "required": ["c"]},
            },
            "required": ["a"],
        },
    ),
]


@pytest.mark.parametrize(("values", "schema"), OBSERVED)
def test_types_are_those_that_every_value_has(values: list[Any], schema: dict[str, Any]) -> None:
    """Numbers join, null widens, a format needs all texts, a member is required where all have it."""
    assert observed(values) == schema


def test_a_key_is_in_every_record_and_once() -> None:
    """A member that repeats, is missing once or is no scalar is none, whatever it is called."""
    records = [{"id": 1, "code": "a", "no": "x", "at": {"uid": 5}}, {"id": 1, "code": "b", "at": {"uid": 6}}]
    assert unique_paths(records, observed(records)) == ["code", "at.uid"]


XML = """<?xml version="1.0"?><k:KetQua xmlns:k="urn:k"><MaLoi>00</MaLoi><TongSo>57</TongSo><DS>
<HoSo><MaHoSo>H1</MaHoSo><Ngay>2026-01-01</Ngay></HoSo><HoSo><MaHoSo>H2</MaHoSo><Ngay>2026-01-02</Ngay></HoSo>
</DS></k:KetQua>"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_an_answer_in_xml_is_sampled(tmp_path: Path) -> None:
    """The repeated element is the record; the total around it pages by the parameters that were given."""
    (tmp_path / "list.xml").write_text(XML)
    (tmp_path / "page.html").write_text("<html><p>Đăng nhập</html>")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        connections = tmp_path / "connections.json"
        host = f"http://127.0.0.1:{server.server_port}"
        connections.write_text(json.dumps({"desk": {"conn_type": "lienthong_rest", "host": host}}))
        try:
            words = ("desk", "list.xml?trang=1&soBanGhi=2")
            dag, content = sampled(connections, tmp_path / "project", *words)
            assert main(["sample", "desk", "page.html", "--connections", str(connections)]) == 2
        finally:
            server.shutdown()
            thread.join()
    for said in ('format="xml"', 'records="KetQua.HoSo"', 'page_param="trang"', 'total_path="TongSo"'):
        assert said in dag
    assert content["x-lienthong"]["key"] == ["MaHoSo"]
    assert content["properties"]["Ngay"]["format"] == "date"
