"""Published versions: what was promised, and whether the files still say so.

``published.json`` of a schemas package holds, for every published dataset and mapping, its digest
and a copy as it was published, so that an edit in place can be compared with the promise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from lienthong.datasets.catalogue import Catalogue
from lienthong.datasets.compatibility import Change, compare
from lienthong.datasets.dataset import Dataset
from lienthong.errors import Incompatible, Misconfigured
from lienthong.faults import file_faults
from lienthong.records import digest

FILE_NAME = "published.json"


@dataclass(frozen=True, slots=True)
class ContractFinding:
    """One published or new version that differs from what was promised.

    ``kind``: ``changed``, ``removed`` or ``unpublished``. ``breaking``: whether somebody is broken;
    ``exchanges``: the ids of those that use it. ``changes``: the single differences.
    """

    ref: str
    kind: str
    breaking: bool
    changes: tuple[Change, ...] = ()
    exchanges: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = "; ".join(
            f"{change.path or 'root'}: {change.en}" for change in self.changes if not change.compatible
        )
        users = f" (used by {', '.join(self.exchanges)})" if self.exchanges else ""
        return f"{self.ref} {self.kind}{': ' + what if what else ''}{users}"


def published_of(packages: Iterable[str]) -> dict[str, Any]:
    """Return the promises of some packages, merged: ``{"datasets": {ref: …}, "mappings": {ref: …}}``."""
    merged: dict[str, Any] = {"datasets": {}, "mappings": {}}
    for package in packages:
        path = files(import_module(package)) / FILE_NAME
        if path.is_file():
            data = json.loads(path.read_text("utf-8"))
            for kind, entries in merged.items():
                entries.update(data.get(kind, {}))
    return merged


def check_catalogue(
    catalogue: Catalogue,
    published: Mapping[str, Any] | None = None,
    consumers: Mapping[str, list[str]] | None = None,
) -> list[ContractFinding]:
    """Return how the catalogue differs from what was published.

    ``consumers`` maps a dataset's or mapping's ref to the ids of exchanges that use it, which are
    named where they break. Without ``published`` the promises of the catalogue's packages count.
    """
    promises = published_of(catalogue.packages) if published is None else published
    users = consumers or {}
    found: list[ContractFinding] = []
    for ref, promise in sorted(promises.get("datasets", {}).items()):
        found += _dataset(catalogue, ref, promise, tuple(users.get(ref, ())))
    for ref, promise in sorted(promises.get("mappings", {}).items()):
        found += _mapping(catalogue, ref, promise, tuple(users.get(ref, ())))
    for kind, refs in (("datasets", catalogue.datasets()), ("mappings", catalogue.mappings())):
        found += [
            ContractFinding(ref, "unpublished", False) for ref in refs if ref not in promises.get(kind, {})
        ]
    return found


def require_compatible(
    catalogue: Catalogue,
    published: Mapping[str, Any] | None = None,
    consumers: Mapping[str, list[str]] | None = None,
) -> None:
    """Raise `Incompatible`, naming versions and exchanges, where a published version broke its promise."""
    broken = [finding for finding in check_catalogue(catalogue, published, consumers) if finding.breaking]
    if broken:
        raise Incompatible(
            "; ".join(map(str, broken)),
            where="catalogue",
            hint="restore the published file and put the change into a new version",
        )


def publish(catalogue: Catalogue, path: Path, refs: Iterable[str] | None = None) -> list[str]:
    """Add versions (all unpublished ones by default) to a ``published.json``; return what was added.

    Raises `Incompatible` where a version is published already with other content that breaks users.
    """
    data = _read(path)
    for kind in ("datasets", "mappings"):
        data.setdefault(kind, {})
    wanted = set(refs) if refs is not None else {*catalogue.datasets(), *catalogue.mappings()}
    require_compatible(catalogue, {kind: _only(data[kind], wanted) for kind in ("datasets", "mappings")})
    added = []
    for kind, word, entries in _contents(catalogue):
        for ref, content in entries.items():
            entry = {"digest": digest(content), word: content}
            if ref in wanted and data[kind].get(ref) != entry:
                data[kind][ref] = entry
                added.append(ref)
    with file_faults("the published versions cannot be written", path):
        path.write_text(json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    return sorted(added)


def _read(path: Path) -> dict[str, Any]:
    with file_faults("the published versions cannot be read", path):
        text = path.read_bytes() if path.exists() else b"{}"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise Misconfigured("the published versions are not JSON", where=str(path)) from None
    if not isinstance(data, dict):
        raise Misconfigured("the published versions are no JSON object", where=str(path))
    return data


def _contents(catalogue: Catalogue) -> list[tuple[str, str, dict[str, Mapping[str, Any]]]]:
    datasets = {ref: catalogue.dataset(ref).schema for ref in catalogue.datasets()}
    mappings = {ref: catalogue.mapping_file(ref).data for ref in catalogue.mappings()}
    return [("datasets", "schema", datasets), ("mappings", "mapping", mappings)]


def _only(entries: Mapping[str, Any], wanted: set[str]) -> dict[str, Any]:
    return {ref: entry for ref, entry in entries.items() if ref in wanted}


def _dataset(
    catalogue: Catalogue, ref: str, promise: Mapping[str, Any], users: tuple[str, ...]
) -> list[ContractFinding]:
    if not catalogue.has("datasets", ref):
        return [ContractFinding(ref, "removed", True, exchanges=users)]
    now = catalogue.dataset(ref)
    if now.digest == promise["digest"]:
        return []
    changes = tuple(compare(Dataset.from_dict(ref, promise["schema"]), now))
    breaking = any(not change.compatible for change in changes)
    return [ContractFinding(ref, "changed", breaking, changes, users if breaking else ())]


def _mapping(
    catalogue: Catalogue, ref: str, promise: Mapping[str, Any], users: tuple[str, ...]
) -> list[ContractFinding]:
    if not catalogue.has("mappings", ref):
        return [ContractFinding(ref, "removed", True, exchanges=users)]
    now = catalogue.mapping_file(ref)
    if now.digest == promise["digest"]:
        return []
    breaking = _effective(now.data) != _effective(promise["mapping"])
    change = Change("", "mapping.changed", "both", "Đổi quy tắc ánh xạ", "the rules of the mapping changed")
    return [
        ContractFinding(ref, "changed", breaking, (change,) if breaking else (), users if breaking else ())
    ]


def _effective(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != "title"}
