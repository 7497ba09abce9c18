"""The file that holds a bundle: a ZIP whose bytes follow from its entries and nothing else.

Entries are stored, not compressed, in one fixed order, dated 1980-01-01, without extra fields or
comments (ZIP64 only where an offset needs it; APPNOTE 6.3 sections 4.3 and 4.5.3). The reader
rebuilds every byte of that structure and compares, so that nothing can hide between entries.
"""

from __future__ import annotations

import os
import re
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from lienthong.errors import EvidenceTampered, Misconfigured
from lienthong.faults import file_faults

README: Final = "README.txt"
_MIB: Final = 1024 * 1024
_WORD: Final = "[A-Za-z0-9][A-Za-z0-9._-]{0,199}"
_GROUPS: Final = (
    (re.compile(r"README\.txt"), _MIB),
    (re.compile(r"statements/[0-9]{10}\.jws"), 32 * _MIB),
    (re.compile(rf"documents/(?:{_WORD}/)?{_WORD}"), 64 * _MIB),
    (re.compile(r"leaves/[0-9a-f]{64}\.bin"), 512 * _MIB),
    (re.compile(r"indexes/[0-9a-f]{64}\.bin"), 512 * _MIB),
    (re.compile(r"segments/[0-9a-f]{64}\.ndjson\.zst"), 512 * _MIB),
)
_MOST_ENTRIES: Final = 1_000_000
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_END64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR: Final = struct.Struct("<4sIQI")
_UTF8: Final = 0x0800
_DATE: Final = 0x0021
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_CHUNK: Final = _MIB


@dataclass(frozen=True, slots=True)
class Member:
    """One entry: its name, size and CRC-32, and where its header begins in the file."""

    name: str
    size: int
    crc: int
    offset: int

    @property
    def start(self) -> int:
        """Where its bytes begin in the file."""
        return self.offset + _LOCAL.size + len(self.name)


def group_of(name: str) -> int:
    """Return the place of an entry's kind in the order of entries, -1 for a name that none has."""
    return next((index for index, (form, _) in enumerate(_GROUPS) if form.fullmatch(name)), -1)


