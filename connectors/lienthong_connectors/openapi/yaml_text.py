"""YAML by the words of its version 1.2 (core schema), with names that are texts, for documents like JSON."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml


class YamlFault(ValueError):
    """A text that is no YAML; ``line`` counts from 1."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc]  # whichever of the two there is
    """Reads what stands for JSON: no dates, no sexagesimal numbers, no ``yes`` and ``no``."""

    yaml_implicit_resolvers: Final[dict[str, Any]] = {}


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(f"(?:{_pattern})$"),
        [*_first, *([""] if _tag == "null" else [])],
    )


def _integer(loader: Any, node: Any) -> int:
    text = str(loader.construct_scalar(node))
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


def _float(loader: Any, node: Any) -> float:
    return float(str(loader.construct_scalar(node)))


def _mapping(loader: Any, node: Any) -> Any:
    loader.flatten_mapping(node)
    found: dict[str, Any] = {}
    yield found  # an anchor may refer to the mapping itself
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else str(loader.construct_object(key, deep=True))
        found[name] = loader.construct_object(value)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(text: str) -> Any:
    """Return what a YAML text holds; raises `YamlFault` with the line where it is none."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader of ours
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise YamlFault(
            str(getattr(error, "problem", "") or "no YAML"), mark.line + 1 if mark else 1
        ) from None
    except ValueError as error:  # such as a number of too many digits
        raise YamlFault(type(error).__name__, 1) from None
