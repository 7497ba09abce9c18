"""Attachments over REST: into the store and out of it, as streams, with what does not fit told."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from email import message_from_bytes
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from lienthong.attachment import Attachment
from lienthong.connector import Context, ReadRequest
from lienthong.errors import InvalidExchange, Misconfigured, ProtocolViolation, SegmentTampered, Unavailable
from lienthong.staging import BlobStore
from lienthong_connectors.rest import Attachments, Detail, HttpSignature, RestSource, RestTarget

FILE = bytes(range(256)) * 1000
LINKS = Attachments(members=("scan", "papers[].file"))
DIGEST = sha256(FILE).hexdigest()
REFERENCE = {"digest": DIGEST, "size": len(FILE), "media_type": "application/pdf"}


class Pieces:
    """A store that tells the largest piece that went in or out."""

    def __init__(self, store: BlobStore) -> None:
        self.store, self.largest, self.written = store, 0, 0

    def write(self, chunks: Iterable[bytes], *, media_type: str) -> Attachment:
        self.written += 1
        return self.store.write(self._noted(chunks), media_type=media_type)

    def open(self, reference: Attachment) -> Iterator[bytes]:
        return self._noted(self.store.open(reference))

    def _noted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.largest = max(self.largest, len(chunk))
            yield chunk


@pytest.fixture
def store(tmp_path: Path) -> Pieces:
    return Pieces(BlobStore.open_at(str(tmp_path)))


def context(agency: Any, store: Any) -> Context:
    return replace(agency.context(), attachments=store)


def read(agency: Any, store: Any, attachments: Attachments, **settings: Any) -> Any:
    source = RestSource(path="list", records="rows", attachments=attachments, **settings)
    opened = source.open_source(agency.connection(), context(agency, store))
    agency.opened.append(opened)
    (page,) = opened.read(ReadRequest())
    return page


def serve(agency: Any, rows: list[Any], files: dict[str, Any]) -> None:
    def answer(asked: Any) -> Any:
        found = files.get(asked.path)
        if asked.path == "/api/list":
            return agency.response({"rows": rows})
        if found is None:
            return agency.response({}, status=404)
        if callable(found):
            return found(asked)
        if isinstance(found, int):
            return agency.response({}, status=found)
        return agency.response(raw=found, headers={"Content-Type": "application/pdf"})

    agency.default = answer


def test_links_become_references_and_files_are_in_the_store(agency: Any, store: Pieces) -> None:
    """Absolute, relative, inside lists; a record without one stays as it is."""
    rows = [
        {"id": 1, "scan": "files/a", "papers": [{"file": "/api/files/a"}, {"name": "none"}]},
        {"id": 2, "scan": None, "papers": []},
        {"id": 3},
    ]
    serve(agency, rows, {"/api/files/a": FILE})
    page = read(agency, store, LINKS)
    assert page.records == [
        {"id": 1, "scan": REFERENCE, "papers": [{"file": REFERENCE}, {"name": "none"}]},
        {"id": 2, "scan": None, "papers": []},
        {"id": 3},
    ]
    assert b"".join(store.open(Attachment.from_dict(REFERENCE))) == FILE
    assert store.largest <= 1 << 18  # never whole


def cut_then_rest(agency: Any, cuts: list[int], **headers: str) -> Any:
    """Give a file in pieces that are cut, each asked for by Range."""

    def answer(asked: Any) -> Any:
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", "bytes=0-")).group(1))
        part = FILE[begin:]
        given = {"Content-Type": "application/pdf", "ETag": '"v1"', "Content-Length": str(len(part))}
        if begin:
            given["Content-Range"] = f"bytes {begin}-{len(FILE) - 1}/{len(FILE)}"
        given |= headers
        whole = agency.response(raw=part, status=206 if begin else 200, headers=given)
        if not cuts:
            return whole
        size = whole.index(b"\r\n\r\n") + 4 + cuts.pop(0)

        def send(_asked: Any, connection: Any) -> None:
            connection.sendall(whole[:size])

        return send

    return answer


def test_a_file_that_is_cut_goes_on_where_it_ended(agency: Any, store: Pieces) -> None:
    """By Range with the validator, in no content coding; digest and size are those of the whole."""
    serve(agency, [{"scan": "f"}], {"/api/f": cut_then_rest(agency, [100_000, 50_000])})
    assert read(agency, store, LINKS).records == [{"scan": REFERENCE}]
    asked = [one for one in agency.asked if one.path == "/api/f"]
    assert [one.headers.get("range") for one in asked] == [None, "bytes=100000-", "bytes=150000-"]
    assert [one.headers.get("if-range") for one in asked] == [None, '"v1"', '"v1"']
    assert {one.headers["accept-encoding"] for one in asked} == {"identity"}


@pytest.mark.parametrize(
    ("headers", "requests"),
    [({"ETag": ""}, 1), ({"ETag": 'W/"v1"'}, 1), ({"Content-Range": "bytes 0-9/10"}, 2)],
)
def test_a_file_that_cannot_go_on_is_asked_for_anew_by_the_next_try(
    agency: Any, store: Pieces, headers: dict[str, str], requests: int
) -> None:
    """Without a strong validator, or where another part comes, two versions could be put together."""
    serve(agency, [{"scan": "f"}], {"/api/f": cut_then_rest(agency, [100_000], **headers)})
    with pytest.raises(Unavailable):
        read(agency, store, LINKS)
    assert len([one for one in agency.asked if one.path == "/api/f"]) == requests


def test_a_service_that_ignores_ranges_changes_nothing(agency: Any, store: Pieces) -> None:
    """200 in place of 206: the file may be another one now."""
    answer = cut_then_rest(agency, [100_000])
    whole = agency.response(raw=FILE, headers={"Content-Type": "application/pdf", "ETag": '"v2"'})
    serve(
        agency,
        [{"scan": "f"}],
        {"/api/f": lambda asked: whole if "range" in asked.headers else answer(asked)},
    )
    with pytest.raises(Unavailable, match="the file changed"):
        read(agency, store, LINKS)


TWICE = {"papers": [{"file": "f"}] * 2}
SET_ASIDE: list[tuple[Attachments, Any, str]] = [
    (LINKS, {"scan": "gone"}, "page.attachment-vanished"),
    (LINKS, {"scan": "bad"}, "page.attachment-rejected"),
    (replace(LINKS, each_bytes=1000), {"scan": "f"}, "page.attachment-size"),
    (replace(LINKS, each_bytes=260_000, all_bytes=300_000), TWICE, "page.attachment-size"),
    (replace(LINKS, types=("image/png",)), {"scan": "f"}, "page.attachment-type"),
    (replace(LINKS, count=1), {"scan": "f", "papers": [{"file": "f"}]}, "page.attachment-count"),
    (LINKS, {"scan": 5}, "page.attachment-form"),
    (Attachments(by="base64", members=("scan",)), {"scan": "%%%"}, "page.attachment-base64"),
    (Attachments(by="base64", members=("scan",)), {"scan": "QUJD="}, "page.attachment-base64"),
    (Attachments(by="base64", members=("scan",)), {"scan": "tệp"}, "page.attachment-base64"),
    (Attachments(by="base64", members=("scan",), each_bytes=2), {"scan": "QUJD"}, "page.attachment-size"),
]  # fmt: skip


@pytest.mark.parametrize(("attachments", "row", "rule"), SET_ASIDE)
def test_a_record_whose_attachment_does_not_fit_is_set_aside_alone(
    agency: Any, store: Pieces, attachments: Attachments, row: Any, rule: str
) -> None:
    """With a reason of its own; the others are read."""
    serve(agency, [row, {"id": 2}], {"/api/f": FILE, "/api/bad": 400})
    page = read(agency, store, attachments)
    assert page.records == [{"id": 2}]
    assert [one.reason.rule for one in page.malformed] == [rule]
    assert json.loads(page.malformed[0].data) == row


def test_a_file_service_that_fails_fails_the_read(agency: Any, store: Pieces) -> None:
    """That is not one record's fault."""
    serve(agency, [{"scan": "f"}], {"/api/f": 503})
    with pytest.raises(Unavailable):
        read(agency, store, LINKS)


