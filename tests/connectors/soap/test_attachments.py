"""Attachments: MTOM and SOAP with Attachments, both ways, whole or refused by name, never in memory."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import pytest
import zeep.wsdl.attachments
from counterparts import node
from requests_toolbelt.multipart.decoder import MultipartDecoder

from lienthong.attachment import Attachment
from lienthong.connector import Batch, Connection, Context, ReadRequest
from lienthong.errors import Misconfigured, OutcomeUnknown, ProtocolViolation, SegmentTampered
from lienthong.staging import BlobStore
from lienthong_connectors.soap import Attachments, ResultCodes, SoapSource, SoapTarget, WsSecurity, multipart

XOP = "http://www.w3.org/2004/08/xop/include"
PHOTO = bytes(range(256)) * 40 + b"\r\n--MIME_boundary and no more\r\n"
DIGEST = hashlib.sha256(PHOTO).hexdigest()
SPACE = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}

OK = f'<s:Envelope xmlns:s="{SPACE["1.1"]}"><s:Body><r><status>OK</status></r></s:Body></s:Envelope>'.encode()


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore.open_at(str(tmp_path / "staging"))


def envelope(inner: str, version: str = "1.1") -> str:
    return f'<s:Envelope xmlns:s="{SPACE[version]}"><s:Body><list>{inner}</list></s:Body></s:Envelope>'


def included(identity: str) -> str:
    return f'<photo><x:Include xmlns:x="{XOP}" href="cid:{identity}"/></photo>'


def item(inner: str, key: str = "1") -> str:
    return f"<item><id>{key}</id>{inner}</item>"


def package(root: str, *parts: tuple[str, bytes], head: str = "", end: bytes = b"\r\n--B--\r\n") -> bytes:
    """A package as XOP 1.0 and the SwA note write it; a part is (Content-ID, bytes)."""
    whole = f'--B\r\nContent-Type: application/xop+xml; type="text/xml"\r\nContent-ID: <root>\r\n\r\n{root}'
    data = whole.encode()
    for identity, content in parts:
        named = f"Content-ID: <{identity}>\r\n" if identity else ""
        data += f"\r\n--B\r\nContent-Type: image/png\r\n{named}{head}\r\n".encode() + content
    return data + end


def read(told: Any, store: BlobStore | None, body: bytes, **options: Any) -> list[dict[str, Any]]:
    """Read items from a service that answers with this package."""
    kind = options.pop("kind", 'multipart/related; boundary=B; type="application/xop+xml"; start="<root>"')
    told.headers, told.body = {"Content-Type": kind}, body
    options.setdefault("attachments", Attachments())
    settings = SoapSource(operation="get", record_element="item", **options)
    source = settings.open_source(told.connection(), Context(attachments=store))
    try:
        return [record for page in source.read(ReadRequest()) for record in page.records]
    finally:
        source.close()


def reference(content: bytes = PHOTO, media_type: str = "image/png") -> dict[str, Any]:
    return {
        "digest": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "media_type": media_type,
    }


def test_a_foreign_package_is_read(tmp_path: Path, store: BlobStore) -> None:
    """What the node library "soap" writes arrives as records with references and as the very bytes."""
    given = {
        "envelope": envelope(item(included("one@node")) + item("<note>none</note>", "2")),
        "attachments": [
            {"contentId": "one@node", "mimetype": "image/png", "name": "a.png",
             "base64": base64.b64encode(PHOTO).decode()},
        ],
    }  # fmt: skip
    (tmp_path / "given.json").write_text(json.dumps(given))
    settings = SoapSource(operation="get", record_element="item", attachments=Attachments(), path="give")
    with node("mtom.mjs", tmp_path / "given.json") as port:
        connection = Connection(id="node", kind="lienthong_soap", host=f"http://127.0.0.1:{port}")
        source = settings.open_source(connection, Context(attachments=store))
        records = [record for page in source.read(ReadRequest()) for record in page.records]
        source.close()
    assert records == [{"id": "1", "photo": reference()}, {"id": "2", "note": "none"}]
    assert b"".join(store.open(Attachment.from_dict(records[0]["photo"]))) == PHOTO


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_foreign_reader_reads_what_is_sent(tmp_path: Path, store: BlobStore, version: Any) -> None:
    """The node library "soap" finds envelope, parts and content ids in what a target sends."""
    (tmp_path / "given.json").write_text("{}")
    records = [{"id": str(n), "photo": put(store, PHOTO + bytes([n]))} for n in range(2)]
    with node("mtom.mjs", tmp_path / "given.json") as port:
        connection = Connection(id="node", kind="lienthong_soap", host=f"http://127.0.0.1:{port}")
        answer = deliver(connection, store, records, path="take", soap_version=version, action="urn:t:put")
        with urlopen(f"http://127.0.0.1:{port}/taken") as response:
            taken = json.load(response)
    assert answer.acknowledged == 2
    assert not taken["error"]
    assert [part["sha256"] for part in taken["parts"]] == [one["photo"]["digest"] for one in records]
    assert {part["headers"]["content-type"] for part in taken["parts"]} == {"image/png"}
    for part in taken["parts"]:
        assert f'href="cid:{part["headers"]["content-id"].strip("<>")}"' in taken["envelope"]
    plain = {"1.1": "text/xml", "1.2": "application/soap+xml"}[version]
    assert f'start-info="{plain}"' in taken["type"]
    assert "urn:t:put" in (taken["action"] if version == "1.1" else taken["type"])


def put(store: BlobStore, content: bytes = PHOTO) -> dict[str, Any]:
    return store.write([content], media_type="image/png").as_dict()


def deliver(connection: Connection, store: BlobStore, records: list[dict[str, Any]], **options: Any) -> Any:
    """Deliver records as one list, photos as attachments."""
    options.setdefault("attachments", Attachments(members=("item.photo",)))
    settings = SoapTarget(
        operation="put",
        namespace="urn:t",
        request={"item": {"$each": {"id": "$record.id", "photo": "$record.photo"}}},
        result=ResultCodes(path="status", acknowledged=("OK",)),
        **options,
    )
    target = settings.open_target(connection, Context(attachments=store))
    try:
        return target.deliver(Batch("0" * 64, [orjson.dumps(one) for one in records], ("id",)))
    finally:
        target.close()


def answered(told: Any) -> Connection:
    told.body = OK
    return told.connection()


def test_zeep_reads_what_is_sent(told: Any, store: BlobStore) -> None:
    """Zeep's own MTOM reading finds the root and gives the attachment by its content id."""
    deliver(answered(told), store, [{"id": "1", "photo": put(store)}])
    ((_, headers, body),) = told.requests
    assert int(headers["content-length"]) == len(body)
    decoder = MultipartDecoder(body, headers["content-type"], "utf-8")
    pack = zeep.wsdl.attachments.MessagePack(parts=decoder.parts[1:])
    pack._set_root(decoder.parts[0])
    (only,) = pack.attachments
    assert only.content == PHOTO.strip(b"\r\n")  # zeep takes line ends off binary content
    assert f'href="cid:{only.content_id.strip("<>")}"'.encode() in decoder.parts[0].content


