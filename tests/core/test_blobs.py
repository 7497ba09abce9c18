"""The blob store: attachments streamed in and out, whole or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lienthong.attachment import UNTYPED, Attachment, media_type
from lienthong.errors import Misconfigured, SegmentTampered
from lienthong.staging import BlobStore

CONTENT = bytes(range(256)) * 3000


@pytest.fixture(params=["folder", "file-url", "fsspec"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """One store of each kind."""
    urls = {"folder": str(tmp_path), "file-url": f"file://{tmp_path}", "fsspec": f"memory://{tmp_path}"}
    return BlobStore.open_at(urls[request.param])


def pieces(content: bytes = CONTENT, size: int = 1000) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=["empty", "one", "many"])
def test_what_goes_in_comes_out(store: BlobStore, content: bytes) -> None:
    """The reference names digest, size and type; the bytes are the same, also when written twice."""
    reference = store.write(pieces(content), media_type="application/pdf")
    assert reference == store.write([content], media_type="application/pdf")
    assert reference.as_dict() == {
        "digest": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "media_type": "application/pdf",
    }
    assert Attachment.from_dict(reference.as_dict()) == reference
    assert b"".join(store.open(reference)) == content


def test_nothing_is_kept_of_what_breaks_off(tmp_path: Path) -> None:
    """A stream that fails leaves neither a blob nor a temporary file."""

    def broken() -> Iterator[bytes]:
        yield CONTENT
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - whatever the stream raises passes through
        BlobStore.open_at(str(tmp_path)).write(broken())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("spoiled", [CONTENT[:-1] + b"!", CONTENT[:-1], CONTENT + b"!", b""])
def test_the_last_piece_of_changed_bytes_is_never_given(tmp_path: Path, spoiled: bytes) -> None:
    """Whoever reads a changed attachment is told, and never holds what could pass for a whole one."""
    store = BlobStore.open_at(str(tmp_path))
    reference = store.write([CONTENT])
    (blob,) = tmp_path.rglob(reference.digest)
    blob.write_bytes(spoiled)
    given: list[bytes] = []
    with pytest.raises(SegmentTampered, match=reference.digest):
        given.extend(store.open(reference))
    assert len(b"".join(given)) < max(len(spoiled), 1)


def test_what_is_gone_is_named(store: BlobStore) -> None:
    """A reference to nothing is an alarm, not an empty attachment."""
    with pytest.raises(SegmentTampered, match="not in the staging store"):
        list(store.open(Attachment("0" * 64, 1)))


def test_a_scheme_without_a_file_system_is_refused() -> None:
    """The staging address decides, and a wrong one is named without its credentials."""
    with pytest.raises(Misconfigured, match=r"nosuch|bucket") as caught:
        BlobStore.open_at("nosuch://user:secret@bucket")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("Text/XML; charset=utf-8", "text/xml"), ("", UNTYPED), ("a/b\r\nX: y", UNTYPED)],
)
def test_media_types_are_plain(said: str, meant: str) -> None:
    """Parameters and whatever could become a header line are left out."""
    assert media_type(said) == meant
