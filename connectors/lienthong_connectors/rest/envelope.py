"""Success and failure inside answers that HTTP calls a success."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lienthong.connector import option
from lienthong.errors import LienThongError, OutcomeUnknown, ProtocolViolation, RequestRejected
from lienthong_connectors.codes import Coded, error_kind, told
from lienthong_connectors.rest.paths import MISSING, as_text, at, text_at

_OK = frozenset({"0", "00", "200"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope(Coded):
    """Where an answer says how it went.

    Codes are compared as text: ``0`` and ``"0"`` are the same, true is ``"true"``. The lists go
    before the table of ``codes``. A code that neither knows is a `RequestRejected`; where there is a
    table and nothing was delivered, a `ProtocolViolation`.
    """

    code_path: str = option("error_code", doc="dotted path of the code")
    ok_values: tuple[str, ...] = option(
        (), doc="codes that mean success; empty: those of the table, without one 0, 00 and 200"
    )
    also: Mapping[str, tuple[str, ...]] = option(
        factory=dict, doc="what else a success must say: dotted path -> values ('' for nothing there)"
    )
    message_path: str = option("message", doc="dotted path of the agency's own text")
    codes: str = option("", doc="table of result codes, such as dvcqg (lienthong codes)")
    transient_codes: tuple[str, ...] = option((), doc="codes that mean: nothing was taken, try later")
    unknown_codes: tuple[str, ...] = option((), doc="codes after which a delivery's outcome is not known")
    unauthenticated_codes: tuple[str, ...] = option((), doc="codes that mean: we do not know you")
    forbidden_codes: tuple[str, ...] = option((), doc="codes that mean: you may not do this")
    optional: bool = option(False, doc="an answer without a code is a success (bare lists, say)")

    def failure(self, answer: Any, *, where: str, delivery: bool = False) -> LienThongError | None:
        """Return the error that an answer announces, None for a success.

        An answer without a code is a `ProtocolViolation`, unless the code is ``optional``.
        """
        found = at(answer, self.code_path)
        if found is MISSING or found is None:
            if self.optional:
                return None
            return ProtocolViolation(
                f"the answer has no {self.code_path!r}",
                where=where,
                hint="is the envelope of the settings right?",
            )
        code = as_text(found)
        meaning = self.meaning(code)
        if meaning == "ok":
            return self._short_of(answer, where, delivery=delivery)
        return self._error(code, meaning, answer, where=where, delivery=delivery)

    def says(self, answer: Any) -> bool:
        """Tell whether an answer has the code, which may be ``optional``."""
        found = at(answer, self.code_path)
        return found is not MISSING and found is not None

    def meaning(self, code: str) -> str:
        """Return what a code means (see `lienthong.connector.codes.MEANINGS`), empty where nothing says."""
        lists = (
            (self.ok_values, "ok"),
            (self.transient_codes, "transient"),
            (self.unknown_codes, "unknown"),
            (self.unauthenticated_codes, "unauthenticated"),
            (self.forbidden_codes, "forbidden"),
        )
        found = next((meaning for codes, meaning in lists if code in codes), "")
        entry = self.entry(code)
        if found or entry is not None:
            return found or (entry.meaning if entry else "")
        return "ok" if not (self.ok_values or self.codes) and code in _OK else ""

    def _error(self, code: str, meaning: str, answer: Any, *, where: str, delivery: bool) -> LienThongError:
        from lienthong_connectors.http.privacy import spoken

        name, entry = spoken(code)[:40], self.entry(code)
        if not meaning and self.codes:
            return ProtocolViolation(
                f"the answer has code {name!r}, which table {self.codes!r} does not list",
                where=where,
                hint="see: lienthong codes; a list of the settings may say what it means",
            )
        text = told(entry, spoken(text_at(answer, self.message_path)))
        said = f"the agency answered code {name!r}{f': {text.en}' if text.en else ''}"
        details = {"vi": text.vi, "en": text.en} if entry is not None else {}
        return error_kind(meaning, delivery=delivery)(
            said, where=where, hint="the text is the agency's own", agency_code=name, **details
        )

    def _short_of(self, answer: Any, where: str, *, delivery: bool) -> LienThongError | None:
        """Return the error of an answer whose code is a success and which says otherwise beside it.

        Another value that is there is a refusal. Where a success says nothing there (an exception, say), or
        where nothing is there that a success says, a delivery may have been taken.
        """
        from lienthong_connectors.http.privacy import spoken

        for path, values in self.also.items():
            value = text_at(answer, path)
            if value not in values:
                text = spoken(text_at(answer, self.message_path))
                doubtful = delivery and (not value or "" in values)
                return (OutcomeUnknown if doubtful else RequestRejected)(
                    f"the agency answered {path} {spoken(value)[:40]!r}{f': {text}' if text else ''}",
                    where=where,
                    hint="the text is the agency's own",
                    agency_code=spoken(value)[:40],
                )
        return None
