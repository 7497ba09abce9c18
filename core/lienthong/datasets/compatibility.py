"""What changed between two versions of a dataset, and whom a change breaks.

A consumer is broken where records may now hold what they never held before; a producer where
records that were accepted are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lienthong.datasets.dataset import Dataset
from lienthong.datasets.fields import Field, rank

_TEXTS = frozenset(
    {"title", "description", "examples", "$comment", "default", "x-lienthong", "$schema", "$defs", "$ref"}
)
_WALKED = frozenset({"properties", "items", "required", "type"})
_LOWER = frozenset({"minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties"})
_UPPER = frozenset({"maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties"})


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions.

    ``rule`` is a stable name such as ``field.removed``; ``breaks`` is ``consumers``, ``producers``,
    ``both`` or ``nobody``.
    """

    path: str
    rule: str
    breaks: str
    vi: str
    en: str

    @property
    def compatible(self) -> bool:
        """Whether nobody is broken by the change."""
        return self.breaks == "nobody"


_TOLD: dict[str, tuple[str, str, str]] = {
    "field.removed": ("consumers", "Bỏ trường", "the field was removed"),
    "field.added": ("nobody", "Thêm trường không bắt buộc", "an optional field was added"),
    "field.added-required": ("producers", "Thêm trường bắt buộc", "a required field was added"),
    "field.now-required": ("producers", "Trường trở thành bắt buộc", "the field became required"),
    "field.now-optional": ("consumers", "Trường không còn bắt buộc", "the field is no longer required"),
    "type.widened": ("consumers", "Thêm kiểu dữ liệu", "the field may hold further types"),
    "type.narrowed": ("producers", "Bớt kiểu dữ liệu", "the field may hold fewer types"),
    "type.changed": ("both", "Đổi kiểu dữ liệu", "the type changed"),
    "enum.widened": ("consumers", "Thêm giá trị cho phép", "further values are allowed"),
    "enum.narrowed": ("producers", "Bớt giá trị cho phép", "fewer values are allowed"),
    "enum.changed": ("both", "Đổi danh sách giá trị", "the allowed values changed"),
    "limit.tightened": ("producers", "Siết giới hạn", "a limit became stricter"),
    "limit.loosened": ("consumers", "Nới giới hạn", "a limit became looser"),
    "object.opened": ("consumers", "Cho phép trường ngoài quy định", "unnamed fields are now allowed"),
    "object.closed": ("producers", "Không cho phép trường ngoài quy định", "unnamed fields are now refused"),
    "check.added": ("producers", "Thêm kiểm tra", "a check was added or tightened"),
    "check.removed": ("consumers", "Bỏ kiểm tra", "a check was removed or loosened"),
    "check.changed": ("both", "Đổi kiểm tra", "a check changed"),
    "class.lowered": ("both", "Hạ mức phân loại", "the classification was lowered"),
    "class.raised": ("nobody", "Nâng mức phân loại", "the classification was raised"),
    "keyword.added": ("producers", "Thêm ràng buộc", "a constraint was added"),
    "keyword.removed": ("consumers", "Bỏ ràng buộc", "a constraint was removed"),
    "keyword.changed": ("both", "Đổi ràng buộc", "a constraint changed"),
    "key.changed": ("both", "Đổi khóa", "the key changed"),
    "owner.changed": ("both", "Đổi cơ quan chủ quản", "the owner changed"),
    "crs.changed": ("both", "Đổi hệ tọa độ", "the coordinate reference system changed"),
    "valid_at.changed": ("both", "Đổi trường ngày hiệu lực", "the field that dates a record changed"),
    "text.changed": ("both", "Đổi dạng chuẩn hóa văn bản", "the form of texts (NFC or as it came) changed"),
}


def compare(old: Dataset, new: Dataset) -> list[Change]:
    """Return every difference that matters from ``old`` to ``new``; texts for people do not."""
    found = [_change("", f"{name}.changed") for name in _root_differences(old, new)]
    found += _keywords("", old.schema, new.schema)
    for path in dict.fromkeys((*old.by_path, *new.by_path)):
        found += _field(path, old.by_path.get(path), new.by_path.get(path))
    return found


def _root_differences(old: Dataset, new: Dataset) -> Iterator[str]:
    for name in ("key", "owner", "crs", "valid_at", "text"):
        if getattr(old, name) != getattr(new, name):
            yield name


def _field(path: str, old: Field | None, new: Field | None) -> Iterator[Change]:
    if old is None and new is not None:
        yield _change(path, "field.added-required" if new.required else "field.added")
    elif new is None:
        yield _change(path, "field.removed")
    elif old is not None:
        if old.required != new.required:
            yield _change(path, "field.now-required" if new.required else "field.now-optional")
        if old.types != new.types:
            yield _change(path, f"type.{_direction(_wide(old.types), _wide(new.types))}")
        if rank(old.classification) != rank(new.classification):
            lowered = rank(new.classification) < rank(old.classification)
            yield _change(path, "class.lowered" if lowered else "class.raised")
        yield from _checks(path, _declared(old), _declared(new))
        yield from _keywords(path, old.schema, new.schema)


def _declared(field: Field) -> dict[str, Any]:
    return {key: value for key, value in field.note.items() if key not in ("class", "title", "note")}


def _checks(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if old != new:
        yield _change(path, "check.added" if not old else "check.removed" if not new else "check.changed")


def _keywords(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for word in sorted({*old, *new} - _TEXTS - _WALKED):
        before, after = old.get(word), new.get(word)
        if word == "additionalProperties":
            if (before is False) != (after is False):
                yield _change(path, "object.opened" if before is False else "object.closed")
        elif before != after:
            yield _change(path, _rule(word, before, after), word)


def _rule(word: str, before: Any, after: Any) -> str:
    if word == "enum" and isinstance(before, list) and isinstance(after, list):
        return f"enum.{_direction(set(map(repr, before)), set(map(repr, after)))}"
    if before is None or after is None:
        return "keyword.added" if before is None else "keyword.removed"
    if word in _LOWER | _UPPER:
        return "limit.tightened" if (after > before) == (word in _LOWER) else "limit.loosened"
    return "keyword.changed"


def _direction(before: set[str] | frozenset[str], after: set[str] | frozenset[str]) -> str:
    return "widened" if before < after else "narrowed" if after < before else "changed"


def _wide(types: frozenset[str]) -> frozenset[str]:
    return types | {"integer"} if "number" in types else types


def _change(path: str, rule: str, word: str = "") -> Change:
    breaks, vi, en = _TOLD[rule]
    suffix = f" ({word})" if word else ""
    return Change(path, rule, breaks, vi + suffix, en + suffix)
