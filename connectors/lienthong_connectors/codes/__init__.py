"""Result codes of national services, and the errors that they end in."""

from __future__ import annotations

from typing import Any, Final

from lienthong.connector.codes import Code, CodeTable, code_table, code_tables
from lienthong.errors import (
    Forbidden,
    InvalidExchange,
    LienThongError,
    Misconfigured,
    OutcomeUnknown,
    RequestRejected,
    Unauthenticated,
    Unavailable,
)
from lienthong.exchange import Text

PACKAGE: Final = __name__

_KINDS: Final[dict[str, type[LienThongError]]] = {
    "transient": Unavailable,
    "misconfigured": Misconfigured,
    "unauthenticated": Unauthenticated,
    "forbidden": Forbidden,
}
#: Meanings of which a delivery cannot tell what was taken; for a question they are passing trouble.
_IN_DOUBT: Final = frozenset({"unknown", "pending"})


def table(name: str) -> CodeTable:
    """Return one of this package's tables; raise `UnknownName` where there is none."""
    return code_table(PACKAGE, name)


class Coded:
    """Settings with a field ``codes`` that names a table of result codes, empty for none.

    The lists that the settings write out themselves go before the table.
    """

    __slots__ = ()
    codes: str

    def __post_init__(self) -> None:
        if self.codes and self.codes not in code_tables(PACKAGE):
            raise InvalidExchange(
                f"field 'codes': there is no table {self.codes!r}",
                hint=f"there are: {', '.join(code_tables(PACKAGE))} (lienthong codes)",
            )

    def entry(self, code: str) -> Code | None:
        """Return the table's entry for a code, None where there is no table or no such code."""
        return table(self.codes).codes.get(code) if self.codes else None

    def agreed(self) -> dict[str, Any]:
        """Return what the name stands for, so that a changed table changes the agreement's digest."""
        return {"codes": {"name": self.codes, "digest": table(self.codes).digest}} if self.codes else {}


def error_kind(meaning: str, *, delivery: bool) -> type[LienThongError]:
    """Return the error that a meaning ends in, where it is about a whole request."""
    if meaning in _IN_DOUBT:
        return OutcomeUnknown if delivery else Unavailable
    return _KINDS.get(meaning, RequestRejected)


def stops(meaning: str) -> bool:
    """Tell whether a meaning is about us rather than about a record."""
    return meaning in {"misconfigured", "unauthenticated", "forbidden"}


def told(entry: Code | None, said: str) -> Text:
    """Return what people are told: the table's text, then the agency's own words."""
    if entry is None:
        return Text(said, said)
    after = f": {said}" if said else ""
    return Text(entry.text.vi + after, entry.text.en + after)
