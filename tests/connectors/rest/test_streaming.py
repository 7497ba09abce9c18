"""Answers of any length: handed on while they arrive, resumed inside, never shorter than they are."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from lienthong.connector import ReadRequest
from lienthong.errors import InvalidExchange, LienThongError, ProtocolViolation, RequestRejected, Unavailable
from lienthong_connectors.rest import (
    CursorPaging,
    Envelope,
    HttpSignature,
    KeysetPaging,
    LinkHeaderPaging,
    NextLinkPaging,
    OffsetPaging,
    PagePaging,
    RestSource,
    TimeWindows,
)

ROWS = [{"id": n, "ten": "Nguyễn Văn A " * 10} for n in range(3000)]
WRAPPED = RestSource(path="rows", stream=True, records="r.data", envelope=Envelope(code_path="code"))


def lines(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def xml(rows: list[Any], **around: Any) -> bytes:
    inside = "".join(f"<Dong><id>{row['id']}</id></Dong>" for row in rows)
    rest = "".join(f"<{name}>{value}</{name}>" for name, value in around.items())
    return f"<KQ>{rest}<DS>{inside}</DS></KQ>".encode()


def served(agency: Any, body: bytes, kind: str = "application/json", **headers: str) -> None:
    agency.default = agency.response(raw=body, headers={"Content-Type": kind, **headers})


def test_records_are_handed_on_in_pieces_before_the_answer_ends(agency: Any) -> None:
    """The second half is sent only after the first was read."""
    body = json.dumps({"code": 0, "r": {"data": ROWS}, "n": 1}, ensure_ascii=False).encode()
    seen = threading.Event()

    def answer(asked: Any, connection: socket.socket) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[: len(body) // 2])
        assert seen.wait(60)
        connection.sendall(body[len(body) // 2 :])

    agency.default = answer
    pages = agency.source(WRAPPED).read(ReadRequest())
    first = next(pages)
    assert first.records
    seen.set()
    rest = list(pages)
    assert [record for page in [first, *rest] for record in page.records] == ROWS
    assert len(rest) > 4


@pytest.mark.parametrize(
    ("settings", "body", "kind"),
    [
        (RestSource(path="r", format="ndjson"), lines(ROWS), "application/x-ndjson"),
        (RestSource(path="r", format="ndjson", stream=True), lines(ROWS), "application/jsonl; charset=utf-8"),
        (RestSource(path="r", format="xml", records="KQ.DS.Dong"), xml(ROWS), "text/xml"),
        (RestSource(path="r", format="xml", records="Dong", stream=True), xml(ROWS), "application/x+xml"),
    ],
)  # fmt: skip
def test_lines_and_xml_are_read_whole_or_in_pieces(
    agency: Any, settings: RestSource, body: bytes, kind: str
) -> None:
    served(agency, body, kind)
    assert list(map(int, agency.ids(agency.read(settings)))) == list(range(3000))
    assert kind.partition(";")[0] in agency.asked[0].headers["accept"] or "+xml" in kind


def test_pages_of_xml_are_led_by_values_around_the_records(agency: Any) -> None:
    """Total, cursor and code come from the frame."""

    def answer(asked: Any) -> bytes:
        start = int(asked.query.get("c", "0"))
        more = {"Tiep": start + 4} if start + 4 < 10 else {}
        body = xml(ROWS[start : min(start + 4, 10)], Ma="00", **more)
        return bytes(agency.response(raw=body, headers={"Content-Type": "text/xml"}))

    agency.default = answer
    settings = RestSource(
        path="r",
        format="xml",
        records="KQ.Dong",
        envelope=Envelope(code_path="Ma"),
        paging=CursorPaging(cursor_path="Tiep", cursor_param="c"),
    )
    assert agency.ids(agency.read(settings)) == [str(n) for n in range(10)]
    agency.default = agency.response(
        raw=b"<KQ><Ma>99</Ma><ThongBao>x</ThongBao></KQ>", headers={"Content-Type": "text/xml"}
    )
    with pytest.raises(RequestRejected):
        agency.read(settings)


def test_bad_lines_go_to_quarantine_and_the_run_goes_on(agency: Any) -> None:
    served(agency, b'{"id":1}\n{"id":\n7\n{"id":2}\n', "application/x-ndjson")
    (page,) = agency.read(RestSource(path="r", format="ndjson"))
    assert [record["id"] for record in page.records] == [1, 2]
    assert [(m.data, m.reason.rule) for m in page.malformed] == [
        (b'{"id":', "page.not-json"),
        (b"7", "page.not-an-object"),
    ]


def test_lines_of_unknown_number_are_refused(agency: Any) -> None:
    """Without a length a connection that was cut between two lines looks like the end."""

    def answer(asked: Any, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n" + lines(ROWS))

    agency.default = answer
    for stream in (False, True):
        with pytest.raises(ProtocolViolation, match="cut ones"):
            agency.read(RestSource(path="r", format="ndjson", stream=stream))


@pytest.mark.parametrize("left", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("form", ["json", "ndjson", "xml"])
def test_a_cut_answer_is_an_error_and_never_a_short_list(
    agency: Any, form: str, announced: bool, left: float
) -> None:
    bodies = {"json": json.dumps(ROWS).encode(), "ndjson": lines(ROWS), "xml": xml(ROWS)}
    kinds = {"json": "application/json", "ndjson": "application/x-ndjson", "xml": "text/xml"}
    body = bodies[form]

    def answer(asked: Any, connection: socket.socket) -> None:
        length = f"Content-Length: {len(body)}\r\n" if announced else ""
        head = f"HTTP/1.{int(announced)} 200 OK\r\nContent-Type: {kinds[form]}\r\n{length}\r\n"
        connection.sendall(head.encode() + body[: int(len(body) * left)])

    agency.default = answer
    settings = RestSource(path="r", format=form, stream=True, records="Dong" if form == "xml" else "")  # type: ignore[arg-type]
    with pytest.raises(Unavailable if announced else ProtocolViolation):
        agency.read(settings)


@pytest.mark.parametrize(
    ("body", "records_read"),
    [
        ({"code": "99", "message": "x", "r": {"data": ROWS}}, 0),
        ({"r": {"data": ROWS}, "code": "99", "message": "x"}, 3000),
        ({"code": "99", "message": "x"}, 0),
        ({"code": "99", "message": "x", "r": None}, 0),
    ],
)
def test_an_envelope_is_judged_on_both_sides_of_the_list(
    agency: Any, body: dict[str, Any], records_read: int
) -> None:
    """In front of it before the first record, behind it before the run can go on."""
    served(agency, json.dumps(body).encode())
    pages = agency.source(WRAPPED).read(ReadRequest())
    read: list[Any] = []
    with pytest.raises(RequestRejected):
        read.extend(record for page in pages for record in page.records)
    assert len(read) <= records_read
    assert bool(read) == bool(records_read)


def test_an_answer_without_the_code_is_a_violation_at_its_end(agency: Any) -> None:
    served(agency, json.dumps({"r": {"data": ROWS}}).encode())
    with pytest.raises(ProtocolViolation, match="has no 'code'"):
        agency.read(WRAPPED)


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":0,"r":{"data":[{"id":1}],"data":[]}}',
        b'{"code":0,"code":99,"r":{"data":[]}}',
        b'{"code":0,"r":{"data":{}}}',
        b'{"code":0}',
    ],
)
def test_a_streamed_answer_is_read_as_strictly_as_a_whole_one(agency: Any, body: bytes) -> None:
    served(agency, body)
    for stream in (False, True):
        settings = RestSource(path="r", stream=stream, records="r.data", envelope=Envelope(code_path="code"))
        with pytest.raises(ProtocolViolation):
            agency.read(settings)


def test_a_record_that_is_too_large_is_set_aside_alone(agency: Any) -> None:
    served(agency, json.dumps([{"id": 1, "x": "y" * 3_000_000}, {"id": 2}]).encode())
    pages = agency.read(RestSource(path="r", stream=True, max_record_bytes=1 << 20))
    assert agency.ids(pages) == [2]
    (piece,) = (piece for page in pages for piece in page.malformed)
    assert piece.reason.rule == "page.too-large" and len(piece.data) < 100_000
    assert len(agency.ids(agency.read(RestSource(path="r", stream=True)))) == 2


@pytest.mark.parametrize("stop", [1, 2, 5])
@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_an_interrupted_read_goes_on_inside_the_answer(agency: Any, form: Any, stop: int) -> None:
    """It asks again and passes over what it had, malformed pieces counted."""
    rows = [None if n % 100 == 7 else row for n, row in enumerate(ROWS)]
    served(
        agency,
        json.dumps(rows).encode() if form == "json" else lines(rows),
        "application/json" if form == "json" else "application/x-ndjson",
    )
    settings = RestSource(path="r", format=form, stream=True)
    pages = agency.source(settings).read(ReadRequest())
    first = [next(pages) for _ in range(stop)]
    pages.close()
    position = json.loads(json.dumps(first[-1].position))
    rest = agency.read(settings, ReadRequest(position=position))
    assert agency.ids([*first, *rest]) == [row["id"] for row in rows if row]
    assert sum(len(page.malformed) for page in [*first, *rest]) == 30


@pytest.mark.parametrize("change", [lambda rows: rows[1:], lambda rows: rows[:100], lambda rows: []])
def test_an_answer_that_changed_in_between_is_not_gone_on_with(agency: Any, change: Any) -> None:
    served(agency, json.dumps(ROWS).encode())
    settings = RestSource(path="r", stream=True)
    pages = agency.source(settings).read(ReadRequest())
    position = [next(pages), next(pages)][-1].position
    pages.close()
    served(agency, json.dumps(change(ROWS)).encode())
    with pytest.raises(ProtocolViolation, match="not the one that was read before"):
        agency.read(settings, ReadRequest(position=position))


@pytest.mark.parametrize("limit", [0, 1, 700, 2999, 3000, 9000])
def test_a_limit_ends_the_reading_and_its_position_goes_on_behind_it(agency: Any, limit: int) -> None:
    served(agency, json.dumps(ROWS).encode())
    settings = RestSource(path="r", stream=True)
    pages = agency.read(settings, ReadRequest(limit=limit))
    assert agency.ids(pages) == list(range(min(limit, 3000)))
    if pages:
        rest = agency.read(settings, ReadRequest(position=json.loads(json.dumps(pages[-1].position))))
        assert agency.ids(rest) == list(range(3000))[limit:]


PAGINGS: dict[str, Any] = {
    "page": PagePaging(size=1000, total_path="total"),
    "offset": OffsetPaging(size=1000, total_path="total"),
    "cursor": CursorPaging(cursor_path="next", cursor_param="offset"),
    "cursor-header": CursorPaging(cursor_header="X-Next", cursor_param="offset"),
    "link-header": LinkHeaderPaging(),
    "next-link": NextLinkPaging(path="url"),
    "keyset": KeysetPaging(key="id", key_param="after", unique=True, size=1000),
    "windows": TimeWindows(
        from_param="a", to_param="b", start="2025-08-20", form="%Y%m%d", paging=OffsetPaging(size=1000)
    ),
}


def all_pagings(agency: Any, *, seen: list[str]) -> None:
    """One list for every kind of paging, with an ETag for each page."""

    def answer(asked: Any) -> bytes:
        query = asked.query
        start = int(query.get("offset", int(query.get("after", "-1")) + 1))
        start = (int(query["page"]) - 1) * 1000 if "page" in query else start
        etag = f'"{start}"'
        if asked.headers.get("if-none-match") == etag:
            seen.append(etag)
            return bytes(agency.response(status=304, raw=b"", headers={"Content-Length": ""}))
        following = start + 1000 if start + 1000 < 3000 else ""
        link = f"</api/rows?offset={following}>; rel=next" if following else ""
        body = {"total": 3000, "next": following, "data": ROWS[start : start + 1000]}
        body["url"] = f"/api/rows?offset={following}" if following else None
        headers = {"X-Next": str(following), "Link": link, "ETag": etag}
        return bytes(agency.response(body, headers=headers))

    agency.default = answer


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", PAGINGS)
def test_every_paging_reads_every_record_and_skips_pages_that_did_not_change(
    agency: Any, kind: str, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run asks with the validators of the first: 304 for each page, and nothing to read."""
    from datetime import UTC, datetime

    fixed = datetime(2025, 8, 20, 5, tzinfo=UTC)
    monkeypatch.setattr("lienthong_connectors.rest.paging_windows.now", lambda: fixed)
    skipped: list[str] = []
    all_pagings(agency, seen=skipped)
    settings = RestSource(path="rows", records="data", paging=PAGINGS[kind], stream=stream, prefetch=1)
    pages = agency.read(settings)
    assert agency.ids(pages) == list(range(3000))
    assert not any("total" in page.notes for page in pages)
    validators = json.loads(json.dumps({k: v for page in pages for k, v in page.validators.items()}))
    again = agency.read(settings, ReadRequest(validators=validators))
    assert agency.ids(again) == []
    assert all(page.notes["not_modified"] for page in again)
    assert skipped[:3] == ['"0"', '"1000"', '"2000"']


