"""Services of spyne and node-soap: every style, both versions, headers, faults, written by others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import counterparts
import pytest
import requests

from lienthong.connector import Batch, Connection, Context, Question, ReadRequest
from lienthong.errors import Misconfigured, OutcomeUnknown, Refused
from lienthong.records import canonical
from lienthong_connectors.soap import FaultTable, ResultCodes, SoapLookup, SoapSource, SoapTarget

REGISTRY = counterparts.FOLDER / "fixtures" / "registry.wsdl"
CODES = ResultCodes(path="code", message="text", acknowledged=("1",))


@pytest.fixture(scope="module", params=["1.1", "1.2"])
def spyne(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, str]]:
    """Spyne speaking one version of SOAP, and its own WSDL in a file."""
    with counterparts.python("spyne_service.py", request.param, needs="spyne") as port:
        host = f"http://127.0.0.1:{port}/"
        path = tmp_path_factory.mktemp("spyne") / "people.wsdl"
        path.write_bytes(requests.get(f"{host}?wsdl", timeout=60).content)
        yield Connection(id="spyne", kind="lienthong_soap", host=host), str(path)


def batch(records: list[dict[str, Any]]) -> Batch:
    return Batch("ab" * 32, tuple(canonical(one) for one in records), ("id",))


def test_a_wrapped_operation_is_read(spyne: tuple[Connection, str]) -> None:
    """document/literal wrapped: numbers come as numbers, texts with what XML escapes."""
    connection, wsdl = spyne
    settings = SoapSource(
        operation="listPeople", wsdl=wsdl, record_element="Person", request={"count": 450}, chunk=100
    )
    source = settings.open_source(connection, Context())
    found = [record for page in source.read(ReadRequest()) for record in page.records]
    source.close()
    assert len(found) == 450
    assert found[7] == {"id": "00007", "name": "Nguyễn Văn 7 & <con>", "age": 7}


def test_a_list_is_taken_whole(spyne: tuple[Connection, str]) -> None:
    """A list that is written as a stream passes the service's own validation against its schema."""
    connection, wsdl = spyne
    person = {"age": "$record.age", "name": "$record.name", "id": "$key"}
    settings = SoapTarget(
        operation="putPeople", wsdl=wsdl, request={"people": {"Person": {"$each": person}}}, result=RESULT
    )
    target = settings.open_target(connection, Context())
    records = [{"id": f"{n:05}", "name": f"Trần <Thị> & {n}", "age": n} for n in range(2000)]
    answer = target.deliver(batch(records))
    target.close()
    assert answer.acknowledged == 2000
    assert answer.receipts[0].status == "1"


RESULT = ResultCodes(path="putPeopleResult.code", acknowledged=("1",))


def bare(spyne: tuple[Connection, str], **options: Any) -> Any:
    connection, wsdl = spyne
    request = {"name": "$record.name", "id": "$record.id", "age": "$record.age"}
    settings = SoapTarget(operation="putPerson", wsdl=wsdl, request=request, result=CODES, **options)
    return settings.open_target(connection, Context())


def test_a_bare_operation_takes_a_delivery(spyne: tuple[Connection, str]) -> None:
    """document/literal bare: the element of the part is the request itself."""
    target = bare(spyne, reference="text")
    answer = target.deliver(batch([{"id": "12", "name": "Lê Văn Bưởi", "age": 3}]))
    target.close()
    assert answer.receipts[0].reference == "12|Lê Văn Bưởi|3"


def test_faults_are_what_the_service_means(spyne: tuple[Connection, str]) -> None:
    """A Client fault with the agency's code in its detail refuses; a Server fault leaves doubt."""
    target = bare(spyne)
    refused = target.deliver(batch([{"id": "x", "name": "Lê", "age": 3}])).refused
    assert refused[0].rule == "target.DL01"
    with pytest.raises(OutcomeUnknown):
        target.deliver(batch([{"id": "1", "name": "crash", "age": 3}]))
    target.close()
    listed = bare(spyne, faults=FaultTable(misconfigured=("DL01",)))
    with pytest.raises(Misconfigured, match="DL01"):
        listed.deliver(batch([{"id": "x", "name": "Lê", "age": 3}]))
    listed.close()


