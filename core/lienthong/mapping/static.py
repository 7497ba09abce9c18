"""The static check of a mapping against both its datasets, while the DAG file is parsed.

Nothing here runs for a record. Every complaint names mapping, rule and field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from lienthong.datasets.catalogue import Catalogue
from lienthong.datasets.fields import CLASSES, Field, json_type, rank
from lienthong.errors import InvalidExchange, UnknownName
from lienthong.mapping import converters
from lienthong.mapping.functions import function
from lienthong.paths import holder, last, listed, relative, spelled, within

WORDS = {
    "to",
    "from",
    "constant",
    "join",
    "with",
    "split",
    "codes",
    "otherwise",
    "date",
    "text",
    "as",
    "default",
}
WORDS |= {"when", "call", "each", "drop", "note", "declassified"}
_ORIGINS = ("from", "constant", "join", "call")
_CONDITIONS = ({"field", "is"}, {"field", "in"}, {"field", "not"}, {"field", "present"})
_NAME_PARTS = ("Ho", "ChuDem", "Ten")
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where rules read and write: ``source`` and ``target`` fields by path relative to the item.

    ``root`` are the source's fields by full path, for ``$.`` paths inside ``each``.
    """

    source: Mapping[str, Field]
    target: Mapping[str, Field]
    root: Mapping[str, Field]
    where: str
    catalogue: Catalogue

    def inside(self, rule: Object) -> Scope:
        """Return the scope of the sub-rules of an ``each``: the items of the lists on both sides."""
        path = rule["from"]
        fields = self.root if path.startswith(("$.", "$[")) else self.source
        below = _under(fields, _rooted(path))
        return Scope(below, _under(self.target, rule["to"]), self.root, self.where, self.catalogue)

    def find(self, path: str) -> Field | None:
        """Return the source field of a path, None where there is none."""
        if path.startswith(("$.", "$[")):
            return self.root.get(_rooted(path))
        return self.source.get(path)


def _rooted(path: str) -> str:
    """Return a path without what says that it begins at the record."""
    return path.removeprefix("$").removeprefix(".") if path.startswith(("$.", "$[")) else path


def check_rules(rules: Sequence[Object], scope: Scope, prefix: str = "") -> None:
    """Check the rules of a mapping or of an ``each``; raise `InvalidExchange` at the first that is wrong."""
    made: set[str] = set()
    for number, rule in enumerate(rules, 1):
        if not isinstance(rule, Mapping):
            raise InvalidExchange(f"rule {prefix}{number} is no object", where=scope.where)
        check = _Check(rule, scope, f"{prefix}{number}")
        try:
            check.run(made)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            check.fail(f"is malformed ({type(error).__name__}: {error})", "see docs/datasets.md")
    for path in _needed(scope.target):
        if not any(within(path, name) for name in made):
            raise InvalidExchange(
                f"no rule {f'of rule {prefix[:-1]} ' if prefix else ''}makes the required field {path!r}",
                where=scope.where,
                hint="add a rule with from, constant, join or call",
            )


def required(target: Mapping[str, Field]) -> list[str]:
    """Return the target fields a record must have: required, not null, not inside a list."""
    return [path for path in _needed(target) if not listed(path) and "object" not in target[path].types]


def _needed(target: Mapping[str, Field]) -> list[str]:
    return [
        path
        for path, field in target.items()
        if field.required and not listed(path) and (field.leaf or "array" in field.types)
    ]


def _under(fields: Mapping[str, Field], path: str) -> dict[str, Field]:
    """Return the fields of a list's items by path relative to the item, with their own ``required``."""
    items = f"{path}[]"
    return {
        relative(name, items): _relative(field, name, fields, items)
        for name, field in fields.items()
        if name != items and within(name, items) and not relative(name, items).startswith("[]")
    }


def _relative(field: Field, name: str, fields: Mapping[str, Field], items: str) -> Field:
    """Return a field as required within its item (absolutely, nothing inside a list is)."""
    has, path = True, name
    while path != items:
        outer = holder(path)
        has = has and last(path) in fields[outer].schema.get("required", ())
        path = outer
    return Field(
        field.path, field.types, has, field.classification, field.leaf, field.extra, field.note, field.schema
    )


