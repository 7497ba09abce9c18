"""Compressed answers are undone as they arrive: exactly, in bounded pieces, and never when cut."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import brotli
import pytest
import zstandard

from lienthong.connector import ReadRequest
from lienthong.errors import ProtocolViolation, TimedOut
from lienthong_connectors.http import coding as coding_module
from lienthong_connectors.http.coding import ACCEPTED, decoded
from lienthong_connectors.rest import RestSource

PLAIN = json.dumps([{"id": n, "ten": zlib.crc32(b"%d" % n)} for n in range(20_000)]).encode()

CODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=4),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def test_what_is_asked_for_is_what_can_be_undone(agency: Any) -> None:
    """Accept-Encoding names every coding of this module's tests and no other."""
    agency.default = agency.response([])
    agency.read(RestSource(path="rows"))
    assert agency.asked[0].headers["accept-encoding"] == ACCEPTED
    assert ACCEPTED.split(", ") == list(CODERS)


@pytest.mark.parametrize("coding", CODERS)
@pytest.mark.parametrize("size", [1, 1000, 1 << 16])
def test_however_it_arrives_the_content_is_the_same(coding: str, size: int) -> None:
    coded = CODERS[coding](PLAIN[: 200 * size])
    assert b"".join(decoded(pieces(coded, size), coding, 1 << 30, where="")) == PLAIN[: 200 * size]


@pytest.mark.parametrize("coding", CODERS)
def test_through_the_source_it_is_read_as_if_it_were_plain(agency: Any, coding: str) -> None:
    agency.default = agency.response(raw=CODERS[coding](PLAIN), headers={"Content-Encoding": coding.upper()})
    assert agency.ids(agency.read(RestSource(path="rows"))) == list(range(20_000))


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_several_members_are_one_content(coding: str) -> None:
    coded = CODERS[coding](b"[1,") + CODERS[coding](b"") + CODERS[coding](b"2]")
    for size in (1, 7, len(coded)):
        assert b"".join(decoded(pieces(coded, size), coding, 100, where="")) == b"[1,2]"


@pytest.mark.parametrize("coding", CODERS)
def test_a_bomb_grows_in_bounded_pieces_and_only_up_to_the_limit(coding: str) -> None:
    """A few kilobytes that stand for many megabytes."""
    bomb = CODERS[coding](bytes(64 << 20))
    assert len(bomb) < 400_000
    sizes: list[int] = []
    with pytest.raises(ProtocolViolation, match="larger than"):
        sizes.extend(map(len, decoded(iter((bomb,)), coding, 32 << 20, where="")))
    assert max(sizes) <= 17 << 20
    assert sum(sizes) <= 32 << 20


@pytest.mark.parametrize("coding", CODERS)
@pytest.mark.parametrize("left", [0.01, 0.5, 0.999])
def test_cut_data_is_never_taken_for_whole(coding: str, left: float) -> None:
    coded = CODERS[coding](PLAIN)
    with pytest.raises(EOFError):
        list(decoded(pieces(coded[: int(len(coded) * left)], 4096), coding, 1 << 30, where=""))


@pytest.mark.parametrize("coding", CODERS)
def test_data_that_is_no_such_coding_is_a_violation(coding: str) -> None:
    with pytest.raises(ProtocolViolation, match="cannot be read"):
        list(decoded(iter((b'\xff{"not": "compressed"}' * 9,)), coding, 1 << 20, where=""))


def test_a_window_beyond_what_http_allows_is_refused() -> None:
    """RFC 9659: eight megabytes, so that a peer cannot make us hold more."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    coded = writer.compress(bytes(1000)) + writer.flush()
    with pytest.raises(ProtocolViolation):
        list(decoded(iter((coded,)), "zstd", 1 << 20, where=""))


def handed(agency: Any, monkeypatch: pytest.MonkeyPatch, coding: str, members: int, streamed: bool) -> int:
    """Read an answer of many empty members; return how many bytes decoders were handed, copies included."""
    engine: Any = {"gzip": coding_module._Zlib, "zstd": coding_module._Zstd}[coding]
    take, given = engine.take, 0

    def counted(self: Any, data: bytes) -> bytes:
        nonlocal given
        given += len(data)
        return bytes(take(self, data))

    body = CODERS[coding](b"") * members + CODERS[coding](b'[{"id": 1}]')
    agency.default = agency.response(raw=body, headers={"Content-Encoding": coding})
    with monkeypatch.context() as patch:
        patch.setattr(engine, "take", counted)
        assert agency.ids(agency.read(RestSource(path="rows", stream=streamed))) == [1]
    return given


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("streamed", [False, True])
def test_many_empty_members_cost_as_much_as_they_are_many(
    agency: Any, monkeypatch: pytest.MonkeyPatch, coding: str, streamed: bool
) -> None:
    """Each copied the rest of the whole answer: twice as many cost four times as much, 8 MB had no end."""
    few, many = (handed(agency, monkeypatch, coding, n, streamed) for n in (2_000, 4_000))
    assert many < 2.5 * few


def test_what_is_undone_counts_against_the_deadline(agency: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time ends while nothing comes out of an answer that is there: it was gone on with to its end."""
    body = gzip.compress(b"", mtime=0) * 5_000
    agency.default = agency.response(raw=body, headers={"Content-Encoding": "gzip"})
    source = agency.source(RestSource(path="rows"))
    take, taken = coding_module._Zlib.take, 0

    def late(self: Any, data: bytes) -> bytes:
        nonlocal taken
        taken += 1
        source.close()  # every deadline that is under way ends now
        return take(self, data)

    monkeypatch.setattr(coding_module._Zlib, "take", late)
    with pytest.raises(TimedOut):
        list(source.read(ReadRequest()))
    assert taken < 1_000