@pytest.mark.parametrize(
    "text", ["{}", "data:application/pdf;base64,{}", "data:application/pdf;name=a;base64,{}"]
)
@pytest.mark.parametrize("coding", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
def test_base64_becomes_a_reference(agency: Any, store: Pieces, text: str, coding: Any) -> None:
    """Plain or as a data URL, with line ends or the letters of URLs."""
    said = text.format(coding(FILE).decode())
    serve(agency, [{"scan": said, "kind": "application/pdf; charset=x"}], {})
    attachments = Attachments(by="base64", members=("scan",), media="kind")
    page = read(agency, store, attachments)
    assert page.records[0]["scan"] == REFERENCE
    assert store.largest <= 1 << 16


def test_a_link_to_a_host_that_is_not_listed_is_not_followed(agency: Any, store: Pieces) -> None:
    """Credentials go nowhere else; a host in the connection's ``redirects`` is asked without them."""
    serve(agency, [{"scan": f"http://localhost:{agency.port}/api/f"}], {"/api/f": FILE})
    with pytest.raises(ProtocolViolation, match="another host"):
        read(agency, store, LINKS)
    listed = agency.connection(auth="bearer", token="secret-token", redirects="localhost 127.0.0.0/8 ::1")
    source = RestSource(path="list", records="rows", attachments=LINKS, headers={"X-Ours": "1"})
    opened = source.open_source(listed, context(agency, store))
    agency.opened.append(opened)
    (page,) = opened.read(ReadRequest())
    assert page.records == [{"scan": REFERENCE}]
    assert [one.headers.get("authorization") for one in agency.asked[-2:]] == ["Bearer secret-token", None]


def package(*parts_: tuple[str, bytes], kind: str = "mixed", end: str = "--") -> dict[str, Any]:
    """Return an answer of several parts for `Agency.response`."""
    body = b"".join(b"--b\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n" for head, data in parts_)
    return {
        "raw": body + f"--b{end}\r\n".encode(),
        "headers": {"Content-Type": f"multipart/{kind}; boundary=b"},
    }


def pdf(said: str) -> str:
    return f"Content-Type: application/pdf\r\n{said}"


JSON = "Content-Type: application/json"
FORM = Attachments(by="multipart", members=("scan", "papers[].file"))
NAMED = [
    ("cid:f%401", pdf("Content-ID: <f@1>")),
    ("f@1", pdf("Content-ID: <f@1>")),
    ("one", pdf('Content-Disposition: form-data; name="one"')),
    ("a b.pdf", pdf('Content-Disposition: attachment; filename="a b.pdf"')),
    ("a.pdf", pdf('Content-Disposition: form-data; name="files"; filename="a.pdf"')),
]


@pytest.mark.parametrize(("name", "head"), NAMED)
@pytest.mark.parametrize("first", [True, False])
def test_parts_of_an_answer_become_references(
    agency: Any, store: Pieces, name: str, head: str, first: bool
) -> None:
    """By name, file name or Content-ID, wherever the JSON stands among them; streamed into the store."""
    rows = {"rows": [{"id": 1, "scan": name, "papers": [{"file": name}]}, {"id": 2, "scan": None}]}
    root, file = (JSON, json.dumps(rows).encode()), (head, FILE)
    agency.default = agency.response(**package(*([root, file] if first else [file, root])))
    page = read(agency, store, FORM)
    assert page.records == [
        {"id": 1, "scan": REFERENCE, "papers": [{"file": REFERENCE}]},
        {"id": 2, "scan": None},
    ]
    assert store.largest <= 1 << 17
    assert store.written == 1


def test_a_check_keeps_nothing(agency: Any, store: Pieces) -> None:
    """It reads the first page, and leaves no file behind."""
    rows = json.dumps({"rows": [{"id": 1, "scan": "one"}]}).encode()
    answer = agency.response(**package((JSON, rows), (NAMED[2][1], FILE)))
    agency.default = lambda asked: answer if asked.method == "GET" else agency.response({})
    source = RestSource(path="list", records="rows", attachments=FORM)
    opened = source.open_source(agency.connection(), context(agency, store))
    agency.opened.append(opened)
    findings = opened.check()
    assert all(finding.ok for finding in findings), findings
    assert store.written == 0


def test_parts_of_a_detail_become_references(agency: Any, store: Pieces) -> None:
    """A list that names its items, and each comes as one package."""
    item = package((JSON, b'{"id": 1, "scan": "one"}'), (NAMED[2][1], FILE), kind="form-data")
    answers = {"/api/item/1": agency.response(**item)}
    agency.default = lambda asked: answers.get(asked.path) or agency.response({"rows": [{"id": 1}]})
    page = read(agency, store, FORM, detail=Detail(path="item/{record.id}"))
    assert page.records == [{"id": 1, "scan": REFERENCE}]


@pytest.mark.parametrize(
    ("name", "heads", "rule"),
    [
        ("two", [NAMED[2][1]], "page.attachment-missing"),
        ("one", [NAMED[2][1], NAMED[2][1]], "page.attachment-missing"),
        (5, [NAMED[2][1]], "page.attachment-form"),
    ],
)
def test_a_record_that_names_no_part_is_set_aside(
    agency: Any, store: Pieces, name: Any, heads: list[str], rule: str
) -> None:
    """None of that name, or two of it: nothing is guessed."""
    rows = json.dumps({"rows": [{"id": 1, "scan": name}, {"id": 2}]}).encode()
    agency.default = agency.response(**package((JSON, rows), *((head, FILE) for head in heads)))
    page = read(agency, store, FORM)
    assert page.records == [{"id": 2}]
    assert [one.reason.rule for one in page.malformed] == [rule]


@pytest.mark.parametrize(
    ("settings", "end", "said"),
    [
        ({"each_bytes": 1000}, "--", "larger than 1000"),
        ({"count": 1}, "--", "more than 1 files"),
        ({}, "", "ends"),
    ],
)
def test_a_package_that_is_too_large_or_cut_gives_no_record(
    agency: Any, store: Pieces, settings: dict[str, Any], end: str, said: str
) -> None:
    """No record is handed on whose attachment was cut off."""
    rows = json.dumps({"rows": [{"id": 1, "scan": "one"}]}).encode()
    files = [(NAMED[2][1], FILE), (NAMED[3][1], FILE)]
    agency.default = agency.response(**package((JSON, rows), *files, end=end))
    with pytest.raises(ProtocolViolation, match=said):
        read(agency, store, replace(FORM, **settings))


def test_an_answer_of_one_part_is_read_as_ever(agency: Any, store: Pieces) -> None:
    """A page without files is plain JSON; one of several parts without JSON is said."""
    agency.default = agency.response({"rows": [{"id": 1}]})
    assert read(agency, store, FORM).records == [{"id": 1}]
    agency.default = agency.response(**package((NAMED[2][1], FILE)))
    with pytest.raises(ProtocolViolation, match="no part of the answer is JSON"):
        read(agency, store, FORM)


def target(agency: Any, store: Any, attachments: Attachments, **settings: Any) -> Any:
    made = RestTarget(path="items", mode="single", attachments=attachments, **settings)
    opened = made.open_target(agency.connection(), context(agency, store))
    agency.opened.append(opened)
    return opened


def kept(store: Pieces, data: bytes = FILE, kind: str = "application/pdf") -> dict[str, Any]:
    return store.write(iter([data]), media_type=kind).as_dict()


PARTS = Attachments(by="multipart", members=("scan", "papers[].file"), file_part="file{n}", file_name="name")


def parts_of(asked: Any) -> list[Any]:
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + asked.body)
    assert message.is_multipart()
    return list(message.get_payload())


