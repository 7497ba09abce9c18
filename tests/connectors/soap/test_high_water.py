"""The largest value of a numeric cursor, asked for before the records."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from lienthong.connector import Connection, Context, Page, ReadRequest
from lienthong.errors import LienThongError, Misconfigured, ProtocolViolation, RequestRejected, Unavailable
from lienthong.testing import SourceConformance
from lienthong_connectors.soap import HighWater, ResultCodes, SoapSource

LIST = SoapSource(
    operation="get",
    namespace="urn:t",
    record_element="item",
    request={"since": "$since"},
    incremental=True,
    chunk=2,
    high_water=HighWater(operation="newest", value="version", request={"of": "item"}),
)
NEWEST = replace(
    LIST, high_water=HighWater(request={"order": "desc", "size": "1"}, value="item.0.version"), lists=()
)
FAULT = "<s:Fault><faultcode>s:{}</faultcode><faultstring>x</faultstring></s:Fault>"


def read(told: Any, settings: SoapSource, request: ReadRequest | None = None) -> list[Page]:
    opened = settings.open_source(told.connection(), Context())
    try:
        return list(opened.read(request or ReadRequest(since="3", kind="number", value=3)))
    finally:
        opened.close()


def served(told: Any, tools: Any, high: str, *, status: int = 200) -> None:
    """Answer the question for the largest value with ``high``, every other one with three records."""
    rows = "".join(f"<item><id>{n}</id><version>{n}</version></item>" for n in (4, 5, 6))

    def act(handler: Any) -> None:
        body = told.requests[-1][2].decode()
        asked = "newest" in body or "desc" in body
        answer = tools.envelope(high if asked else f"<got>{rows}</got>")
        handler.send_response(status if asked else 200)
        handler.send_header("Content-Type", "text/xml")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    told.act = act


@pytest.mark.parametrize(
    ("settings", "high"),
    [
        (LIST, "<n><version>6</version></n>"),
        (NEWEST, "<got><item><id>6</id><version>6</version></item></got>"),
        (replace(NEWEST, lists=("item",)), "<got><item><id>6</id><version> 6 </version></item></got>"),
        (replace(LIST, bulk=False), "<n><version>6</version></n>"),
    ],
)
def test_it_is_asked_first_and_once_and_comes_with_the_first_page(
    told: Any, tools: Any, settings: SoapSource, high: str
) -> None:
    served(told, tools, high)
    pages = read(told, settings)
    assert [record["id"] for page in pages for record in page.records] == ["4", "5", "6"]
    assert [page.stand.high for page in pages if page.stand] == ["6"] and pages[0].stand is not None
    bodies = [body.decode() for _, _, body in told.requests]
    assert ["since" in body for body in bodies] == [False, True]
    told.requests.clear()
    rest = read(told, settings, ReadRequest(since="3", position=pages[0].position))
    assert not any(page.stand for page in rest) and len(told.requests) == 1


@pytest.mark.parametrize(
    ("settings", "high", "value"),
    [
        (LIST, "<n><version>9007199254740993</version></n>", "9007199254740993"),
        (LIST, "<n><version>1</version></n>", "1"),
        (LIST, "<n><version/></n>", None),
        (NEWEST, "<got/>", None),
    ],
)
def test_what_can_be_believed_is_told(
    told: Any, tools: Any, settings: SoapSource, high: str, value: str | None
) -> None:
    """Of any size, exactly; nothing where the service has no record yet."""
    served(told, tools, high)
    stand = read(told, settings)[0].stand
    assert stand is not None and stand.high == value


@pytest.mark.parametrize(
    ("high", "status", "error"),
    [
        ("<n><other>6</other></n>", 200, ProtocolViolation),
        ("<n><version><a>6</a></version></n>", 200, ProtocolViolation),
        ("<n><version>6</version><version>7</version></n>", 200, ProtocolViolation),
        (FAULT.format("Client"), 500, RequestRejected),
        (FAULT.format("Server"), 500, Unavailable),
    ],
)
def test_what_cannot_be_believed_stops_the_read_before_the_records(
    told: Any, tools: Any, high: str, status: int, error: type[LienThongError]
) -> None:
    """Nothing there, no scalar, several values, a fault."""
    served(told, tools, high, status=status)
    with pytest.raises(error):
        read(told, LIST)
    assert len(told.requests) == 1


def test_a_result_code_beside_it_is_judged(told: Any, tools: Any) -> None:
    """Its own, or the source's where the operation is the source's."""
    codes = ResultCodes(path="code", acknowledged=("00",), transient=("20",))
    asked = HighWater(operation="newest", value="version", result=codes)
    served(told, tools, "<n><code>20</code><version>6</version></n>")
    with pytest.raises(LienThongError, match="code 20"):
        read(told, replace(LIST, high_water=asked))
    served(told, tools, "<n><code>20</code><item><version>6</version></item></n>")
    with pytest.raises(LienThongError, match="code 20"):
        read(told, replace(NEWEST, result=codes))


def test_settings_that_ask_for_nothing_are_refused() -> None:
    with pytest.raises((Misconfigured, LienThongError), match="high_water"):
        replace(LIST, high_water=HighWater(value="version"))


class TestVersionedRecords(SourceConformance):
    """Records with a version number, of which an operation of its own tells the largest."""

    page_bound = 4

    def cursor_of(self, record: dict[str, Any]) -> int:
        return int(record["version"])

    @pytest.fixture
    def settings(self) -> SoapSource:
        return replace(LIST, chunk=4, since_default="0")

    @pytest.fixture
    def connection(self, told: Any) -> Connection:
        found: Connection = told.connection()
        return found

    @pytest.fixture
    def expected(self, told: Any, tools: Any) -> list[dict[str, Any]]:
        rows = [{"id": str(n), "version": str(8 + n * 7 % 15)} for n in range(1, 15)]

        def act(handler: Any) -> None:
            body = told.requests[-1][2].decode()
            since = re.findall(r"since>(\d+)<", body)
            newer = [row for row in rows if not since or int(row["version"]) > int(since[0])]
            items = "".join(
                f"<item><id>{r['id']}</id><version>{r['version']}</version></item>" for r in newer
            )
            largest = max((row["version"] for row in rows), key=int)
            answer = tools.envelope(
                f"<got>{items}</got>" if since else f"<n><version>{largest}</version></n>"
            )
            handler.send_response(200)
            handler.send_header("Content-Type", "text/xml")
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)

        told.act = act
        return rows