class Writer:
    """Writes a bundle beside its destination and moves it there when complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._kept():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        self._file, self._temporary = os.fdopen(handle, "wb"), Path(name)
        self._members: list[Member] = []

    def add(self, name: str, data: bytes) -> None:
        """Add an entry; entries come in the order of `group_of` and then by name."""
        last = _rank(self._members[-1].name) if self._members else (-1, "")
        if group_of(name) < 0 or last >= _rank(name):
            raise Misconfigured("a bundle's entry is out of order or badly named", where=name[:200])
        if len(data) > _GROUPS[group_of(name)][1]:
            raise Misconfigured("too large for a bundle", where=name, hint="use a smaller delivery.batch")
        member = Member(name, len(data), zlib.crc32(data), self._file.tell())
        with self._kept():
            self._file.write(_local_header(member) + data)
        self._members.append(member)

    def close(self) -> int:
        """Complete the file and return the number of entries."""
        with self._kept():
            for piece in _directory(self._members, self._file.tell()):
                self._file.write(piece)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self._path)
        return len(self._members)

    def _kept(self) -> AbstractContextManager[None]:
        return file_faults("the bundle cannot be written", self._path, hint="name another file")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what could not be written is why we are here, or it was closed before
            self._file.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)


class Reader:
    """Reads a bundle after checking every byte of its structure.

    ``damaged`` names entries whose bytes do not match their checksum. Raises `EvidenceTampered`,
    with the offset, where the structure is not exactly what the entries call for.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            raise Misconfigured(
                f"the bundle cannot be read: {error.strerror}", where=str(path), hint="check the path"
            ) from None
        self.members: dict[str, Member] = {}
        self.damaged: list[str] = []
        try:
            self._scan(os.fstat(self._file.fileno()).st_size)
        except BaseException:
            self._file.close()
            raise

    def read(self, name: str) -> bytes:
        """Return an entry's bytes; `KeyError` where there is none."""
        member = self.members[name]
        self._file.seek(member.start)
        return self._file.read(member.size)

    def names(self, group: str) -> list[str]:
        """Return the names below a folder such as ``statements``, in order."""
        return [name for name in self.members if name.startswith(f"{group}/")]

    def _scan(self, size: int) -> None:
        offset, last = 0, (-1, "")
        while (member := self._member(offset, size)) is not None:
            rank = _rank(member.name)
            if rank <= last or len(self.members) >= _MOST_ENTRIES:
                _broken(offset, f"entry {member.name} is out of order, repeated or one too many")
            last = rank
            self.members[member.name] = member
            if self._checksum(member) != member.crc:
                self.damaged.append(member.name)
            offset = member.start + member.size
        self._compare_directory(offset)

    def _member(self, offset: int, size: int) -> Member | None:
        """Return the entry whose header stands here, None where the directory begins."""
        self._file.seek(offset)
        head = self._file.read(_LOCAL.size)
        if head[:4] != b"PK\x03\x04":
            return None
        if len(head) < _LOCAL.size:
            _broken(offset, "the file ends inside an entry's header")
        _, _, _, _, _, _, crc, _, length, name_length, _ = _LOCAL.unpack(head)
        raw = self._file.read(name_length)
        name = raw.decode("ascii", "replace")
        group = group_of(name)
        if group < 0:
            _broken(offset, "an entry has a name that no entry of a bundle has")
        member = Member(name, length, crc, offset)
        if head + raw != _local_header(member):
            _broken(offset, f"the header of entry {name} is not as it is written")
        if length > _GROUPS[group][1] or member.start + length > size:
            _broken(offset, f"entry {name} is larger than the file or than an entry may be")
        return member

    def _checksum(self, member: Member) -> int:
        crc, left = 0, member.size
        while left:
            piece = self._file.read(min(left, _CHUNK))
            if not piece:
                _broken(member.start, f"the file ends inside entry {member.name}")
            crc, left = zlib.crc32(piece, crc), left - len(piece)
        return crc

    def _compare_directory(self, offset: int) -> None:
        self._file.seek(offset)
        for piece in _directory(list(self.members.values()), offset):
            found = self._file.read(len(piece))
            if found != piece:
                pairs = enumerate(zip(found, piece, strict=False))
                same = next((at for at, (one, other) in pairs if one != other), len(found))
                _broken(offset + same, "the directory at the end does not match the entries")
            offset += len(piece)
        if self._file.read(1):
            _broken(offset, "there are bytes after the end")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _rank(name: str) -> tuple[int, str]:
    return group_of(name), name


def _broken(offset: int, what: str) -> None:
    raise EvidenceTampered(f"the container is not a bundle from byte {offset} on: {what}", offset=offset)


def _local_header(member: Member) -> bytes:
    name = member.name.encode()
    fixed = _LOCAL.pack(
        b"PK\x03\x04", 20, _UTF8, 0, 0, _DATE, member.crc, member.size, member.size, len(name), 0
    )
    return fixed + name


def _directory(members: list[Member], start: int) -> Iterator[bytes]:
    """Yield the central directory and the end records, one piece per entry."""
    size = 0
    for member in members:
        piece = _central_header(member)
        size += len(piece)
        yield piece
    count = len(members)
    if count >= _FULL16 or start >= _FULL32 or size >= _FULL32:
        yield _END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
        yield _LOCATOR.pack(b"PK\x06\x07", 0, start + size, 1)
    short = min(count, _FULL16)
    yield _END.pack(b"PK\x05\x06", 0, 0, short, short, min(size, _FULL32), min(start, _FULL32), 0)


def _central_header(member: Member) -> bytes:
    name = member.name.encode()
    far = member.offset >= _FULL32
    extra = struct.pack("<2HQ", 1, 8, member.offset) if far else b""
    fixed = _CENTRAL.pack(
        b"PK\x01\x02",
        3 << 8 | 45 if far else 3 << 8 | 20,
        45 if far else 20,
        _UTF8,
        0,
        0,
        _DATE,
        member.crc,
        member.size,
        member.size,
        len(name),
        len(extra),
        0,
        0,
        0,
        0o100644 << 16,
        min(member.offset, _FULL32),
    )
    return fixed + name + extra