@pytest.mark.parametrize("inline", ["aGVsbG8=", None])
def test_base64_inside_the_envelope_stays_possible(told: Any, store: BlobStore, inline: str | None) -> None:
    """A text at a member that may be an attachment travels as it is, and the request is no multipart."""
    deliver(answered(told), store, [{"id": "1", "photo": inline}])
    ((_, headers, body),) = told.requests
    assert headers["content-type"].startswith("text/xml")
    assert (b"aGVsbG8=" in body) is (inline is not None)


def test_swa_is_sent_with_cid_references(told: Any, store: BlobStore) -> None:
    """SOAP with Attachments: the member's text is cid: and the part's id; the root keeps its own type."""
    packaging = Attachments(packaging="swa", members=("item.photo",))
    deliver(answered(told), store, [{"id": "1", "photo": put(store)}], attachments=packaging)
    ((_, headers, body),) = told.requests
    assert 'type="text/xml"' in headers["content-type"]
    decoder = MultipartDecoder(body, headers["content-type"], "utf-8")
    root, part = decoder.parts
    assert root.headers[b"Content-Type"].startswith(b"text/xml")
    identity = part.headers[b"Content-ID"].strip(b"<>")
    assert b"photo>cid:" + identity + b"<" in root.content
    assert part.content == PHOTO


