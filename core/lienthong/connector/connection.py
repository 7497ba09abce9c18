"""An endpoint's address and credentials, as Airflow keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lienthong.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Connection:
    """One Airflow connection.

    ``host`` is the base URL where the connector speaks HTTP. ``login`` and ``password`` are the
    credentials, ``extra`` the connector's own connection fields (see its descriptor). The
    representation never shows credentials or extras.
    """

    id: str
    kind: str
    host: str = ""
    port: int | None = None
    schema: str = ""
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

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
