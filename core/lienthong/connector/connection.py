"""An endpoint's address and credentials, as Airflow keeps them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lienthong.connector.registry import connector
from lienthong.credentials import keep
from lienthong.errors import LienThongError, Misconfigured


@dataclass(frozen=True, slots=True)
class Connection:
    """One Airflow connection.

    ``host`` is the base URL where the connector speaks HTTP. ``login`` and ``password`` are the
    credentials, ``extra`` the connector's own connection fields (see its descriptor). The
    representation never shows credentials or extras. Its password and the fields that its connector
    declares secret are cut out of all errors, reasons and log lines of this process.
    """

    id: str
    kind: str
    host: str = ""
    port: int | None = None
    schema: str = ""
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        keep(self.password, *_secrets(self.kind, self.extra))

    def option(self, name: str, default: Any = None) -> Any:
        """Return an extra field, or the default where it is absent or empty."""
        value = self.extra.get(name)
        return default if value in (None, "") else value

    def require(self, name: str) -> Any:
        """Return a field or an extra; raise `Misconfigured` naming it where it is empty."""
        value = getattr(self, name, None) if name in _FIELDS else self.option(name)
        if value in (None, ""):
            raise Misconfigured(
                f"connection field {name!r} is empty",
                where=f"connection {self.id!r}",
                hint=f"set it in Airflow (Admin, Connections) or in AIRFLOW_CONN_{self.id.upper()}",
            )
        return value


_FIELDS = frozenset({"host", "port", "schema", "login", "password"})
#: What the extras of a connector that is not installed are called if they hold a credential.
_SECRET = re.compile(r"(?:pass(?:word|phrase|wd)?|secret|token|api_?key|access_?key|pin|credential)s?$", re.I)
#: Fixed headers that tell who or what, and no secret.
_TELLING = re.compile(
    "x-road-.*|accept(-.*)?|content-.*|user-agent|x-request-id|cache-control|host|date|from|prefer", re.I
)
_CREDENTIAL = re.compile("auth|key|cookie|session|pass|secret|token|sign", re.I)
_TELLING_LENGTH = 8


def _secrets(kind: str, extra: Mapping[str, Any]) -> Iterator[str]:
    """Yield the credentials among a connection's extra fields."""
    try:
        fields = connector(kind).connection
    except (LienThongError, ImportError, AttributeError):  # opening it will say so
        fields = ()
    known = {item.name: item.secret for item in fields}
    for name in (one for one in extra if known.get(one, _SECRET.search(str(one)))):
        value = extra[name]
        if name == "headers":
            yield from _header_values(value)
        elif isinstance(value, (str, int)) and not isinstance(value, bool):
            yield str(value)


def _header_values(headers: Any) -> Iterator[str]:
    """Yield what of fixed headers may be a credential: the words of all but those that tell who we are."""
    if isinstance(headers, str):
        try:
            headers = json.loads(headers)
        except (ValueError, RecursionError):
            return
    for name, value in headers.items() if isinstance(headers, Mapping) else ():
        named = _CREDENTIAL.search(str(name))
        if not isinstance(value, str) or (not named and _TELLING.fullmatch(str(name))):
            continue
        for word in {value, value.rpartition(" ")[2]}:
            if named or len(word) >= _TELLING_LENGTH:
                yield word