def test_files_leave_as_parts_beside_the_record(agency: Any, store: Pieces) -> None:
    """multipart/form-data with a length; the record names the parts, a file that stands twice goes once."""
    agency.default = agency.response({"ok": True})
    small = kept(store, b"\r\n--x\r\n", "text/plain")
    record = {
        "id": 1,
        "scan": kept(store),
        "papers": [{"file": small, "name": 'Đơn "1".txt'}, {"file": None}],
    }
    store.largest = 0
    answer = target(agency, store, PARTS).deliver(agency.batch(record, {"id": 2}))
    assert answer.acknowledged == 2
    sent, plain = agency.asked
    assert int(sent.headers["content-length"]) == len(sent.body)
    first, *files = parts_of(sent)
    assert first.get_param("name", header="content-disposition") == "record"
    names = {one.get_param("name", header="content-disposition"): one for one in files}
    told = json.loads(first.get_payload(decode=True))
    assert (told["id"], told["papers"][1]) == (1, {"file": None})
    assert names[told["scan"]].get_payload(decode=True) == FILE
    assert names[told["papers"][0]["file"]].get_payload(decode=True) == b"\r\n--x\r\n"
    assert names[told["scan"]].get_content_type() == "application/pdf"
    assert b'filename="\xc4\x90\xc6\xa1n %221%22.txt"' in sent.body
    (only,) = parts_of(plain)
    assert json.loads(only.get_payload(decode=True)) == {"id": 2}
    assert store.largest <= 1 << 18


