"""What a hop on the way says when it does not pass a request on, in the bus's own errors."""

from __future__ import annotations

from dataclasses import dataclass

from lienthong.credentials import hide
from lienthong.errors import LienThongError, OutcomeUnknown, Transient

GATEWAY = "gateway"
"""The first hop: the gateway that the connection reaches."""
FAR_GATEWAY = "far gateway"
"""The provider's own gateway, where there are two."""
SERVICE = "service"
"""The service behind all gateways."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What one of a hop's own errors means.

    ``hop`` is where the way is broken (`GATEWAY`, `FAR_GATEWAY`, `SERVICE`), ``step`` which step of a
    connection check does not hold. ``taken``: a delivery may have been taken all the same.
    """

    kind: type[LienThongError]
    hop: str
    step: str
    vi: str
    en: str
    hint: str = ""
    taken: bool = False

    def error(
        self, code: str, *, place: str, where: str, safe: bool, retry_after: float | None = None
    ) -> LienThongError:
        """Return the error; ``place`` names the hop, ``code`` is the hop's own word for it.

        For a delivery that may have been taken this is `OutcomeUnknown`. Details: ``hop``, ``step``,
        ``vi`` (the message in Vietnamese) and ``gateway_code``.
        """
        code, unknown = hide(code), self.taken and not safe
        kind = OutcomeUnknown if unknown else self.kind
        wait = {"retry_after": retry_after} if issubclass(kind, Transient) else {}
        return kind(
            f"{self.en} ({code})",
            where=where,
            hint="ask the target before repeating" if unknown else self.hint,
            hop=place,
            step=self.step,
            vi=f"{self.vi} ({code})",
            gateway_code=code,
            **wait,
        )
