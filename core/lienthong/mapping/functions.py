"""Named Python functions that a mapping may call.

Only functions inside a package that is registered as a schemas package may be named, so a mapping
file cannot reach any other code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from lienthong.errors import InvalidExchange


def function(name: str, packages: Sequence[str], where: str) -> Callable[[Any], Any]:
    """Return ``package.module:function``; `InvalidExchange` where it is not allowed or not there."""
    module, _, attribute = name.partition(":")
    if not attribute.isidentifier() or attribute.startswith("_") or module.partition(".")[0] not in packages:
        raise InvalidExchange(
            f"function {name!r} is not inside a registered schemas package",
            where=where,
            hint=f"write package.module:function with a public function of {', '.join(packages) or 'none'}",
        )
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InvalidExchange(f"function {name!r} cannot be loaded: {error}", where=where) from None
    if not callable(found) or getattr(found, "__module__", "").partition(".")[0] not in packages:
        raise InvalidExchange(f"{name!r} is no function of that package", where=where)
    checked: Callable[[Any], Any] = found
    return checked
