"""Envelopes that many services share: where an answer of HTTP 200 says how it really went."""

from __future__ import annotations

from typing import Final

from lienthong_connectors.rest import Envelope

GATEWAY_ANSWER: Final = Envelope(code_path="code", ok_values=("200",), message_path="status")
"""``{code, status, correlationId, response}`` of gateways; the provider's own part is ``response``."""

LGSP_ANSWER: Final = Envelope(
    code_path="StatusCode",
    ok_values=("200",),
    also={"Status": ("SUCCESS",), "ThrowException": ("false", "False", "")},
    message_path="Description",
)
"""``{StatusCode, Status, Description, ThrowException, ResultObject}``: all three must say success."""

PORTAL_ANSWER: Final = Envelope(code_path="error_code", codes="dvcqg")
"""``{error_code, message, result}``: the National Public Service Portal."""
