"""A staging store that is full, closed, gone or not ours: one of our errors, with place and next step."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from lienthong.attachment import Attachment
from lienthong.errors import LienThongError, Misconfigured, SegmentTampered, Unavailable
from lienthong.staging import BlobStore, SegmentStore
from lienthong.staging.remote import file_system

FAULTS = [
    (errno.ENOSPC, Unavailable, "make room"),
    (errno.EDQUOT, Unavailable, "make room"),
    (errno.EIO, Unavailable, "goes on"),
    (errno.EMFILE, Unavailable, "goes on"),
    (errno.EROFS, Misconfigured, "read-only"),
    (errno.EACCES, Misconfigured, "right"),
    (errno.ENAMETOOLONG, Misconfigured, "shorter"),
]


@pytest.mark.parametrize(("number", "kind", "advice"), FAULTS)
@pytest.mark.parametrize("call", ["fsync", "mkdir"])
def test_what_the_system_refuses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[LienThongError],
    advice: str,
    call: str,
) -> None:
    """Room and devices may come back: transient. Rights and paths do not: misconfigured. Nothing is left."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    root = str(tmp_path / "staging")
    for work in (
        lambda: SegmentStore.open(root).write([b"{}"]),
        lambda: BlobStore.open_at(root).write([b"abc"]),
    ):
        with pytest.raises(kind) as caught:
            work()
        assert caught.value.where == root
        assert advice in caught.value.hint
    monkeypatch.undo()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("root", ["/proc/nowhere", "/dev/null/staging"])
def test_where_nothing_can_be_made(root: str) -> None:
    """A place that cannot be is the deployment's matter, for segments and attachments, written and read."""
    with pytest.raises(Misconfigured) as caught:
        SegmentStore.open(root).write([b"{}"])
    assert caught.value.where == root
    with pytest.raises(Misconfigured):
        BlobStore.open_at(root).write([b"abc"])


def test_a_source_that_breaks_off_is_not_the_stores_fault(tmp_path: Path) -> None:
    """An error of the other side while an attachment is read stays the connector's."""

    def chunks() -> Iterator[bytes]:
        yield b"a"
        raise OSError(errno.ECONNRESET, "Connection reset by peer")

    with pytest.raises(OSError, match="reset") as caught:
        BlobStore.open_at(str(tmp_path)).write(chunks())
    assert not isinstance(caught.value, LienThongError)


class _Cloud(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """An object store whose client raises exceptions of its own, keys in their texts."""

    protocol = "cloud"
    fault: Exception = RuntimeError()

    def _fail(self, *_args: Any, **_kwargs: Any) -> Any:
        raise self.fault

    makedirs = pipe_file = cat_file = exists = put_file = open = info = _fail


class EndpointConnectionError(Exception):
    """Named as botocore's, of which nothing of ours is a base."""


class NoCredentialsError(Exception):
    """Named as botocore's."""


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (EndpointConnectionError("https://KEY:SECRET@minio:9000/bucket"), Unavailable),
        (TimeoutError("SECRET"), Unavailable),
        (NoCredentialsError("SECRET"), Misconfigured),
        (PermissionError("SECRET"), Misconfigured),
        (PermissionError(errno.EACCES, "SECRET"), Misconfigured),
        (ValueError("SECRET"), Misconfigured),
    ],
)
def test_an_object_stores_own_exceptions(
    fault: Exception, kind: type[LienThongError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They become ours; neither their text nor the address's account is shown."""
    fsspec.register_implementation("cloud", _Cloud, clobber=True)
    monkeypatch.setattr(_Cloud, "fault", fault)
    url = "cloud://KEY:SECRET@bucket/prefix?token=SECRET"
    for work in (
        lambda: SegmentStore.open(url).write([b"{}"]),
        lambda: SegmentStore.open(url).data("a" * 64),
        lambda: BlobStore.open_at(url).write([b"abc"]),
        lambda: list(BlobStore.open_at(url).open(Attachment("a" * 64, 1, "text/plain"))),
    ):
        with pytest.raises(kind) as caught:
            work()
        if not isinstance(fault, OSError) or fault.errno is None:
            assert "SECRET" not in str(caught.value)
        assert caught.value.where.startswith("cloud://bucket")


def test_an_address_shows_no_account(tmp_path: Path) -> None:
    """A segment or attachment that is gone names the store without its key."""
    url = "memory://accesskey:CANARYSECRET@bucket"
    for work in (
        lambda: SegmentStore.open(url).data("a" * 64),
        lambda: list(BlobStore.open_at(url).open(Attachment("a" * 64, 1, "text/plain"))),
    ):
        with pytest.raises(SegmentTampered) as caught:
            work()
        assert "CANARYSECRET" not in str(caught.value)
        assert "delivery resolve" in caught.value.hint
    with pytest.raises(Misconfigured) as refused:
        file_system("nosuch://key:CANARYSECRET@bucket")
    assert "CANARYSECRET" not in str(refused.value)