def test_files_leave_as_base64_in_the_json(agency: Any, store: Pieces) -> None:
    """In a stream whose length is known beforehand, inside a wrap as well."""
    agency.default = agency.response({"ok": True})
    settings = Attachments(by="base64", members=("scan", "papers[].file"))
    opened = target(agency, store, settings, wrap={"id": "$id", "data": "$record"})
    record = {"id": 1, "scan": kept(store), "papers": [{"file": kept(store, b"ab", "text/plain")}]}
    store.largest = 0
    assert opened.deliver(agency.batch(record)).acknowledged == 1
    (asked,) = agency.asked
    assert int(asked.headers["content-length"]) == len(asked.body)
    data = asked.json()["data"]
    assert base64.b64decode(data["scan"]) == FILE
    assert base64.b64decode(data["papers"][0]["file"]) == b"ab"
    assert store.largest <= 1 << 18


def test_files_are_put_by_link_before_the_record(agency: Any, store: Pieces) -> None:
    """Under their digests, so that putting them again changes nothing; the record holds the addresses."""
    agency.default = agency.response({"ok": True})
    settings = Attachments(members=("scan", "papers[].file"), upload="files/{digest}")
    record = {"id": 1, "scan": kept(store), "papers": [{"file": kept(store)}]}
    assert target(agency, store, settings).deliver(agency.batch(record)).acknowledged == 1
    put, sent = agency.asked
    assert (put.method, put.path, put.body) == ("PUT", f"/api/files/{DIGEST}", FILE)
    assert put.headers["content-type"] == "application/pdf"
    address = f"http://127.0.0.1:{agency.port}/api/files/{DIGEST}"
    assert sent.json() == {"id": 1, "scan": address, "papers": [{"file": address}]}


