"""Compiled operations, kept: a description that has not changed is not parsed again.

What is kept is JSON in the deployment's cache folder, with the digest of every document that it was
made of. Each use compares them, so a changed document is seen at once. Without a folder, a
description is parsed once in every process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

import lienthong
from lienthong.errors import LienThongError
from lienthong.records import digest, sha256
from lienthong_connectors.soap.described import Described, dump, restore
from lienthong_connectors.soap.documents import Fetch
from lienthong_connectors.soap.location import opened

_FORMAT: Final = 2
_MISSING: Final = (OSError, LookupError, ValueError, TypeError, LienThongError)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which operation of which description: empty names mean the first that fits."""

    location: str
    operation: str
    service: str = ""
    port: str = ""
    version: str = ""
    pin: str = ""

    @property
    def name(self) -> str:
        """File name of what is kept, the same for the same question and version of the bus."""
        asked = [self.location, self.operation, self.service, self.port, self.version]
        return f"{digest([_FORMAT, lienthong.__version__, *asked])}.json"


def described(wanted: Wanted, base: str, get: Fetch, cache: Path | None) -> Described:
    """Return a compiled operation: the kept one where it still holds, else compiled now and kept.

    Raises what `wsdl.describe` and `compiling.compile_operation` raise.
    """
    folder = None if cache is None else cache / "wsdl"
    if folder is not None:
        try:
            return _kept(wanted, opened(wanted.location, base, get), folder)
        except _MISSING:
            pass  # nothing kept, or no longer true: whatever is wrong is found below
    from lienthong_connectors.soap.compiling import compile_operation
    from lienthong_connectors.soap.wsdl import describe

    found = describe(wanted.location, base, get, pin=wanted.pin)
    compiled = compile_operation(
        found, wanted.operation, service=wanted.service, port=wanted.port, version=wanted.version
    )
    if folder is not None:
        _keep(folder, wanted.name, compiled, found.documents.own)
    return compiled


def _kept(wanted: Wanted, source: tuple[str, Fetch], folder: Path) -> Described:
    entry: dict[str, Any] = orjson.loads((folder / wanted.name).read_bytes())
    main, fetch = source
    documents: list[tuple[str, str]] = entry["documents"]
    if documents[0][0] != main or any(sha256(fetch(where)) != seen for where, seen in documents):
        raise LookupError
    if wanted.pin and digest([seen for _, seen in documents]) != wanted.pin.lower():
        raise LookupError
    return restore(entry["operation"])


def _keep(folder: Path, name: str, compiled: Described, documents: Mapping[str, bytes]) -> None:
    """Write an entry so that other processes see it whole or not at all; a full disk is no failure."""
    seen = [[where, sha256(data)] for where, data in documents.items()]
    entry = orjson.dumps({"documents": seen, "operation": orjson.Fragment(dump(compiled))})
    fresh = folder / f".{name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.touch(mode=0o600)
        fresh.write_bytes(entry)
        fresh.replace(folder / name)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
