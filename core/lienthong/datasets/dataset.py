"""A dataset: one version of a contract about the shape, key, owner and sensitivity of records.

The file is a JSON Schema (2020-12) whose annotation keyword ``x-lienthong`` carries what a schema
has no word for: at the root ``key``, ``owner``, ``title``, ``sector``, ``crs``, ``valid_at``, ``text``
and ``class``; at a property ``class``, ``check`` and ``codelist``. See ``docs/datasets.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lienthong.datasets.fields import CLASSES, PERSONAL, Field, fields_of, undecided
from lienthong.errors import Misconfigured
from lienthong.exchange import AGENCY_CODE, Text
from lienthong.paths import spelled
from lienthong.records import digest

if TYPE_CHECKING:
    from lienthong.datasets.catalogue import Catalogue
    from lienthong.datasets.validator import Validator

_ROOT_NOTES = {"key", "owner", "title", "sector", "crs", "valid_at", "class", "text"}


@dataclass(frozen=True, slots=True)
class Dataset:
    """One version of a dataset.

    ``key``: dotted paths of the fields that name a record. ``owner``: agency code. ``crs``: the
    coordinate reference system (``EPSG:9210``) of its geometries, "" without geometry. ``valid_at``:
    the field whose day decides which codes were in force, "" where none does. ``text``: ``nfc`` where
    texts are composed as they arrive, else they stay as they came. ``digest``: SHA-256 of the file's
    canonical JSON.
    """

    name: str
    version: int
    schema: Mapping[str, Any]
    key: tuple[str, ...]
    owner: str
    title: Text
    sector: str
    crs: str
    valid_at: str
    digest: str
    by_path: Mapping[str, Field] = field(repr=False)
    text: str = ""

    @property
    def ref(self) -> str:
        """``name/version``, the way exchanges and mappings name it."""
        return f"{self.name}/{self.version}"

    @property
    def content(self) -> Mapping[str, Any]:
        """The file's content: the JSON Schema with our annotations."""
        return self.schema

    def fields(self) -> Mapping[str, Field]:
        """Return every field by path, parents before children, items of an array under ``Array[]``."""
        return self.by_path

    @property
    def classification(self) -> dict[str, str]:
        """The class of every leaf field by path."""
        return {path: item.classification for path, item in self.by_path.items() if item.leaf}

    @property
    def decimals(self) -> tuple[str, ...]:
        """The paths of fields that hold decimals, numbers as text with all their digits."""
        return tuple(path for path, item in self.by_path.items() if item.decimal)

    @property
    def personal_paths(self) -> tuple[str, ...]:
        """The paths of leaf fields that are ``personal`` or ``sensitive``."""
        return tuple(path for path, name in self.classification.items() if name in PERSONAL)

    def validator(self, catalogue: Catalogue) -> Validator:
        """Return this dataset's compiled validator (compiled once for a catalogue)."""
        from lienthong.datasets.validator import Validator  # DAG files never pay for it

        return catalogue.once(("validator", self.ref, self.digest), lambda: Validator(self, catalogue))

    @classmethod
    def from_dict(cls, ref: str, schema: Mapping[str, Any], file: str = "") -> Dataset:
        """Return the dataset a file describes; `Misconfigured` names the file and what it lacks."""
        name, _, version = ref.rpartition("/")
        where = f"dataset {ref!r}"
        note = schema.get("x-lienthong")
        if schema.get("type") != "object" or not isinstance(note, Mapping):
            raise Misconfigured(
                "the root must be of type object and carry x-lienthong",
                where=where,
                hint="see docs/datasets.md",
            )
        unknown = set(note) - _ROOT_NOTES
        if unknown:
            raise Misconfigured(f"x-lienthong has unknown words {sorted(unknown)}", where=where)
        _require_decided(schema, f"{where} ({file})" if file else where)
        by_path = {item.path: item for item in fields_of(schema, where)}
        dataset = cls(
            name=name,
            version=int(version),
            schema=schema,
            key=tuple(spelled(path, by_path) for path in note.get("key", ())),
            owner=note.get("owner", ""),
            title=_title(note, where),
            sector=note.get("sector", ""),
            crs=note.get("crs") or "",
            valid_at=spelled(note.get("valid_at", ""), by_path),
            digest=digest(schema),
            by_path=by_path,
            text=note.get("text", ""),
        )
        dataset._check(where)
        return dataset

    def _check(self, where: str) -> None:
        if not self.key:
            raise Misconfigured("no key", where=where, hint="name the fields that identify a record in key")
        for path in (*self.key, *([self.valid_at] if self.valid_at else [])):
            if path not in self.by_path:
                raise Misconfigured(f"key or valid_at names {path!r}, which is no field", where=where)
        for path in self.key:
            if not self.by_path[path].required:
                raise Misconfigured(f"the key field {path!r} is not required", where=where)
        if self.text not in ("", "nfc", "as-is"):
            raise Misconfigured(f"text is {self.text!r}", where=where, hint='write "nfc" or "as-is"')
        if not AGENCY_CODE.match(self.owner):
            raise Misconfigured("owner is no agency code", where=where, hint="give a code such as H21 or G22")
        geometry = [path for path, item in self.by_path.items() if item.geometry]
        if geometry and not self.crs:
            raise Misconfigured(f"the geometry field {geometry[0]!r} needs a crs", where=where)


def _require_decided(schema: Mapping[str, Any], where: str) -> None:
    open_ones = [path or "the root" for path in undecided(schema)]
    if open_ones:
        raise Misconfigured(
            f"nobody has decided the class of {', '.join(open_ones)}",
            where=where,
            hint=f"write one of {', '.join(CLASSES)} in the place of each 'undecided'",
        )


def _title(note: Mapping[str, Any], where: str) -> Text:
    title = note.get("title")
    if not isinstance(title, Mapping) or not all(title.get(language) for language in ("vi", "en")):
        raise Misconfigured(
            "no title in both languages", where=where, hint='give "title": {"vi": …, "en": …}'
        )
    return Text(title["vi"], title["en"])


__all__ = ["CLASSES", "PERSONAL", "Dataset", "Field"]