@pytest.mark.parametrize("written", ['<photo href="cid:a"/>', "<photo>cid:a</photo>", included("a")])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_every_way_to_refer_is_read(told: Any, store: BlobStore, written: str, size: int) -> None:
    """Href (SwA), swaRef and xop:Include end in the same reference, however the bytes arrive."""

    def drip(handler: Any) -> None:
        body = package(envelope(item(written)), ("a", PHOTO))
        head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; boundary=B\r\n"
        handler.wfile.write(head + f"Content-Length: {len(body)}\r\n\r\n".encode())
        for start in range(0, len(body), max(size, 500)):
            handler.wfile.write(body[start : start + max(size, 500)])

    told.act = drip
    (record,) = read(told, store, b"")
    assert record["photo"] == reference()


def test_the_example_of_xop_is_read(told: Any, store: BlobStore) -> None:
    """The shape of XOP 1.0's example 2: contentType beside the inclusion, ids that are escaped URLs."""
    inner = (
        '<m:photo xmlns:m="http://example.org/stuff" xmlns:t="http://www.w3.org/2004/11/xmlmime" '
        f't:contentType="image/png"><xop:Include xmlns:xop="{XOP}" '
        'href="cid:http%3A%2F%2Fexample.org%2Fme.png"/></m:photo>'
    )
    body = package(envelope(item(inner)), ("http://example.org/me.png", b"png"),
                   head="Content-Transfer-Encoding: binary\r\n")  # fmt: skip
    (record,) = read(told, store, body)
    assert record["photo"] == reference(b"png")


def test_parts_before_the_envelope_and_base64_parts_are_read(told: Any, store: BlobStore) -> None:
    """Start names the root wherever it stands; base64 is undone; what nothing refers to is not kept."""
    root = envelope(item(included("a")))
    encoded = base64.encodebytes(PHOTO).replace(b"\n", b"\r\n")
    body = (
        b"--B\r\nContent-ID: <a>\r\nContent-Type: IMAGE/PNG; name=x\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
        + encoded
        + b"\r\n--B\r\nContent-ID: <root>\r\nContent-Type: text/xml\r\n\r\n"
        + root.encode()
        + b"\r\n--B\r\nContent-ID: <unused>\r\n\r\nsecret\r\n--B--"
    )
    (record,) = read(told, store, body)
    assert record["photo"] == reference()
    with pytest.raises(SegmentTampered):
        list(store.open(Attachment(hashlib.sha256(b"secret").hexdigest(), 6)))


