"""Results as asmx services give them: ``OK:number``, and JSON or XML inside a string."""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import escape

import pytest

from lienthong.connector import Batch, Context, Question, ReadRequest
from lienthong.errors import Misconfigured, OutcomeUnknown, ProtocolViolation, Refused
from lienthong.records import canonical
from lienthong_connectors.soap import ResultCodes, SoapLookup, SoapSource, SoapTarget, StatusQuery

PATTERN = r"(?P<code>OK|ERR)(?::(?P<reference>[^|]*))?(?:\|(?P<message>.*))?"


def answered(told: Any, inner: str) -> None:
    told.envelope(f'<PutResponse xmlns="urn:t">{inner}</PutResponse>')


def target(told: Any, result: ResultCodes, **options: Any) -> Any:
    settings = SoapTarget(
        operation="Put", namespace="urn:t", request={"id": "$key"}, result=result, repeatable=True, **options
    )
    return settings.open_target(told.connection(), Context())


def deliver(told: Any, result: ResultCodes, **options: Any) -> Any:
    opened = target(told, result, **options)
    try:
        return opened.deliver(Batch("ab" * 32, (canonical({"id": "1"}),), ("id",)))
    finally:
        opened.close()


CODES = ResultCodes(path="PutResult", pattern=PATTERN, acknowledged=("OK",), refused=("ERR",))


@pytest.mark.parametrize(
    ("text", "reference"),
    [("OK", ""), ("OK:01GTKT;AA/23E-k1", "01GTKT;AA/23E-k1"), ("OK: 5 |đã nhận", "5"), ("OK:1\n2", "1\n2")],
)
def test_a_result_is_taken_apart_by_its_pattern(told: Any, text: str, reference: str) -> None:
    """The code decides, the number goes into the receipt; equality with a list was all there was."""
    answered(told, f"<PutResult>{text}</PutResult>")
    answer = deliver(told, CODES)
    assert answer.acknowledged == 1
    assert answer.receipts[0].status == "OK"
    assert answer.receipts[0].reference == reference


def test_a_refusal_by_pattern_carries_the_agencys_words(told: Any) -> None:
    answered(told, "<PutResult>ERR:13|Hồ sơ đã khóa</PutResult>")
    answer = deliver(told, CODES)
    assert answer.refused[0].vi == "Hồ sơ đã khóa"
    assert answer.refused[0].rule == "target.ERR"


@pytest.mark.parametrize("text", ["", "OKAY", "ok", "FAIL:1", "OK:1 ERR", "x" * 20_000])
def test_a_result_that_does_not_match_is_no_yes(told: Any, text: str) -> None:
    """The pattern is that of the whole text: anything else leaves the delivery unknown."""
    answered(told, f"<PutResult>{text}</PutResult>")
    if text == "OK:1 ERR":
        assert deliver(told, CODES).receipts[0].reference == "1 ERR"
        return
    with pytest.raises(OutcomeUnknown, match="no result code that the pattern finds"):
        deliver(told, CODES)


@pytest.mark.parametrize("pattern", ["(", "OK:(.*)", "(?P<ma>OK)"])
def test_a_pattern_that_cannot_work_is_refused_when_it_is_made(pattern: str) -> None:
    with pytest.raises(Misconfigured, match="pattern"):
        ResultCodes(path="x", pattern=pattern, acknowledged=("OK",))


def test_a_plain_text_answer_is_named(told: Any) -> None:
    """An answer that is nothing but a text is at ``_text``."""
    told.envelope('<PutResponse xmlns="urn:t">OK:7</PutResponse>')
    codes = ResultCodes(path="_text", pattern=PATTERN, acknowledged=("OK",))
    assert deliver(told, codes).receipts[0].reference == "7"


# --- documents inside strings --------------------------------------------------------------------

