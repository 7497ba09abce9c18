"""A starting exchange before it is written: who gives what to whom, and what is only a guess.

The other end is a database table, because everybody has one: records that a service gives become rows, rows
become records that it takes.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lienthong.errors import Misconfigured, UnknownName
from lienthong_connectors.soap.contract import leaves
from lienthong_connectors.soap.starter_data import dataset, mapping, rows

Json = dict[str, Any]
UNDECIDED: Final = "undecided"
"""What stands in the place of a class until a person has decided; `lienthong check` refuses it."""
REVIEW: Final = (
    "decide the class of each field: write open, internal, personal or sensitive in the place of undecided"
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One argument of a connector's settings: its value as Python source, and what a person should know."""

    name: str
    source: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Ends:
    """The connector's end of a starting exchange.

    ``settings`` are arguments of class ``klass`` of ``module``, ``names`` further names of that module.
    ``remarks`` are said where the settings stand. ``connection`` is the connection to fill in, as Airflow
    stores it.
    """

    module: str
    klass: str
    settings: tuple[Setting, ...]
    names: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    connection: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A starting exchange: names, contracts by ref, and its connector's end.

    ``columns`` is the table that is read, where rows are (schemas by name), ``cursor`` a remark on what
    could be one.
    """

    name: str
    title: str
    role: str
    connection_id: str
    end: Ends
    table: str
    key: str
    datasets: Mapping[str, Json]
    mappings: Mapping[str, Json]
    reads: str
    produces: str
    columns: Mapping[str, Json] = field(default_factory=dict)
    provider: str = ""
    consumer: str = ""
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What a starting exchange is called: the system, the thing, and who owns it."""

    space: str
    noun: str
    title: str
    owner: str = ""

    def ref(self, kind: str = "") -> str:
        """Return the name of a contract."""
        return f"{self.space}.{self.noun}{f'-{kind}' if kind else ''}/1"

    @property
    def table(self) -> str:
        """The table at the other end."""
        return self.noun.replace("-", "_")


def giving(names: Names, record: Json, key: str, further: tuple[str, ...] = ()) -> Json:
    """Return the contracts of an exchange whose records become rows: arguments of `Plan`.

    ``further`` are the other fields of a key of several, which are required and stand at the top.
    """
    flat, paths = rows(record, nullable=False)
    column = next((name for name, path in paths.items() if path == key), "")
    if not column:
        raise no_member(key, record)
    came, row = names.ref(), names.ref("row")
    owner = names.owner or "H00"
    return {
        "table": names.table,
        "key": column,
        "datasets": {
            came: _keyed(open_classes(dataset(record, key, owner, names.title, closed=False)), further),
            row: _keyed(
                open_classes(dataset(flat, column, owner, f"{names.title}: rows", closed=True)), further
            ),
        },
        "mappings": {f"{came[:-2]}-to-row/1": mapping(came, row, names.title, paths)},
        "reads": came,
        "produces": row,
    }


def taking(names: Names, record: Json, key: str) -> Json:
    """Return the contracts of an exchange whose rows become a service's records: arguments of `Plan`."""
    flat, paths = rows(record, nullable=True)
    column = next((name for name, path in paths.items() if path == key), "")
    if not column:
        raise no_member(key, record)
    row, sent = names.ref("row"), names.ref()
    owner = names.owner or "H00"
    back = {path: name for name, path in paths.items()}
    return {
        "table": names.table,
        "key": column,
        "columns": {name: flat["properties"][name] for name in paths},
        "datasets": {
            row: open_classes(dataset(flat, column, owner, f"{names.title}: rows", closed=False)),
            sent: open_classes(dataset(record, key, owner, names.title, closed=False)),
        },
        "mappings": {f"{row[:-2]}-to-request/1": mapping(row, sent, names.title, back)},
        "reads": row,
        "produces": sent,
    }


def open_classes(content: Json) -> Json:
    """Return a dataset in which every field says that nobody has decided its class."""
    note = {word: value for word, value in content["x-lienthong"].items() if word != "class"}
    return {**_opened(content), "$comment": REVIEW, "x-lienthong": note}


def _keyed(content: Json, further: tuple[str, ...]) -> Json:
    note = content["x-lienthong"]
    return {**content, "x-lienthong": {**note, "key": [*note["key"], *further]}} if further else content


def no_member(key: str, record: Json) -> UnknownName:
    """Return the error of a key that no record has."""
    there = ", ".join(path for path, *_ in leaves(record))
    return UnknownName(f"there is no member {key!r}", where="--key", hint=f"there is: {there}")


def no_key(where: str) -> Misconfigured:
    """Return the error of records that nothing names."""
    return Misconfigured("no member could be the key of a record", where=where, hint="name one with --key")


def kebab(name: str) -> str:
    """Return a name as names of contracts are, ``listParcels`` as ``list-parcels``."""
    letters = unicodedata.normalize("NFD", name.replace("Đ", "D").replace("đ", "d"))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    spaced = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3-\2\4", plain)
    found = re.sub(r"[^a-z0-9]+", "-", spaced.lower()).strip("-")[:60].strip("-")
    return found if found[:1].isalpha() else f"x-{found}".strip("-")


def variable(name: str) -> str:
    """Return a name that can be an exchange's id and a variable of Python: ``class`` is none."""
    return f"{name}_exchange" if keyword.iskeyword(name) or len(name) < 2 else name


def _opened(schema: Json) -> Json:
    """Return a schema with an undecided class at each field that has none below."""
    made = dict(schema)
    for name, child in schema.get("properties", {}).items():
        made["properties"] = {**made["properties"], name: _field(child)}
    if isinstance(schema.get("items"), dict):
        made["items"] = _field(schema["items"])
    return made


def _field(schema: Json) -> Json:
    if schema.get("properties") or isinstance(schema.get("items"), dict):
        return _opened(schema)
    return {**schema, "x-lienthong": {**schema.get("x-lienthong", {}), "class": UNDECIDED}}