def test_a_page_that_repeats_cannot_be_dropped_from_a_stream(agency: Any) -> None:
    served(agency, json.dumps({"d": ROWS, "n": "x"}).encode())
    paging = CursorPaging(cursor_path="n", cursor_param="c")
    with pytest.raises(ProtocolViolation, match="does not come to an end"):
        agency.read(RestSource(path="r", records="d", paging=paging, stream=True))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"signature": HttpSignature(verify=True)}, "stream"),
        ({"paging": KeysetPaging(key="id", key_param="a")}, "stream"),
        ({"format": "csv"}, "format"),
        ({"format": "xml"}, "records"),
        ({"format": "ndjson", "records": "data"}, "records"),
        ({"lists": ("a",)}, "lists"),
        ({"max_record_bytes": 1}, "max_record_bytes"),
        ({"max_answer_bytes": 1 << 41}, "max_answer_bytes"),
        ({"max_pages": 0}, "max_pages"),
        ({"prefetch_bytes": 0}, "prefetch_bytes"),
    ],
)
def test_settings_that_cannot_be_streamed_are_refused(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidExchange, match=field):
        RestSource(path="r", stream=True, **wrong)


def test_a_refusal_is_read_whole(agency: Any) -> None:
    agency.default = agency.response({"message": "sai tham số", "code": "E1"}, status=400)
    with pytest.raises(RequestRejected, match="sai tham số"):
        agency.read(WRAPPED)
    agency.default = agency.response(ROWS, headers={"Content-Type": "text/html"})
    with pytest.raises(LienThongError, match="text/html"):
        agency.read(WRAPPED)


