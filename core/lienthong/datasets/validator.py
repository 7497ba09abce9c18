"""Validation of records against one dataset, fast enough for whole segments.

jsonschema-rs looks at many records in one call; only a block that holds a bad record is looked at
record by record. Semantic checks run over the records whose shape is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson

from lienthong.datasets.binding import Bound, bind
from lienthong.datasets.checks import Surroundings
from lienthong.datasets.reasons import no_object, rule_reason, schema_reason
from lienthong.errors import Misconfigured, Reason
from lienthong.records import Record

if TYPE_CHECKING:
    from lienthong.datasets.catalogue import Catalogue
    from lienthong.datasets.dataset import Dataset

_BLOCK = 64
_MAX_REASONS = 50


class Validator:
    """Tells which records a dataset refuses, and why.

    Formats are asserted; patterns run in linear time. ``clock`` decides what lies in the future.
    Raises `Misconfigured` where the schema cannot be compiled.
    """

    def __init__(
        self,
        dataset: Dataset,
        catalogue: Catalogue,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.dataset = dataset
        where = f"dataset {dataset.ref!r}"
        self._one = _compiled(dataset.schema, where)
        self._block = _compiled(_array_of(dataset.schema), where)
        around = Surroundings(catalogue, dataset.valid_at, clock)
        self._refusing, self._warning = bind(tuple(dataset.fields().values()), around, where)

    def is_valid(self, record: Any) -> bool:
        """Tell whether a decoded record is accepted."""
        return self._shaped(record) and not any(check.find((record,)) for check in self._refusing)

    def reasons(self, record: Any) -> tuple[Reason, ...]:
        """Return why a decoded record is refused, empty where it is accepted; at most 50 reasons."""
        if not isinstance(record, dict):
            return (no_object(),)
        try:
            errors = list(self._one.iter_errors(record))
        except (ValueError, UnicodeError):
            return (no_object(),)
        found = {(reason.path, reason.rule): reason for reason in map(_reason, errors)}
        taken = {path for path, _ in found}
        for path, rule in _broken(self._refusing, record):
            if path not in taken:
                found.setdefault((path, rule), rule_reason(path, rule))
        return tuple(sorted(found.values(), key=lambda reason: (reason.path, reason.rule))[:_MAX_REASONS])

    def warnings(self, record: Any) -> tuple[Reason, ...]:
        """Return what is odd about a decoded record without refusing it."""
        if not isinstance(record, dict):
            return ()
        return tuple(rule_reason(path, rule) for path, rule in _broken(self._warning, record))

    def validate(self, records: Sequence[bytes]) -> list[tuple[int, tuple[Reason, ...]]]:
        """Return (index, reasons) of the records of a segment that are refused, in order."""
        decoded, refused = _decoded(records)
        refused.update(self._misshapen(decoded))
        sound = [index for index in range(len(decoded)) if index not in refused] if refused else None
        column = decoded if sound is None else [decoded[index] for index in sound]
        for check in self._refusing:
            broken = check.find(column)
            refused.update(broken if sound is None else [sound[index] for index in broken])
        return [(index, self.reasons(decoded[index])) for index in sorted(refused)]

    def warn(self, records: Sequence[bytes]) -> list[tuple[int, tuple[Reason, ...]]]:
        """Return (index, warnings) of the records of a segment that have any, in order."""
        decoded, bad = _decoded(records)
        column = [
            {} if index in bad or not isinstance(item, dict) else item for index, item in enumerate(decoded)
        ]
        odd = sorted({index for check in self._warning for index in check.find(column)})
        return [(index, self.warnings(decoded[index])) for index in odd]

    def _shaped(self, record: Any) -> bool:
        try:
            return bool(self._one.is_valid(record))
        except (ValueError, UnicodeError):
            return False

    def _all_shaped(self, block: Sequence[Any]) -> bool:
        try:
            return bool(self._block.is_valid(block))
        except (ValueError, UnicodeError):  # one nests too deep: then each is asked by itself
            return False

    def _misshapen(self, decoded: Sequence[Any]) -> list[int]:
        """Return the indices of records whose shape is wrong, asking block by block."""
        found: list[int] = []
        for start in range(0, len(decoded), _BLOCK):
            block = decoded[start : start + _BLOCK]
            if not self._all_shaped(block):
                found += [start + index for index, record in enumerate(block) if not self._shaped(record)]
        return found


def _decoded(records: Sequence[bytes]) -> tuple[list[Any], set[int]]:
    """Return the decoded records and the indices of those that are no JSON (decoded as None)."""
    try:
        return list(map(orjson.loads, records)), set()
    except orjson.JSONDecodeError:
        pass
    decoded: list[Any] = []
    bad: set[int] = set()
    for index, data in enumerate(records):
        try:
            decoded.append(orjson.loads(data))
        except orjson.JSONDecodeError:  # only segments with broken bytes come here
            decoded.append(None)
            bad.add(index)
    return decoded, bad


def _broken(checks: Sequence[Bound], record: Record) -> list[tuple[str, str]]:
    return [place for check in checks for place in check.broken(record)]


def _reason(error: Any) -> Reason:
    keyword = str(error.schema_path[-1]) if error.schema_path else "false"
    return schema_reason(
        list(error.instance_path), error.kind.name if keyword.isdigit() else keyword, error.kind
    )


def _array_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    items = {key: value for key, value in schema.items() if key not in ("$schema", "$defs")}
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **definitions,
        "type": "array",
        "items": items,
    }


def _compiled(schema: Mapping[str, Any], where: str) -> jsonschema_rs.Draft202012Validator:
    try:
        return jsonschema_rs.Draft202012Validator(
            dict(schema), validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise Misconfigured(
            f"the schema cannot be compiled: {str(error).splitlines()[0]}",
            where=where,
            hint="patterns are linear-time regular expressions: no look-around, no back-references",
        ) from None
