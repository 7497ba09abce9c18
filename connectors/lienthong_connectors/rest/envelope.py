"""Success and failure inside answers that HTTP calls a success."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lienthong.connector import option
from lienthong.errors import (
    Forbidden,
    LienThongError,
    OutcomeUnknown,
    ProtocolViolation,
    RequestRejected,
    Unauthenticated,
    Unavailable,
)
from lienthong_connectors.rest.paths import MISSING, as_text, at, text_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Where an answer says how it went.

    Codes are compared as text: ``0`` and ``"0"`` are the same, true is ``"true"``.
    """

    code_path: str = option("error_code", doc="dotted path of the code")
    ok_values: tuple[str, ...] = option(("0", "00", "200"), doc="codes that mean success")
    message_path: str = option("message", doc="dotted path of the agency's own text")
    transient_codes: tuple[str, ...] = option((), doc="codes that mean: nothing was taken, try later")
    unknown_codes: tuple[str, ...] = option((), doc="codes after which a delivery's outcome is not known")
    unauthenticated_codes: tuple[str, ...] = option((), doc="codes that mean: we do not know you")
    forbidden_codes: tuple[str, ...] = option((), doc="codes that mean: you may not do this")
    optional: bool = option(False, doc="an answer without a code is a success (bare lists, say)")

    def failure(self, answer: Any, *, where: str) -> LienThongError | None:
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
        if code in self.ok_values:
            return None
        from lienthong_connectors.http.privacy import spoken

        text = spoken(text_at(answer, self.message_path))
        said = f"the agency answered code {spoken(code)[:40]!r}{f': {text}' if text else ''}"
        return self._kind(code)(
            said, where=where, hint="the text is the agency's own", agency_code=spoken(code)[:40]
        )

    def _kind(self, code: str) -> type[LienThongError]:
        kinds: tuple[tuple[tuple[str, ...], type[LienThongError]], ...] = (
            (self.transient_codes, Unavailable),
            (self.unknown_codes, OutcomeUnknown),
            (self.unauthenticated_codes, Unauthenticated),
            (self.forbidden_codes, Forbidden),
        )
        return next((kind for codes, kind in kinds if code in codes), RequestRejected)
