"""The catalogue: every dataset, mapping and code list that installed packages bring.

A package joins by an entry point in the group ``lienthong.schemas`` whose value is the package's
import name. It holds ``datasets/<name>/<version>.json``, ``mappings/<name>/<version>.json`` and
``codelists/<name>.json`` (``codelists/translations/<name>.json``, ``codelists/<name>.csv``). Only
file names are listed at first; a file is read on first use.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import orjson

from lienthong.datasets.codelists import AdministrativeUnits, CodeList, Translation
from lienthong.datasets.dataset import Dataset
from lienthong.errors import Misconfigured, UnknownName
from lienthong.records import digest

if TYPE_CHECKING:
    from lienthong.mapping.compiled import CompiledMapping

GROUP = "lienthong.schemas"
_KINDS = ("datasets", "mappings", "codelists", "translations", "units")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping as it stands in its file, not yet compiled (see `lienthong.mapping`)."""

    ref: str
    data: Mapping[str, Any]

    @property
    def source(self) -> str:
        """The dataset it reads, ``name/version``."""
        return str(self.data.get("from", ""))

    @property
    def target(self) -> str:
        """The dataset it makes, ``name/version``."""
        return str(self.data.get("to", ""))

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the file's canonical JSON."""
        return digest(self.data)


class Catalogue:
    """Datasets, mappings and code lists by name; everything is read once and kept."""

    def __init__(
        self, found: Mapping[str, Mapping[str, Traversable]], packages: tuple[str, ...] = ()
    ) -> None:
        """Take ``found``: kind -> name -> file; ``packages`` may bring functions for mappings."""
        self.packages = packages
        self._files = {kind: dict(found.get(kind, {})) for kind in _KINDS}
        self._kept: dict[Any, Any] = {}

    @classmethod
    def load(cls) -> Catalogue:
        """Return the catalogue of all installed packages, the same one on every call."""
        return _installed()

    @classmethod
    def from_packages(cls, packages: Iterable[str]) -> Catalogue:
        """Return the catalogue of some packages by import name; `Misconfigured` where two claim one name."""
        names = tuple(packages)
        found: dict[str, dict[str, Traversable]] = {kind: {} for kind in _KINDS}
        for package in names:
            for kind, name, path in _listed(package):
                if name in found[kind]:
                    raise Misconfigured(
                        f"{kind} {name!r} comes from two packages",
                        where=package,
                        hint="uninstall or rename one",
                    )
                found[kind][name] = path
        return cls(found, names)

    def datasets(self) -> tuple[str, ...]:
        """Return the refs of all datasets, sorted."""
        return tuple(sorted(self._files["datasets"]))

    def mappings(self) -> tuple[str, ...]:
        """Return the refs of all mappings, sorted."""
        return tuple(sorted(self._files["mappings"]))

    def codelists(self) -> tuple[str, ...]:
        """Return the names of all code lists, sorted."""
        return tuple(sorted(self._files["codelists"]))

    def translations(self) -> tuple[str, ...]:
        """Return the names of all translations between code lists, sorted."""
        return tuple(sorted(self._files["translations"]))

    def dataset(self, ref: str) -> Dataset:
        """Return a dataset by ``name/version``; `UnknownName` lists what is near."""

        def read() -> Dataset:
            return Dataset.from_dict(ref, self._read("datasets", ref), str(self._files["datasets"][ref]))

        return self.once(("datasets", ref), read)

    def mapping(self, ref: str) -> CompiledMapping:
        """Return a compiled mapping by ``name/version``; `UnknownName` lists what is near.

        `InvalidExchange` names mapping, rule and field where it contradicts its datasets.
        """
        from lienthong.mapping.compiled import Mapping as Rules  # mappings know datasets, not so back

        return self.once(("mapping", ref), lambda: Rules.compile(self.mapping_file(ref).data, self, ref))

    def mapping_file(self, ref: str) -> MappingFile:
        """Return a mapping as it stands in its file; `UnknownName` lists what is near."""
        return self.once(("mappings", ref), lambda: MappingFile(ref, self._read("mappings", ref)))

    def codelist(self, name: str) -> CodeList:
        """Return a code list; `UnknownName` lists what is near."""
        return self.once(("codelists", name), lambda: CodeList.from_dict(name, self._read("codelists", name)))

    def translation(self, name: str) -> Translation:
        """Return a translation between code lists; `UnknownName` lists what is near."""
        return self.once(
            ("translations", name), lambda: Translation.from_dict(name, self._read("translations", name))
        )

    def administrative_units(self) -> AdministrativeUnits:
        """Return all administrative units with their terms."""
        return self.once(("units",), self._units)

    def has(self, kind: str, name: str) -> bool:
        """Tell whether something is there, without reading it; kinds as the methods are named."""
        return name in self._files[kind]

    def require(self, kind: str, name: str) -> None:
        """Raise `UnknownName`, with near matches and existing versions, where something is not there."""
        if name not in self._files[kind]:
            raise _unknown(kind, name, sorted(self._files[kind]))

    def once(self, key: Any, make: Callable[[], _T]) -> _T:
        """Return what ``make`` returned the first time it was asked for under ``key``."""
        if key not in self._kept:
            self._kept[key] = make()
        return cast("_T", self._kept[key])

    def _read(self, kind: str, name: str) -> dict[str, Any]:
        self.require(kind, name)
        try:
            data = orjson.loads(self._files[kind][name].read_bytes())
        except orjson.JSONDecodeError as error:
            raise Misconfigured(f"not JSON: {error}", where=f"{kind} {name!r}") from None
        if not isinstance(data, dict):
            raise Misconfigured("not a JSON object", where=f"{kind} {name!r}")
        return data

    def _units(self) -> AdministrativeUnits:
        self.require("units", "administrative-unit")
        return AdministrativeUnits.from_csv(self._files["units"]["administrative-unit"].read_text("utf-8"))


@cache
def _installed() -> Catalogue:
    return Catalogue.from_packages(dict.fromkeys(entry.module for entry in entry_points(group=GROUP)))


def _listed(package: str) -> Iterator[tuple[str, str, Traversable]]:
    """Yield (kind, name, file) of everything in a package, without opening a file."""
    root = files(import_module(package))
    for kind in ("datasets", "mappings"):
        for folder in _entries(root / kind):
            for path in _entries(folder):
                stem, _, suffix = path.name.rpartition(".")
                if suffix == "json" and stem.isdigit():
                    yield kind, f"{folder.name}/{stem}", path
    lists = root / "codelists"
    for path in _entries(lists):
        stem, _, suffix = path.name.rpartition(".")
        if suffix in ("json", "csv"):
            yield "codelists" if suffix == "json" else "units", stem, path
    for path in _entries(lists / "translations"):
        if path.name.endswith(".json"):
            yield "translations", path.name.removesuffix(".json"), path


def _entries(folder: Traversable) -> list[Traversable]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _unknown(kind: str, name: str, known: list[str]) -> UnknownName:
    stem = name.rpartition("/")[0]
    versions = [other for other in known if stem and other.rpartition("/")[0] == stem]
    near = versions or difflib.get_close_matches(name, known, 5, 0.4)
    hint = f"did you mean {', '.join(near)}?" if near else f"there are {len(known)}: {', '.join(known[:10])}"
    return UnknownName(f"there is nothing called {name!r} among the {kind}", where="catalogue", hint=hint)
