"""How the end of a list is known: totals, a word on more pages, an empty page, a second read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lienthong.connector import End, Malformed, ReadRequest
from lienthong.errors import ProtocolViolation
from lienthong.exchange import Text
from lienthong.paths import names
from lienthong.records import Record
from lienthong_connectors.ends import (
    MORE,
    ROUND,
    UNSTABLE,
    Names,
    is_round,
    number_of,
    seen_text,
    totals_in,
    unmet,
)
from lienthong_connectors.soap.settings import SoapSource
from lienthong_connectors.soap.template import reach
from lienthong_connectors.xml.shape import TEXT_MEMBER

_YES: Final = frozenset({"true", "1", "yes", "y"})
_NO: Final = frozenset({"false", "0", "no", "n", ""})


class Ends:
    """What one read knows of the end of its list; ``kept`` is what a position kept of it.

    ``most`` is the size of the largest page so far, ``filled`` how many had records, ``count`` how many
    records they had. ``second``: a second read must tell whether records were passed over.
    """

    def __init__(
        self, settings: SoapSource, request: ReadRequest, where: str, kept: Mapping[str, Any]
    ) -> None:
        self._settings, self._where, self._declared = settings, where, bool(request.end)
        self.most, self.filled = int(kept.get("most", 0)), int(kept.get("filled", 0))
        self.count = int(kept.get("count", 0))
        self.names = Names(request.key) if settings.paging is not None and not kept else None
        self._first: int | None = None
        self._total: int | None = None
        self._told = {"total": bool(kept), "more": bool(kept)}
        self.second = False
        self.end: End | None = None

    def position(self) -> dict[str, int]:
        """Return what a read that goes on must know of the pages before."""
        return {"most": self.most, "filled": self.filled, "count": self.count}

    def add(self, records: Sequence[Record | Malformed]) -> None:
        """Take records into account as they come."""
        if self.names is not None:
            self.names.add(records)

    def ends(self, body: Any, size: int) -> bool:
        """Take a whole page of ``size`` new records into account; tell whether the list ends with it."""
        paging = self._settings.paging
        before, self.most = self.most, max(self.most, size)
        self.filled, self.count = self.filled + bool(size), self.count + size
        if paging is None:
            self.end = self._alone(body)
            return True
        total, more = number_of(self._member(body, "total")), self._more(body)
        if total is not None:
            self._first, self._total = self._first if self._first is not None else total, total
        full = size >= paging.size
        short = not full and paging.until == "short" and (before >= paging.size or not is_round(size))
        met = total is not None and self.count >= total
        if more is False or not size or (more is None and (met or short)):
            self.end = self._concluded(more)
            return True
        return False

    def refused(self, size: int) -> bool:
        """Tell whether a refusal means the end: it follows a page of ``size`` that was short already."""
        paging = self._settings.paging
        if paging is None or not self.filled or size >= paging.size:
            return False
        self.end = self._concluded(None)
        return True

    def compared(self, other: Ends) -> End:
        """Return what a second read tells."""
        same = self.names is None or other.names is None or self.names.digest() == other.names.digest()
        return End("again") if same and other.count >= self.count else self._doubtful(UNSTABLE)

    def _alone(self, body: Any) -> End:
        """Return how the end of a list in one answer is known."""
        total = number_of(self._member(body, "total")) if self._settings.total else None
        if total is not None:
            return End("total") if self.count >= total else End("", unmet(total, self.count))
        seen = list(totals_in(body))
        signs = [f"{name} {number}" for name, number in seen if number > self.count]
        if signs:
            return self._doubtful(seen_text(signs))
        if is_round(self.count) and not any(number == self.count for _, number in seen):
            return self._doubtful(ROUND)
        return End("document")

    def _concluded(self, more: bool | None) -> End | None:
        """Return how the end is known, None where a second read must tell."""
        paging = self._settings.paging
        assert paging is not None  # noqa: S101 - there are pages
        total, stable = self._total, self._total == self._first
        self._check_told()
        if total is not None and self.count < total:
            return End("", unmet(total, self.count))
        if more:
            return End("", MORE)
        repeated = self.names is not None and self.names.repeated
        if total is not None and stable and not repeated:
            return End("total")
        if total is not None or self.filled > 1 or self.most >= paging.size:
            self.second = paging.again
            return None if paging.again else self._doubtful(UNSTABLE)
        return End("said")

    def _doubtful(self, because: Text) -> End:
        return End("declared") if self._declared else End("", because)

    def _more(self, body: Any) -> bool | None:
        text = self._member(body, "more")
        if text is None:
            return None
        said = str(text).strip().lower()
        if said not in _YES | _NO:
            raise ProtocolViolation(
                f"what the answer has at {self._settings.more!r} is neither true nor false", where=self._where
            )
        return said in _YES

    def _member(self, body: Any, name: str) -> Any:
        """Return what an answer has at the path of a setting, None where it has nothing or none is set."""
        path = getattr(self._settings, name)
        value = reach(body, names(path)) if path else None
        if value is not None:
            self._told[name] = True
        value = value.get(TEXT_MEMBER) if isinstance(value, Mapping) else value
        return str(value).lower() if isinstance(value, bool) else value

    def _check_told(self) -> None:
        """Raise where a member was agreed by which the end is known, and no answer had it."""
        for name, told in self._told.items():
            path = getattr(self._settings, name)
            if path and not told and self.count:
                raise ProtocolViolation(
                    f"no answer has {path!r}, by which its end would be known",
                    where=self._where,
                    hint=f"check {name} of the settings: a dotted path inside the Body's first element",
                )
