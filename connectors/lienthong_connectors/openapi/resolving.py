"""References and ``allOf`` of a document put in place, each looked up once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_STEPS: Final = 32
Schema = dict[str, Any]


class Resolver:
    """Resolves references of one document (RFC 6901); what leads nowhere is an empty object."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self._targets: dict[str, Any] = {}
        self._schemas: dict[str, Schema] = {}

    def target(self, reference: str) -> Any:
        """Return what a reference leads to."""
        if reference not in self._targets:
            self._targets[reference] = self._pointed(reference)
        return self._targets[reference]

    def node(self, node: Any) -> Mapping[str, Any]:
        """Return a parameter, body, response or path item with its own reference followed."""
        for _ in range(_STEPS):
            if not isinstance(node, Mapping) or not isinstance(node.get("$ref"), str):
                break
            beside = {key: value for key, value in node.items() if key != "$ref"}
            target = self.target(node["$ref"])
            node = {**target, **beside} if beside and isinstance(target, Mapping) else target
        return node if isinstance(node, Mapping) else {}

    def schema(self, schema: Any) -> Schema:
        """Return a schema with its reference and ``allOf`` put in place; the result is not to be changed."""
        return self._schema(schema, frozenset())

    def _schema(self, schema: Any, around: frozenset[str]) -> Schema:
        if not isinstance(schema, Mapping):
            return {}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            found = self._referred(reference, around)
            if len(schema) > 1:
                beside = {key: value for key, value in schema.items() if key != "$ref"}
                found = merged(found, self._schema(beside, around))
            return found
        if not isinstance(schema.get("allOf"), list):
            return dict(schema)
        found = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            found = merged(self._schema(part, around), found)
        return found

    def _referred(self, reference: str, around: frozenset[str]) -> Schema:
        if reference in around or len(around) > _STEPS:
            return {}  # a schema that is made of itself says nothing more
        if reference not in self._schemas:
            found = self._schema(self.target(reference), around | {reference})
            if around:
                return found  # it may have been cut short
            self._schemas[reference] = found
        return self._schemas[reference]

    def _pointed(self, reference: str) -> Any:
        target: Any = self.root
        for part in reference.removeprefix("#").strip("/").split("/"):
            step = part.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list):
                target = target[int(step)] if step.isdecimal() and int(step) < len(target) else {}
            else:
                target = target.get(step, {}) if isinstance(target, Mapping) else {}
        return target


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> Schema:
    """Return both schemas' demands in one; the second's words win where they clash."""
    both = {**one, **other}
    if isinstance(one.get("properties"), Mapping) and isinstance(other.get("properties"), Mapping):
        both["properties"] = {**one["properties"], **other["properties"]}
    if isinstance(one.get("required"), list) and isinstance(other.get("required"), list):
        both["required"] = [*dict.fromkeys([*one["required"], *other["required"]])]
    return both