READER = """
import sys, time, json
from lienthong.connector import Connection, Context, ReadRequest
from lienthong_connectors.rest import Envelope, RestSource
settings = RestSource(path="rows", records="r.data", envelope=Envelope(code_path="code"), stream=True,
                      max_answer_bytes=2 << 30)
source = settings.open_source(Connection("c", "lienthong_rest", sys.argv[1]), Context(log=lambda line: None))
began, count, malformed = time.perf_counter(), 0, 0
for page in source.read(ReadRequest()):
    count, malformed = count + len(page.records), malformed + len(page.malformed)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([count, malformed, int(peak) / 1024, time.perf_counter() - began]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_an_array_of_a_gigabyte_is_read_in_less_than_a_hundred_megabytes(agency: Any) -> None:
    """Every record of it, in the memory of a whole process with the connector's libraries."""
    row = {"id": "H21.129-250812-0001", "ten": "Nguyễn Văn A", "kids": [{"id": 1}, {"id": 2}]}
    row |= {f"field_{n}": f"value {n} of a record " * 2 for n in range(18)}
    block = b",".join([json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()] * 1000)
    blocks = -(-(1 << 30) // len(block))
    size = blocks * (len(block) + 1) - 1

    def answer(asked: Any, connection: socket.socket) -> None:
        head, tail = b'{"code":0,"r":{"data":[', b'],"total":1}}'
        length = len(head) + size + len(tail)
        start = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(start.encode() + head + block)
        for _ in range(blocks - 1):
            connection.sendall(b",")
            connection.sendall(block)
        connection.sendall(tail)

    agency.default = answer
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", READER, f"http://127.0.0.1:{agency.port}/api"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    count, malformed, peak, seconds = json.loads(done.stdout)
    assert (count, malformed) == (blocks * 1000, 0)
    assert peak < 100, f"{peak:.0f} MB at {size / 1e6 / seconds:.0f} MB/s"