def who(spyne: tuple[Connection, str], headers: dict[str, Any]) -> Any:
    connection, wsdl = spyne
    settings = SoapLookup(
        operation="whoAmI", wsdl=wsdl, soap_headers=headers, answer_element="whoAmIResult.text"
    )
    opened = settings.open_lookup(connection, Context())
    try:
        return opened.ask(Question("1", {}, "cán bộ", "tt", "md"))
    finally:
        opened.close()


def test_a_declared_header_arrives_in_its_schema_s_order(spyne: tuple[Connection, str]) -> None:
    """Spyne validates headers against its schema, in which the agency comes first."""
    header = {"@mustUnderstand": False, "officer": "$officer", "agency": "H21"}
    assert who(spyne, {"{urn:spyne:people}Caller": header}) == {"value": "H21|cán bộ"}


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "wants the header {urn:spyne:people}Caller"),
        ({"{urn:spyne:people}Caller": {"agancy": "1"}}, r"no member 'agancy' \(there is: agency, officer\)"),
    ],
)
def test_declared_headers_are_checked(
    spyne: tuple[Connection, str], headers: dict[str, Any], words: str
) -> None:
    """A header that the WSDL declares is missed, and its members are checked, before anything is sent."""
    with pytest.raises(Misconfigured, match=words):
        who(spyne, headers)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[Connection, str]]:
    """node-soap with an rpc/literal service; what it was called with is at /calls."""
    answers = tmp_path / "answers.json"
    people = {"person": [{"id": "1", "age": 7, "tag": ["x"]}, {"id": "2", "tag": ["y", "z"]}]}
    answers.write_text(json.dumps({"list": {"people": people, "total": 2}, "put": {"code": "1"}}))
    with counterparts.node("soap.mjs", REGISTRY, answers) as port:
        base = f"http://127.0.0.1:{port}"
        yield Connection(id="node", kind="lienthong_soap", host=f"{base}/service"), f"{base}/calls"


def test_rpc_literal_is_read(registry: tuple[Connection, str]) -> None:
    """Parts stand without a namespace in the order of the message, inside the operation's wrapper."""
    connection, calls = registry
    request = {"count": 2, "from": "$since"}
    settings = SoapSource(operation="list", wsdl=str(REGISTRY), record_element="person", request=request)
    source = settings.open_source(connection, Context())
    found = [record for page in source.read(ReadRequest()) for record in page.records]
    source.close()
    assert found == [{"id": "1", "age": 7, "tag": ["x"]}, {"id": "2", "tag": ["y", "z"]}]
    seen = requests.get(calls, timeout=60).json()
    assert seen == [["list", {"from": "1970-01-01T00:00:00Z", "count": "2"}]]  # it reads texts only


def test_rpc_literal_takes_deliveries(registry: tuple[Connection, str]) -> None:
    """A part of a complex type, one of a simple type, and the result in a part of the answer."""
    connection, calls = registry
    settings = SoapTarget(
        operation="put",
        wsdl=str(REGISTRY),
        request={"officer": "cb", "person": {"tag": ["a", "$record.tag"], "id": "$key"}},
        result=ResultCodes(path="code", acknowledged=("1",)),
    )
    target = settings.open_target(connection, Context())
    assert target.deliver(batch([{"id": "9", "tag": "t"}])).acknowledged == 1
    target.close()
    seen = requests.get(calls, timeout=60).json()
    assert seen == [["put", {"person": {"id": "9", "tag": ["a", "t"]}, "officer": "cb"}]]


def test_a_wrong_part_is_named(registry: tuple[Connection, str]) -> None:
    """Parts of an rpc/literal operation are checked like members."""
    settings = SoapLookup(operation="put", wsdl=str(REGISTRY), request={"person": {"id": "1"}, "clerk": "x"})
    with pytest.raises(Misconfigured, match=r"no member 'clerk' \(there is: officer, person\)"):
        settings.open_lookup(registry[0], Context())


def test_a_missing_part_refuses_the_record(registry: tuple[Connection, str]) -> None:
    """Every part of an rpc/literal message is required (WS-I Basic Profile 1.1, R2211)."""
    settings = SoapLookup(operation="put", wsdl=str(REGISTRY), request={"person": {"id": "$record.id"}})
    opened = settings.open_lookup(registry[0], Context())
    with pytest.raises(Refused, match=r"missing \(officer\)"):
        opened.ask(Question("1", {"id": "1"}, "cb", "tt", "md"))
    opened.close()
