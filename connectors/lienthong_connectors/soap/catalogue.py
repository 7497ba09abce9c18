"""A WSDL kept in a folder: documents under their original locations, read without any network.

The idea is that of OASIS XML Catalogs 1.1 (a location stands for a local file). The folder's index,
``catalogue.json``, says which file a location stands for and what its SHA-256 is::

    {"main": "https://agency.example/ws?wsdl",
     "documents": {"https://agency.example/ws?wsdl": {"file": "ws.wsdl", "sha256": "<hex>"}}}
"""

from __future__ import annotations

import json
import os.path
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from lienthong.errors import Misconfigured
from lienthong.faults import file_faults
from lienthong.records import sha256
from lienthong_connectors.soap.documents import XSD, Documents, parse

INDEX: Final = "catalogue.json"
"""Name of the index in a catalogue's folder."""
_HINT: Final = "make it anew with: lienthong wsdl URL --fetch FOLDER"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An opened catalogue: where its WSDL comes from, and (file, SHA-256) of each location."""

    folder: Path
    main: str
    entries: Mapping[str, tuple[str, str]]

    def fetch(self, location: str) -> bytes:
        """Return a document by its original location.

        Raises `Misconfigured`, naming it, where the catalogue has it not or it differs from the index.
        """
        if location not in self.entries:
            raise _wrong(location, f"{INDEX} has no such document")
        name, wanted = self.entries[location]
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise _wrong(location, f"its file is outside the folder of {INDEX}")
        with file_faults("the catalogue's file cannot be read", path):
            data = path.read_bytes()
        if sha256(data) != wanted:
            raise _wrong(str(path), f"the file differs from the digest in {INDEX}")
        return data


def is_catalogue(location: str) -> bool:
    """Tell whether a location is a catalogue: its folder, or the index itself."""
    return not location.startswith(("http://", "https://")) and (
        Path(location).is_dir() or Path(location).name == INDEX
    )


def open_catalogue(location: str) -> Catalogue:
    """Open a catalogue by its folder or index; `Misconfigured` where the index is missing or malformed."""
    path = Path(location)
    index = path / INDEX if path.is_dir() else path
    try:
        found = json.loads(index.read_text(encoding="utf-8"))
        entries = {str(key): _entry(value) for key, value in found["documents"].items()}
        main = str(found["main"])
    except OSError:
        raise _wrong(str(index), "the catalogue has no index that can be read") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _wrong(str(index), "the catalogue's index is malformed") from None
    return Catalogue(index.parent, main, entries)


def write_catalogue(folder: Path, documents: Documents) -> None:
    """Write documents and their index into a folder, which is made where it is missing.

    Well-known schemas that are aboard anyway are left out.
    Local files are named by their place relative to each other, not by where they happen to lie.
    """
    with file_faults("the catalogue cannot be written", folder):
        _write(folder, documents)


def _write(folder: Path, documents: Documents) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = _names(documents)
    taken: set[str] = set()
    entries: dict[str, dict[str, str]] = {}
    for location, data in documents.own.items():
        name = _file_name(location, data, taken)
        (folder / name).write_bytes(data)
        entries[names[location]] = {"file": name, "sha256": sha256(data)}
    index = {"main": names[documents.main], "documents": entries}
    (folder / INDEX).write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _entry(value: Any) -> tuple[str, str]:
    return str(value["file"]), str(value["sha256"])


def _names(documents: Documents) -> dict[str, str]:
    """Return what each location is called in the index."""
    paths = [location for location in documents.own if location.startswith("/")]
    root = os.path.commonpath([str(Path(path).parent) for path in paths]) if paths else ""
    return {
        location: f"catalogue:{Path(location).relative_to(root)}" if location in paths else location
        for location in documents.own
    }


def _file_name(location: str, data: bytes, taken: set[str]) -> str:
    """Return a plain file name that reminds of the location and is not taken yet."""
    suffix = ".xsd" if parse(data, location).tag == f"{{{XSD}}}schema" else ".wsdl"
    last = urlsplit(location).path.rstrip("/").rpartition("/")[2]
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", re.sub(r"\.(wsdl|xsd|xml)$", "", last)).strip("-") or "document"
    name, number = f"{stem}{suffix}", 2
    while name.lower() in taken:
        name, number = f"{stem}-{number}{suffix}", number + 1
    taken.add(name.lower())
    return name


def _wrong(where: str, what: str) -> Misconfigured:
    return Misconfigured(what, where=where, hint=_HINT)
