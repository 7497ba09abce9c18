"""What the package offers, what importing it costs, and what reading with it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from counted import fresh_calls

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
        timeout=600,
    )
    return done.stdout


def test_the_public_names() -> None:
    """Nothing is offered by accident."""
    assert sorted(package.__all__) == [
        "Addressing",
        "AnswerPolicy",
        "Attachments",
        "DESCRIPTOR",
        "FaultTable",
        "HighWater",
        "Paging",
        "ResultCodes",
        "SoapLookup",
        "SoapSource",
        "SoapTarget",
        "StatusQuery",
        "WsSecurity",
    ]


def test_importing_is_cheap() -> None:
    """Two hundred DAG files import this: no client library, and few calls (14,000 now)."""
    code = (
        "import sys, lienthong_connectors.soap\n"
        "print([name for name in ('lxml', 'zeep', 'requests', 'cryptography') if name in sys.modules])"
    )
    assert run(code).strip() == "[]"
    spi = "import lienthong.connector, lienthong.exchange"
    assert fresh_calls("import lienthong_connectors.soap", before=spi) < 25_000


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


_PEAK = """
import json, sys
from pathlib import Path
from lienthong.connector import Batch, Connection, Context, ReadRequest
from lienthong_connectors.soap import ResultCodes, SoapSource, SoapTarget, WsSecurity
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
def said(before, count):
    heavy = [name for name in ("zeep", "lxml", "cryptography") if name in sys.modules]
    print(json.dumps({"before": before, "after": peak(), "count": count, "heavy": heavy}))
connection = Connection(id="c", kind="lienthong_soap", host=sys.argv[1])
"""
_READER = (
    _PEAK
    + """
request = dict.fromkeys(["MaYeuCau", "MaTichHop", "MaCanBo", "MaDonVi"], "1")
request |= dict.fromkeys(["TuNgay", "DenNgay", "Trang", "SoBanGhi"], 0)
settings = SoapSource(
    operation="DongBoThongTinCongDan", wsdl=sys.argv[2], record_element="CongDan", request=request
)
source = settings.open_source(connection, Context(cache=Path(sys.argv[3])))
before, count = peak(), 0
for page in source.read(ReadRequest()):
    count += len(page.records)
said(before, count)
"""
)
_WRITER = (
    _PEAK
    + """
from lienthong.signing import KeyRing
security = WsSecurity(verify=None) if sys.argv[2] else None
signer = KeyRing.for_home(Path(sys.argv[2])).signer("H21.129") if security else None
settings = SoapTarget(
    operation="put", namespace="urn:t", security=security,
    request={"item": {"$each": {"id": "$key", "text": "$batch.id", "more": "$batch.id"}}},
    result=ResultCodes(path="code", acknowledged=("1",)),
)
target = settings.open_target(connection, Context(signer=signer))
def batch(count):
    return Batch("ab" * 1000, tuple(b'{"id":"%d"}' % number for number in range(count)), ("id",))
target.deliver(batch(1))
large = batch(10_000)
before = peak()
said(before, target.deliver(large).acknowledged)
"""
)
_LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to see the peak")


@_LINUX
def test_a_bulk_answer_takes_little_memory(told: object, tools: object, tmp_path: Path) -> None:
    """Thirteen megabytes and 12,500 citizens of a WSDL pass through a process that stays below 40 MB.

    The first process compiles the WSDL and keeps it; after that neither zeep nor lxml is loaded.
    """
    from importlib.resources import files

    from lienthong_sandbox.citizens_xml import citizen, collection
    from lienthong_sandbox.people import COMMUNES, person

    people = [citizen(person(index, COMMUNES)) for index in range(12_500)]
    told.body = tools.envelope("".join(collection(people, 12_500, "", "1")))  # type: ignore[attr-defined]
    assert len(told.body) > 13_000_000  # type: ignore[attr-defined]
    wsdl = str(files("lienthong_sandbox").joinpath("wsdl", "dancu.wsdl"))
    first, found = (json.loads(run(_READER, told.url, wsdl, str(tmp_path))) for _ in range(2))  # type: ignore[attr-defined]
    assert first["count"] == found["count"] == 12_500
    assert "zeep" in first["heavy"]
    assert found["heavy"] == []
    assert found["after"] < 40
    assert found["after"] - found["before"] < 8


@_LINUX
@pytest.mark.parametrize("signed", [False, True])
def test_a_bulk_request_takes_little_memory(
    told: object, tools: object, signed: bool, tmp_path: Path
) -> None:
    """A request of 40 MB is written, signed or not, in less than 4 MB beyond the batch itself."""
    from lienthong.signing.keys import create_development_keys

    if signed:
        create_development_keys(tmp_path, "H21.129")
    told.envelope("<r><code>1</code></r>")  # type: ignore[attr-defined]
    found = json.loads(run(_WRITER, told.url, str(tmp_path) if signed else ""))  # type: ignore[attr-defined]
    assert found["count"] == 10_000
    assert len(told.requests[-1][2]) > 40_000_000  # type: ignore[attr-defined]
    assert found["after"] - found["before"] < 4
    assert ("lxml" in found["heavy"]) is signed


def test_a_changed_wsdl_is_compiled_again(tmp_path: Path) -> None:
    """What is kept holds only as long as every document is the same, and damage is no harm."""
    from importlib.resources import files

    from lienthong.connector import Connection, Context
    from lienthong.errors import Misconfigured

    folder = Path(str(files("lienthong_sandbox").joinpath("wsdl")))
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    wsdl = tmp_path / "dancu.wsdl"
    connection = Connection(id="c", kind="lienthong_soap", host="http://127.0.0.1:9/")
    context = Context(cache=tmp_path / "cache")

    def opened(member: str) -> None:
        settings = SoapLookup(operation="TraCuuThongTinCongDan", wsdl=str(wsdl), request={member: "1"})
        settings.open_lookup(connection, context).close()

    opened("MaYeuCau")
    (entry,) = (tmp_path / "cache" / "wsdl").iterdir()
    before = entry.stat().st_mtime_ns
    opened("MaYeuCau")
    assert entry.stat().st_mtime_ns == before
    entry.write_bytes(entry.read_bytes()[:100])
    opened("MaYeuCau")
    assert len(entry.read_bytes()) > 1000
    for path in tmp_path.glob("*.*sd*"):
        path.write_text(path.read_text().replace("MaYeuCau", "MaKhac"))
    with pytest.raises(Misconfigured, match="no member 'MaYeuCau'"):
        opened("MaYeuCau")
    opened("MaKhac")
