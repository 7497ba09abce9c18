"""The records of a bundle: bytes to leaves, leaves to segment roots, as signed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import zstandard

from lienthong.ledger.container import Reader
from lienthong.ledger.report import Problem
from lienthong.ledger.view import RunView
from lienthong.merkle import leaf_hash, root_of_leaves
from lienthong.records import sha256
from lienthong.segment import MAX_UNPACKED, Segment


def record_problems(reader: Reader, view: RunView, progress: Callable[[int, int], Any]) -> Iterator[Problem]:
    """Yield records, leaf lists and files that are not what the statements name, segment by segment."""
    wanted = view.segments()
    done, total = len(view.payloads), len(reader.members)
    for segment in wanted.values():
        leaves_name, data_name = f"leaves/{segment.digest}.bin", f"segments/{segment.digest}.ndjson.zst"
        if leaves_name not in reader.members:
            yield Problem(leaves_name, "the leaf hashes are missing", "thiếu giá trị băm của các bản ghi")
            continue
        leaves = reader.read(leaves_name)
        yield from _leaf_problems(leaves, segment, leaves_name)
        done += 1
        if data_name in reader.members:
            yield from _data_problems(reader.read(data_name), segment, leaves)
            done += 1
        progress(min(done, total), total)
    for name in (*reader.names("leaves"), *reader.names("segments")):
        if name.split("/")[1].split(".")[0] not in wanted:
            yield Problem(name, "no statement in force names it", "không tuyên bố nào nhắc đến tệp này")


def _leaf_problems(leaves: bytes, segment: Segment, name: str) -> Iterator[Problem]:
    if len(leaves) != 32 * segment.count:
        yield Problem(
            name,
            f"it holds {len(leaves) / 32:g} leaf hashes, {segment.count} records were signed",
            f"có {len(leaves) / 32:g} giá trị băm, đã ký {segment.count} bản ghi",
        )
        return
    if root_of_leaves([leaves[at : at + 32] for at in range(0, len(leaves), 32)]) != segment.root:
        yield Problem(name, "its root is not the one that was signed", "gốc Merkle khác gốc đã ký")


def _data_problems(data: bytes, segment: Segment, leaves: bytes) -> Iterator[Problem]:
    subject = f"segment {segment.digest}"
    if sha256(data) != segment.digest:
        yield Problem(subject, "the file is not the one that its name says", "nội dung tệp khác tên tệp")
    count = size = 0
    try:
        for count, line in enumerate(_lines(data, segment), 1):
            size += len(line)
            at = 32 * (count - 1)
            if leaf_hash(line.removesuffix(b"\n")) != leaves[at : at + 32]:
                yield Problem(
                    f"record {count - 1} of segment {segment.digest}",
                    "the record (counted from 0) does not have the leaf hash in the bundle",
                    "bản ghi (đếm từ 0) không khớp giá trị băm",
                )
    except (zstandard.ZstdError, EOFError) as error:
        yield Problem(subject, f"it cannot be unpacked: {error}", "không giải nén được")
        return
    if (count, size) != (segment.count, segment.size):
        yield Problem(
            subject,
            f"it holds {count} records in {size} bytes, {segment.count} in {segment.size} were signed",
            f"có {count} bản ghi, đã ký {segment.count}",
        )


def _lines(data: bytes, segment: Segment) -> Iterator[bytes]:
    """Yield the lines of a segment, refusing to unpack more than what was signed."""
    declared = zstandard.frame_content_size(data)
    if not declared == segment.size <= MAX_UNPACKED:
        raise zstandard.ZstdError(f"it declares {declared} bytes, {segment.size} were signed")
    with zstandard.ZstdDecompressor().stream_reader(data) as stream:
        yield from io.BufferedReader(stream, 1 << 20)
