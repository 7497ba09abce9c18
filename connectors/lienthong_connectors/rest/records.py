"""How the records of an answer stand in it, as settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from lienthong.connector import option
from lienthong.paths import Each, joined, steps
from lienthong_connectors.rest.settings_common import require

Form = Literal["list", "keyed", "rows", "single", "one-or-many"]
_FORMS: Final = ("list", "keyed", "rows", "single", "one-or-many")


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Where the records of an answer are, and in what form, where that is more than a path of a list.

    ``form`` list: objects in a list. keyed: an object whose members are the records, by their ids. rows:
    lists of values beside a list of columns. single: one object, which is the record. one-or-many: a list, or
    an object in place of a list of one. ``absent`` says what an answer without the list must hold to be an
    empty one; with another list of objects in it, it is not: then the path is wrong.
    """

    path: str = option("", doc="path of the list; behind [*] the path of the record in each element")
    form: Form = option("list", doc="list, keyed, rows, single or one-or-many")
    id: str = option("", doc="keyed: member that takes the name under which a record stands")
    value: str = option("", doc="keyed: member that takes what stands there, where that is no object")
    columns: str = option("", doc="rows: path of the list of columns, which are names or objects with a name")
    column: str = option("name", doc="rows: member of a column that is its name")
    names: tuple[str, ...] = option((), doc="rows: the columns, where the answer does not name them")
    texts: tuple[str, ...] = option((), doc="paths of texts that hold JSON: they are read as what they hold")
    beside: tuple[str, ...] = option((), doc="members of an element that go into the record behind [*], too")
    absent: Mapping[str, tuple[str, ...]] | None = option(
        None, doc="an answer without the list is an empty one if it says this: path -> values, () for any"
    )
    others: tuple[str, ...] = option((), doc="absent: other lists of objects that may be in such an answer")

    def __post_init__(self) -> None:
        require(self.form in _FORMS, "records.form", ", ".join(_FORMS))
        require((self.form == "keyed") is bool(self.id), "records.id", "a member's name exactly with keyed")
        require(not self.value or self.form == "keyed", "records.value", "none: this is for keyed")
        columns = bool(self.columns) != bool(self.names) if self.form == "rows" else not self.columns
        require(columns, "records.columns", "exactly one of columns and names, with rows")
        require(self.form == "rows" or not self.names, "records.names", "none: this is for rows")
        require(len(set(self.names)) == len(self.names), "records.names", "each name once")
        found = steps(self.path)
        unwraps = found.count(Each.ITEM)
        require(unwraps <= 1, "records.path", "one [*] at most: lists of lists are not laid flat")
        require(not unwraps or self.form in ("list", "one-or-many"), "records.path", "[*] with a list only")
        require(not self.beside or self.record, "records.beside", "none without a path behind [*]")
        for path in (*self.texts, *(self.absent or {})):
            steps(path)

    @property
    def list(self) -> str:
        """The path of the list itself."""
        found = steps(self.path)
        return joined(found[: found.index(Each.ITEM)]) if Each.ITEM in found else self.path

    @property
    def record(self) -> str:
        """The path of the record in an element of the list, empty where the element is the record."""
        found = steps(self.path)
        return joined(found[found.index(Each.ITEM) + 1 :]) if Each.ITEM in found else ""

    @property
    def streams(self) -> bool:
        """Whether the records can be taken while the answer arrives."""
        return self.form == "list" and not self.texts


def described(said: Any) -> Records:
    """Return what the setting ``records`` says: a path, or more."""
    return said if isinstance(said, Records) else Records(path=said)