def test_a_file_that_cannot_be_put_leaves_the_record_untaken(agency: Any, store: Pieces) -> None:
    """Nothing of the record was sent: it is sent later, without a question."""
    agency.default = agency.response({}, status=503)
    settings = Attachments(members=("scan",), upload="files/{digest}")
    with pytest.raises(Unavailable):
        target(agency, store, settings).deliver(agency.batch({"id": 1, "scan": kept(store)}))
    assert {asked.method for asked in agency.asked} == {"PUT"}


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        ({}, {"digest": "x"}),
        ({"count": 1}, None),
        ({"each_bytes": 10}, None),
        ({"types": ("image/png",)}, None),
    ],
)
@pytest.mark.parametrize("by", ["multipart", "base64"])
def test_a_record_whose_attachments_cannot_leave_is_refused_alone(
    agency: Any, store: Pieces, settings: dict[str, Any], value: Any, by: Any
) -> None:
    """Before anything of it is sent; the others are delivered."""
    agency.default = agency.response({"ok": True})
    attachments = Attachments(by=by, members=("scan", "more"), **settings)
    bad = {"id": 1, "scan": value or kept(store), "more": kept(store)}
    answer = target(agency, store, attachments).deliver(agency.batch(bad, {"id": 2}))
    assert {line: reason.rule for line, reason in answer.refused.items()} == {0: "target.attachment"}
    assert answer.acknowledged == 1
    assert len(agency.asked) == 1