SMALL = Attachments(count=2, each_bytes=20_000, all_bytes=30_000, envelope_bytes=2_000)
GOOD = package(envelope(item(included("a"))), ("a", PHOTO))
CODING = "Content-Transfer-Encoding: {}\r\n"
REFUSED = {
    "missing": (package(envelope(item(included("b"))), ("a", b"x")), "attachment-missing"),
    "twice": (package(envelope(item(included("a"))), ("a", b"x"), ("a", b"y")), "attachment-twice"),
    "count": (package(envelope(""), ("a", b"x"), ("b", b"x"), ("c", b"x")), "attachment-count"),
    "each": (package(envelope(item(included("a"))), ("a", b"x" * 20_001)), "attachment-size"),
    "all": (package(envelope(""), ("a", b"x" * 16_000), ("b", b"x" * 16_000)), "attachments-size"),
    "envelope": (package(envelope("<pad/>" * 500)), "size"),
    "cut in the envelope": (GOOD[:150], "multipart-cut"),
    "cut in a head": (GOOD[: GOOD.index(b"image/png")], "multipart-cut"),
    "cut in a part": (GOOD[:-100], "multipart-cut"),
    "no end": (package(envelope(item(included("a"))), ("a", PHOTO), end=b""), "multipart-cut"),
    "other boundary": (b"--C\r\n\r\nx" * 20, "multipart-cut"),
    "boundary and more": (GOOD.replace(b"\r\n--B\r\n", b"\r\n--B more\r\n", 1), "multipart"),
    "long head": (GOOD.replace(b"<root>", b"<root" + b"x" * 20_000 + b">", 1), "multipart-head"),
    "long preamble": (b"x" * 70_000 + GOOD, "multipart"),
    "coding": (package(envelope(""), ("a", b"x"), head=CODING.format("uuencode")), "multipart-coding"),
    "no base64": (package(envelope(""), ("a", b"!!!!"), head=CODING.format("base64")), "multipart-coding"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_broken_packages_are_refused_by_name(told: Any, store: BlobStore, name: str) -> None:
    """Not one record of such an answer is handed on, and the error says what is wrong with it."""
    body, reason = REFUSED[name]
    with pytest.raises(ProtocolViolation) as caught:
        read(told, store, body, attachments=SMALL)
    assert caught.value.details["reason"] == reason


def test_nothing_of_a_cut_attachment_is_kept(told: Any, store: BlobStore, tmp_path: Path) -> None:
    """The store holds whole attachments only, and no temporary files."""
    with pytest.raises(ProtocolViolation):
        read(told, store, GOOD[:-100])
    assert not [path for path in (tmp_path / "staging").rglob("*") if path.is_file()]


def test_very_many_small_parts_and_parameters_are_read_in_linear_time() -> None:
    """Each part copied what was held of all the others; a header of a megabyte was worked on for minutes."""
    body = b"".join(b"--B\r\nContent-ID: <%d>\r\n\r\nx\r\n" % n for n in range(4_000)) + b"--B--"

    def copied(count: int) -> int:
        reader_bytes = 0

        class Counted(bytearray):
            def __bytes__(self) -> bytes:
                nonlocal reader_bytes
                reader_bytes += len(self)
                return bytes(memoryview(self))

        reader = multipart._Reader(iter((body,)), b"--B")
        reader._held = Counted(reader._held)
        list(reader.until_boundary())
        for _ in range(count):
            assert reader.goes_on()
            reader.head()
            assert b"".join(reader.until_boundary()) == b"x"
        return reader_bytes

    assert copied(1_000) < len(body)
    assert [part.content_id for part in multipart.parts(iter((body,)), "B")][-1] == "3999"
    with pytest.raises(ProtocolViolation, match="longer than"):
        multipart.parameters("multipart/related; " + "a=b; " * 200_000)


@pytest.mark.parametrize("kind", ["multipart/related", 'multipart/related; boundary="B\x7f"'])
def test_a_boundary_must_be_there(told: Any, store: BlobStore, kind: str) -> None:
    """A package without a boundary, or with one that RFC 2046 forbids, is none."""
    with pytest.raises(ProtocolViolation) as caught:
        read(told, store, GOOD, kind=kind)
    assert caught.value.details["reason"] == "multipart"


def test_attachments_must_be_expected(told: Any, store: BlobStore) -> None:
    """Without the setting an answer with attachments is refused with what to do about it."""
    with pytest.raises(ProtocolViolation, match="attachments=Attachments"):
        read(told, store, GOOD, attachments=None)


@pytest.mark.parametrize("options", [{"security": WsSecurity()}, {"store": None}])
def test_what_cannot_work_is_refused_when_opened(
    told: Any, store: BlobStore, options: dict[str, Any]
) -> None:
    """Signatures that would not cover attachments, and a bus without a store, are named."""
    lent = None if "store" in options else store
    with pytest.raises(Misconfigured, match=r"attachments|signing key"):
        read(told, lent, GOOD, **{name: value for name, value in options.items() if name != "store"})


def test_a_delivery_whose_answer_is_a_broken_package_is_unknown(told: Any, store: BlobStore) -> None:
    """What the target did cannot be told from an answer that is cut, so it is asked."""
    connection = answered(told)
    told.headers, told.body = {"Content-Type": "multipart/related; boundary=B"}, GOOD[:-100]
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        deliver(connection, store, [{"id": "1", "photo": put(store)}])


def test_a_delivery_whose_answer_cannot_be_kept_is_unknown(
    told: Any, store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our disk is full when the answer's attachment arrives: the target has taken the record all the same."""
    known, connection = put(store), answered(told)

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    told.headers = {"Content-Type": 'multipart/related; boundary=B; start="<root>"'}
    first = b"--B\r\nContent-Type: image/png\r\nContent-ID: <p>\r\n\r\n" + PHOTO + b"\r\n"
    told.body = first + package(OK.decode())  # what stands before the envelope is stored at once
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutcomeUnknown, match="cannot be kept") as caught:
        deliver(connection, store, [{"id": "1", "photo": known}])
    assert "make room" in caught.value.hint
    assert len(told.requests) == 1


def test_a_tampered_attachment_stops_the_delivery_before_it_leaves(
    told: Any, store: BlobStore, tmp_path: Path
) -> None:
    """Bytes that differ from their digest, or are gone, never reach the target."""
    known = put(store)
    (blob,) = (tmp_path / "staging" / "blobs").rglob(known["digest"])
    for spoil in (lambda: blob.write_bytes(PHOTO[:-1] + b"!"), blob.unlink):
        spoil()
        with pytest.raises(SegmentTampered, match=known["digest"]):
            deliver(answered(told), store, [{"id": "1", "photo": known}])
    assert not told.requests


@pytest.mark.parametrize(
    "value", [{"digest": "../../etc/passwd", "size": 1, "media_type": "a/b"}, {"other": 1},
              {"digest": "0" * 64, "size": -1, "media_type": "a/b"},
              {"digest": "0" * 64, "size": 1, "media_type": "a/b\r\nX: y"}],
)  # fmt: skip
def test_an_object_that_is_no_reference_refuses_the_record(told: Any, store: BlobStore, value: Any) -> None:
    """Neither a path nor a header line can be smuggled in as a reference."""
    answer = deliver(answered(told), store, [{"id": "1", "photo": value}])
    assert answer.refused[0].rule == "target.attachment"
    assert not told.requests


def test_a_record_cannot_name_an_attachment_by_its_text(told: Any, store: BlobStore) -> None:
    """The marks that stand for attachments while a request is written cannot be guessed by a record."""
    known = put(store)
    plain = base64.urlsafe_b64encode(json.dumps([known["digest"], known["size"], "a/b"]).encode()).decode()
    deliver(answered(told), store, [{"id": f"{'0' * 32}.{plain}", "photo": None}])
    assert told.requests[0][1]["content-type"].startswith("text/xml")


_BIG = """
import sys
from lienthong.connector import Batch, Connection, Context, ReadRequest
from lienthong.staging import BlobStore
from lienthong_connectors.soap import Attachments, ResultCodes, SoapSource, SoapTarget
import orjson, json
def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
url, folder = sys.argv[1:]
connection = Connection(id="big", kind="lienthong_soap", host=url)
context = Context(attachments=BlobStore.open_at(folder))
settings = SoapSource(operation="get", record_element="item", attachments=Attachments())
source = settings.open_source(connection, context)
target = SoapTarget(operation="put", namespace="urn:t", request={"photo": "$record.photo"},
    result=ResultCodes(path="status", acknowledged=("OK",)), attachments=Attachments(members=("photo",)),
    ).open_target(connection, context)
before = peak()
page, _ = source.read(ReadRequest())
received = peak()
answer = target.deliver(Batch("0" * 64, [orjson.dumps(page.records[0])], ("id",)))
print(json.dumps({"before": before, "received": received, "sent": peak(), "taken": answer.acknowledged,
                  "record": page.records[0]}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to see the peak")
def test_two_hundred_megabytes_take_little_memory(told: Any, tmp_path: Path) -> None:
    """An attachment of 200 MB is received and sent on by a process that grows by less than 30 MB."""
    piece, count = os.urandom(1 << 20), 200
    end = b"\r\n--B--\r\n"
    start = package(envelope(item(included("a"))), ("a", b""), end=b"")
    seen = hashlib.sha256()
    sizes: list[int] = []

    def give(handler: Any) -> None:
        size = len(start) + count * len(piece) + len(end)
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; boundary=B\r\n")
        handler.wfile.write(f"Content-Length: {size}\r\n\r\n".encode() + start)
        for _ in range(count):
            handler.wfile.write(piece)
        handler.wfile.write(end)

    def take(handler: Any) -> None:
        told.act = None
        give(handler)

    told.act = take
    told.body = OK
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", _BIG, told.url, str(tmp_path / "staging")],
        env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for _ in range(count):
        seen.update(piece)
    sizes = [len(body) for _, _, body in told.requests]
    assert found["record"]["photo"] == {
        "digest": seen.hexdigest(), "size": count << 20, "media_type": "image/png"
    }  # fmt: skip
    assert found["taken"] == 1
    assert sizes[1] > count << 20
    assert found["received"] - found["before"] < 30, found
    assert found["sent"] - found["before"] < 30, found


def test_attachments_are_lent_by_the_bus(tmp_path: Path) -> None:
    """A connector opened by a step gets the blobs of staging."""
    from memory_bus import memory_bench

    with memory_bench(tmp_path / "home") as bench:
        lent = bench.bus.context(bench.plan(), "r1").attachments
        assert isinstance(lent, BlobStore)
        known = lent.write(iter([b"a", b"b"]), media_type="text/plain")
        assert list(bench.bus.blobs.open(known)) == [b"ab"]