class _Check:
    """The check of one rule."""

    def __init__(self, rule: Object, scope: Scope, number: str) -> None:
        self.rule, self.scope, self.number = rule, scope, number

    def fail(self, message: str, hint: str = "") -> NoReturn:
        """Raise `InvalidExchange` for this rule."""
        target = self.rule.get("to", self.rule.get("drop", ""))
        raise InvalidExchange(f"rule {self.number} ({target}): {message}", where=self.scope.where, hint=hint)

    def run(self, made: set[str]) -> None:
        """Check everything and note in ``made`` which targets are written."""
        rule = self.rule
        unknown = set(rule) - WORDS
        if unknown:
            self.fail(f"unknown words {sorted(unknown)}", f"words are {', '.join(sorted(WORDS))}")
        if "drop" in rule:
            self._dropped()
            return
        origins = [word for word in _ORIGINS if word in rule]
        if "to" not in rule or len(set(origins) - {"from"} if "call" in rule else origins) != 1:
            self.fail("needs to and exactly one of from, constant, join or call")
        self._sources()
        self._conditions()
        self._words()
        for path in self._targets():
            if path in made and "when" not in rule:
                self.fail(f"{path!r} is made by an earlier rule already", "give the later rule a when")
            made.add(path)
            self._classes(self.scope.target[path])
            self._types(self.scope.target[path])
        if "each" in rule:
            self._each()

    def _dropped(self) -> None:
        rule = self.rule
        if not set(rule) <= {"drop", "note"} or not isinstance(rule["drop"], list):
            self.fail("a drop rule lists source fields and has no other word but note")
        for path in rule["drop"]:
            self._require_source(path)

    def _sources(self) -> None:
        for path in self.paths():
            self._require_source(path)

    def paths(self) -> Iterator[str]:
        """Yield every source path the rule reads, conditions aside."""
        for word in ("from", "join"):
            value = self.rule.get(word, ())
            yield from [value] if isinstance(value, str) else value

    def _require_source(self, path: str) -> None:
        if self.scope.find(path) is None:
            self.fail(f"the source has no field {path!r}", _near(path, self.scope.source))

    def _conditions(self) -> None:
        when = self.rule.get("when", [])
        for condition in when if isinstance(when, list) else [when]:
            if not isinstance(condition, Mapping) or set(condition) not in _CONDITIONS:
                self.fail("when needs field and one of is, in, not, present")
            self._require_source(condition["field"])

    def _words(self) -> None:
        """Check that code lists, formats, operations and functions exist."""
        rule, scope = self.rule, self.scope
        try:
            if "codes" in rule:
                scope.catalogue.require("translations", rule["codes"])
            if "date" in rule:
                converters.date(rule["date"])
            converters.text(rule.get("text", ()))
            if "as" in rule:
                converters.AS[rule["as"]]
            if rule.get("split", "name") != "name":
                converters.part(rule["split"])
        except (KeyError, ValueError, TypeError, UnknownName) as error:
            self.fail(f"{error}".strip("'\""), "see the table of rules in docs/datasets.md")
        if "call" in rule:
            function(rule["call"], scope.catalogue.packages, f"{scope.where} rule {self.number}")

    def _targets(self) -> list[str]:
        target, by_name = self.rule["to"], self.rule.get("split") == "name"
        if isinstance(target, Mapping) != by_name or (by_name and not set(target) <= set(_NAME_PARTS)):
            self.fail('to is an object of Ho, ChuDem, Ten exactly where "split": "name" is given')
        paths = [target] if isinstance(target, str) else list(target.values())
        for path in paths:
            if path not in self.scope.target or listed(path):
                self.fail(f"the target has no field {path!r}", _near(path, self.scope.target))
        return paths

    def _classes(self, target: Field) -> None:
        """Refuse to lower a classification silently."""
        if "declassified" in self.rule or "constant" in self.rule:
            return
        read = [found for path in self.paths() if (found := self.scope.find(path)) is not None]
        classes = [field.classification for field in read]
        if "call" in self.rule and "from" not in self.rule:
            classes = [field.classification for field in self.scope.source.values()]
        highest = max((rank(name) for name in classes if name in CLASSES), default=0)
        if (
            target.classification in CLASSES
            and "each" not in self.rule
            and rank(target.classification) < highest
        ):
            self.fail(
                f"{CLASSES[highest]} data would become {target.classification} in {target.path!r}",
                'raise the target\'s class, or say in "declassified" why the result is no longer personal',
            )

    def _types(self, target: Field) -> None:
        yielded = self._yields()
        allowed = target.types | ({"integer"} if "number" in target.types else set())
        if yielded is not None and not yielded & allowed:
            made, held = "/".join(sorted(yielded)), "/".join(sorted(target.types))
            self.fail(f"makes {made}, but {target.path!r} holds {held}")
        for word in ("constant", "default"):
            if word in self.rule:
                self._fits(self.rule[word], target, allowed)

    def _fits(self, value: Any, target: Field, allowed: frozenset[str] | set[str]) -> None:
        listed = target.schema.get("enum")
        if json_type(value) not in allowed or (listed is not None and value not in listed):
            self.fail(f"the constant or default does not fit {target.path!r}")

    def _yields(self) -> frozenset[str] | None:
        """Return the JSON types the rule may make, None where only running it tells."""
        rule = self.rule
        if "each" in rule:
            return frozenset({"array"})
        if "as" in rule:
            return frozenset({converters.AS[rule["as"]][1]})
        if "date" in rule:
            return frozenset({"integer"} if rule["date"]["to"] == "epoch-ms" else {"string"})
        if "codes" in rule:
            values = [*self.scope.catalogue.translation(rule["codes"]).codes.values()]
            values += [rule["otherwise"]] if "otherwise" in rule else []
            return frozenset(map(json_type, values))
        if {"text", "split", "join"} & set(rule):
            return frozenset({"string"})
        if "constant" in rule:
            return frozenset({json_type(rule["constant"])})
        found = self.scope.find(rule["from"]) if "from" in rule and "call" not in rule else None
        return found.types - {"null"} if found else None

    def _each(self) -> None:
        rule = self.rule
        if not isinstance(rule.get("from"), str) or not isinstance(rule["to"], str):
            self.fail("each needs one from and one to")
        source = self.scope.find(rule["from"])
        if source is None or "array" not in source.types:
            self.fail("each needs a list in from")
        check_rules(rule["each"], self.scope.inside(rule), f"{self.number}.")


def _near(path: str, fields: Mapping[str, Field]) -> str:
    import difflib  # only for the sentence of an error

    if (quoted := spelled(path, fields)) != path:
        return f"write {quoted}"
    near = difflib.get_close_matches(path, fields, 3, 0.4)
    return f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(list(fields)[:8])}"