def test_a_text_in_the_place_of_an_attachment_travels_as_it_is(agency: Any, store: Pieces) -> None:
    """Base64 that a record holds itself, as SOAP does it."""
    agency.default = agency.response({"ok": True})
    settings = Attachments(by="base64", members=("scan",))
    assert target(agency, store, settings).deliver(agency.batch({"id": 1, "scan": "QUJD"})).acknowledged == 1
    assert agency.asked[0].json() == {"id": 1, "scan": "QUJD"}


def test_a_store_that_was_changed_stops_the_delivery(agency: Any, store: Pieces) -> None:
    """What a reference says and what is kept differ: nothing leaves."""
    lost = {**kept(store), "digest": "0" * 64}
    with pytest.raises(SegmentTampered):
        target(agency, store, PARTS).deliver(agency.batch({"id": 1, "scan": lost}))
    assert not agency.asked


@pytest.mark.parametrize(
    "attachments",
    [
        {"members": ()},
        {"members": ("a..b",)},
        {"members": ("a",), "by": "fax"},
        {"members": ("a",), "upload": "files"},
        {"members": ("a",), "upload": "files/{id}"},
        {"members": ("a",), "by": "base64", "upload": "files/{digest}"},
        {"members": ("a",), "each_bytes": 10, "all_bytes": 5},
        {"members": ("a",), "file_part": 'a"b'},
        {"members": ("a",), "tries": 0},
        {"members": ("a",), "media": "a.b"},
    ],
)
def test_settings_that_contradict_themselves_are_refused(attachments: dict[str, Any]) -> None:
    """As the file is parsed."""
    with pytest.raises(InvalidExchange):
        Attachments(**attachments)


def test_roles_take_only_what_they_can_do(agency: Any) -> None:
    """A source reads links and base64, a target sends one record at a time, nothing streamed is signed."""
    with pytest.raises(InvalidExchange, match=r"attachments\.by"):
        RestSource(path="x", attachments=PARTS, stream=True)
    for settings in (
        {"attachments": PARTS},
        {"attachments": LINKS, "mode": "single"},
        {"attachments": PARTS, "mode": "single", "signature": HttpSignature()},
        {"attachments": PARTS, "mode": "single", "text": "a"},
    ):
        with pytest.raises(InvalidExchange, match="attachments"):
            RestTarget(path="x", **settings)
    with pytest.raises(Misconfigured, match="no store"):
        agency.source(RestSource(path="x", attachments=LINKS))
    with pytest.raises(Misconfigured, match="no store"):
        agency.target(RestTarget(path="x", mode="single", attachments=PARTS))
