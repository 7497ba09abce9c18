"""What the package offers, what importing it costs, and what reading with it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lienthong_connectors.soap as package
from lienthong.errors import Misconfigured
from lienthong.exchange import Exchange, Source, Target, Text
from lienthong_connectors.soap import DESCRIPTOR, Paging, ResultCodes, SoapLookup, SoapSource, SoapTarget

ROOT = Path(__file__).parents[3]


def run(code: str, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, *arguments],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout


def test_the_public_names() -> None:
    """Nothing is offered by accident."""
    assert sorted(package.__all__) == [
        "Addressing",
        "AnswerPolicy",
        "DESCRIPTOR",
        "FaultTable",
        "Paging",
        "ResultCodes",
        "SoapLookup",
        "SoapSource",
        "SoapTarget",
        "StatusQuery",
        "WsSecurity",
    ]


def test_importing_is_cheap() -> None:
    """Two hundred DAG files import this: no client library, and few milliseconds of computing."""
    code = (
        "import sys, time, lienthong.connector, lienthong.exchange\n"
        "started = time.process_time()\n"
        "import lienthong_connectors.soap\n"
        "print(time.process_time() - started)\n"
        "print([name for name in ('lxml', 'zeep', 'requests', 'cryptography') if name in sys.modules])"
    )
    tries = [run(code).splitlines() for _ in range(5)]
    assert tries[0][1] == "[]"
    assert min(float(spent) for spent, _ in tries) < 0.05


@pytest.mark.parametrize("role", ["source", "target", "lookup"])
def test_every_option_is_described(role: str) -> None:
    """The connection form, the documentation and the command line read the same words."""
    options = DESCRIPTOR.options(role)  # type: ignore[arg-type]  # parametrised
    assert all(option.doc for option in options)
    assert all(field.doc and field.title.vi and field.title.en for field in DESCRIPTOR.connection)
    page = (ROOT / "docs/connectors/soap.md").read_text()
    assert not [option.name for option in options if f"`{option.name}`" not in page]


@pytest.mark.parametrize(
    "make",
    [
        lambda: SoapSource(operation="", record_element="x"),
        lambda: SoapSource(operation="x", record_element=""),
        lambda: SoapSource(operation="x", record_element="x", chunk=0),
        lambda: SoapSource(operation="x", record_element="x", paging=Paging(size=0)),
        lambda: SoapSource(operation="x", record_element="x", deadline=0),
        lambda: SoapTarget(operation="x", result=ResultCodes(path="", acknowledged=("1",))),
        lambda: SoapTarget(operation="x", result=ResultCodes(path="x")),
        lambda: SoapLookup(operation="x", soap_version="2"),  # type: ignore[arg-type]  # the mistake
        lambda: SoapLookup(operation="x", max_depth=1),
    ],
)
def test_settings_that_cannot_work_are_refused(make: object) -> None:
    """A DAG file with a mistake fails when it is parsed, naming the option."""
    with pytest.raises(Misconfigured, match="option"):
        make()  # type: ignore[operator]  # a list of constructors


def test_settings_are_part_of_the_agreement() -> None:
    """Two exchanges that differ only in a connector's option have different digests."""
    text = Text("Thử", "Test")

    def digest(page: int) -> str:
        connector = SoapSource(operation="x", record_element="x", paging=Paging(size=page))
        return Exchange(
            id="test",
            title=text,
            provider="G01",
            consumer="H21.129",
            legal_basis="x",
            purpose=text,
            source=Source("a", connector),
            target=Target("b", connector),
            dataset="x/1",
        ).digest()

    assert digest(1) != digest(2)


_READER = """
import json, sys
from pathlib import Path
from lienthong.connector import Connection, Context, ReadRequest
from lienthong_connectors.soap import SoapSource
settings = SoapSource(operation="get", namespace="urn:t", record_element="CongDan")
source = settings.open_source(Connection(id="c", kind="lienthong_soap", host=sys.argv[1]), Context())
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
before, count = peak(), 0
for page in source.read(ReadRequest()):
    count += len(page.records)
print(json.dumps({"before": before, "after": peak(), "count": count}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to see the peak")
def test_a_bulk_answer_takes_little_memory(told: object, tools: object) -> None:
    """Thirteen megabytes and 12,500 citizens pass through a process that stays below 60 MB."""
    from lienthong_sandbox.citizens_xml import citizen, collection
    from lienthong_sandbox.people import COMMUNES, person

    people = [citizen(person(index, COMMUNES)) for index in range(12_500)]
    told.body = tools.envelope("".join(collection(people, 12_500, "", "1")))  # type: ignore[attr-defined]
    assert len(told.body) > 13_000_000  # type: ignore[attr-defined]
    found = json.loads(run(_READER, told.url))  # type: ignore[attr-defined]
    assert found["count"] == 12_500
    assert found["after"] < 60
    assert found["after"] - found["before"] < 15
