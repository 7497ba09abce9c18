"""A connector's descriptor: one place that feeds the connection form, the docs and the CLI."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lienthong.exchange import Text

Role = Literal["source", "target", "lookup"]
FieldType = Literal["string", "integer", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class ConnectionField:
    """One field of the connection form.

    ``name`` is a standard Airflow field (host, port, schema, login, password) or an extra.
    ``secret`` fields are masked; ``choices`` limits the values.
    """

    name: str
    title: Text
    doc: str
    type: FieldType = "string"
    required: bool = False
    secret: bool = False
    default: str | int | bool | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a settings class, read from its dataclass field."""

    name: str
    type: str
    default: str
    required: bool
    doc: str


@dataclass(frozen=True, slots=True)
class ConnectorDescriptor:
    """What a connector is: its kind, its connection form and its settings per role.

    ``commands`` adds commands of its own to ``lienthong``: it is given what `argparse` calls the
    subparsers, and each parser it adds sets ``handler``, which takes the arguments and returns the
    exit code. It imports what is heavy only when a command runs.
    ``codes`` names the package that holds its tables of result codes, empty for none.
    """

    kind: str
    title: Text
    summary: Text
    connection_type: str
    connection: tuple[ConnectionField, ...]
    settings: Mapping[Role, type] = field(default_factory=dict)
    commands: Callable[[Any], None] | None = None
    codes: str = ""

    def options(self, role: Role) -> list[Option]:
        """Return the options of the role's settings class in their order."""
        return options_of(self.settings[role])


def options_of(settings: type) -> list[Option]:
    """Return the options of a settings class, or of one that settings take, in their order."""
    return [_option(item) for item in dataclasses.fields(settings)]


def option(
    default: Any = dataclasses.MISSING,
    *,
    doc: str,
    factory: Any = dataclasses.MISSING,
    quiet: bool = False,
) -> Any:
    """Declare a settings field with its documentation (use instead of `dataclasses.field`).

    ``quiet``: an agreement does not mention the option where it has its default, which an option
    that is added later needs, so that digests of agreements stay.
    """
    if factory is not dataclasses.MISSING:
        return field(default_factory=factory, metadata={"doc": doc})
    return field(default=default, metadata={"doc": doc} | ({"quiet": True} if quiet else {}))


def _option(item: dataclasses.Field[Any]) -> Option:
    required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    if item.default_factory is not dataclasses.MISSING:
        default = repr(item.default_factory())
    else:
        default = "" if required else repr(item.default)
    return Option(item.name, str(item.type), default, required, str(item.metadata.get("doc", "")))