XML = "<KetQua><Ma>00</Ma><So>5</So></KetQua>"
FORMS = {
    "xml, escaped": escape(XML),
    "xml, cdata": f"<![CDATA[{XML}]]>",
    "xml of .NET": escape('<?xml version="1.0" encoding="utf-16"?>\r\n' + XML),
    "xml, blanks": f"<![CDATA[\r\n  {XML}\r\n]]>",
    "xml of a namespace": escape(XML.replace("<KetQua>", '<KetQua xmlns="urn:k">')),
    "json": escape('{"Ma": "00", "So": 5}'),
    "json, blanks": escape(' \ufeff{"Ma": "00", "So": 5}'.replace("\ufeff", "")),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_document_inside_a_result_is_unpacked(told: Any, form: str) -> None:
    """For deliveries, status queries and look-ups: it was an unknown outcome each time."""
    answered(told, f"<PutResult>{FORMS[form]}</PutResult>")
    codes = ResultCodes(path="PutResult.Ma", acknowledged=("00",))
    answer = deliver(told, codes, unpack=("PutResult",), reference="PutResult.So")
    assert (answer.acknowledged, answer.receipts[0].reference) == (1, "5")
    opened = target(
        told, codes, unpack=("PutResult",), status=StatusQuery(operation="Ask", request={"id": "$key"})
    )
    assert opened.lookup(Batch("ab" * 32, (canonical({"id": "1"}),), ("id",))).acknowledged == 1
    opened.close()
    settings = SoapLookup(
        operation="Ask",
        namespace="urn:t",
        request={},
        result=codes,
        unpack=("PutResult",),
        answer_element="PutResult",
    )
    lookup = settings.open_lookup(told.connection(), Context())
    found = lookup.ask(Question("1" * 32, {}, "cb", "tt", "md"))
    lookup.close()
    assert found == {"Ma": "00", "So": 5 if "json" in form else "5"}


@pytest.mark.parametrize(
    "text",
    [
        "<KetQua><Ma>00</Ma>", '{"Ma": "00"', '{"Ma": "00", "Ma": "01"}', "NaN", "khong phai", "[" * 100_000,
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a/><b/>" + "<", "<a>&#0;</a>",
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_read_is_no_yes(told: Any, text: str) -> None:
    answered(told, f"<PutResult>{escape(text)}</PutResult>")
    with pytest.raises(OutcomeUnknown):
        deliver(told, ResultCodes(path="PutResult.Ma", acknowledged=("00",)), unpack=("PutResult",))


def read(told: Any, **options: Any) -> list[Any]:
    settings = SoapSource(operation="Get", namespace="urn:t", request={}, **options)
    source = settings.open_source(told.connection(), Context())
    try:
        return [one for page in source.read(ReadRequest()) for one in [*page.records, *page.malformed]]
    finally:
        source.close()


ROWS = "<NewDataSet><Table><Id>1</Id><Ten>A &amp; B</Ten></Table><Table><Id>2</Id></Table></NewDataSet>"


@pytest.mark.parametrize("text", [escape(ROWS), f"<![CDATA[{ROWS}]]>"], ids=["escaped", "cdata"])
def test_records_inside_an_xml_text(told: Any, text: str) -> None:
    """A DataSet as text, the commonest habit of asmx services."""
    answered(told, f"<PutResult>{text}</PutResult><Ma>00</Ma>")
    found = read(
        told,
        record_element="Table",
        unpack=("PutResult",),
        result=ResultCodes(path="Ma", acknowledged=("00",)),
    )
    assert found == [{"Id": "1", "Ten": "A & B"}, {"Id": "2"}]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([{"id": 1, "le_phi": "L"}, {"id": 2}], "khong-can"),
        ({"data": {"rows": [{"id": 1, "le_phi": "L"}, {"id": 2}]}}, "data.rows"),
    ],
)
def test_records_inside_a_json_text(told: Any, value: Any, path: str) -> None:
    """A list, or one at a path; decimals stay as they were written, as they do in XML."""
    text = json.dumps(value).replace('"L"', "10.50")
    answered(told, f"<PutResult>{escape(text)}</PutResult>")
    assert read(told, record_element=path, unpack=("PutResult",)) == [{"id": 1, "le_phi": "10.50"}, {"id": 2}]


@pytest.mark.parametrize(
    ("inner", "path"),
    [
        ("<Khac>x</Khac>", "rows"),
        ('<PutResult>{"data": []}</PutResult>', "rows"),
        ("<PutResult>x</PutResult>", "rows"),
    ],
)
def test_records_that_are_not_where_they_should_be_are_an_error(told: Any, inner: str, path: str) -> None:
    """A path that leads nowhere is not an empty service."""
    answered(told, inner)
    with pytest.raises(ProtocolViolation) as caught:
        read(told, record_element=path, unpack=("PutResult",))
    assert caught.value.details["reason"] == "unpack"


def test_empty_lists_are_empty(told: Any) -> None:
    answered(told, '<PutResult>{"rows": []}</PutResult>')
    assert read(told, record_element="rows", unpack=("PutResult",)) == []
    answered(told, f"<PutResult>{escape('<NewDataSet/>')}</PutResult>")
    assert read(told, record_element="Table", unpack=("PutResult",)) == []


def test_a_fault_beside_unpacking_is_a_fault(told: Any) -> None:
    told.status = 500
    told.envelope("<s:Fault><faultcode>s:Client</faultcode></s:Fault>")
    codes = ResultCodes(path="PutResult.Ma", acknowledged=("00",))
    assert deliver(told, codes, unpack=("PutResult",)).refused[0].rule == "target.Client"
    settings = SoapLookup(operation="Ask", namespace="urn:t", unpack=("PutResult",))
    opened = settings.open_lookup(told.connection(), Context())
    with pytest.raises(Refused):
        opened.ask(Question("1", {}, "cb", "tt", "md"))
    opened.close()


def test_embedded_xml_becomes_the_record(told: Any) -> None:
    """`embedded` knew JSON only; what cannot be read sets the record aside, not the rest."""
    bodies = [
        escape("<CongDan><So>1</So></CongDan>"),
        '{"So": "2"}',
        "<![CDATA[<a>]]>",
        escape("<a>text</a>"),
    ]
    told.envelope("<r>" + "".join(f"<item><k>x</k><Body>{one}</Body></item>" for one in bodies) + "</r>")
    first, second, *bad = read(told, record_element="item", embedded="Body")
    assert (first, second) == ({"k": "x", "So": "1"}, {"k": "x", "So": "2"})
    assert [one.reason.rule for one in bad] == ["source.embedded-json"] * 2
