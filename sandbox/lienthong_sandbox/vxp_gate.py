"""What the document bus checks before it acts: header HMAC, moment, file hash."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime

from lienthong_sandbox.times import VN, now

_FRESH_SECONDS = 300
_STAMP = re.compile(r"(\d{8}T\d{6})\+(\d{4})")
_VERSION = "3.0.201608"


class Refusal(Exception):
    """Why the bus does not listen, in its own words."""


def signed_headers(headers: Mapping[str, str], body: bytes, system: str, secret: str) -> dict[str, str]:
    """Return the parameters that a request's signed headers carry, by their names without prefix.

    The HMAC must hold over the text of ``XroadVnpt-sign-header``; that text must name exactly the
    headers of ``XroadVnpt-sign-header-key``, each with the value that travels in the header of that
    name. Raises `Refusal` otherwise.
    """
    text = headers.get("XroadVnpt-sign-header", "")
    proof = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(proof.encode(), headers.get("XroadVnpt-hash-header", "").encode()):
        raise Refusal("Chữ ký header không hợp lệ")
    try:
        listed = {str(name): str(value) for name, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        raise Refusal("XroadVnpt-sign-header không phải JSON") from None
    names = headers.get("XroadVnpt-sign-header-key", "").split(";")
    if [f"XroadVnpt-{name}" for name in names] != list(listed):
        raise Refusal("XroadVnpt-sign-header-key không khớp")
    if any(headers.get(name) != value for name, value in listed.items()):
        raise Refusal("Header không khớp nội dung đã ký")
    given = {name: listed[f"XroadVnpt-{name}"] for name in names}
    if given.get("systemid") != system or headers.get("XroadVnpt-version") != _VERSION:
        raise Refusal("systemid hoặc phiên bản không đúng")
    _check_moment(given.get("timestamp", ""))
    if "hash-file" in given and given["hash-file"] != hashlib.sha256(body).hexdigest():
        raise Refusal("hash-file không khớp nội dung tệp")
    return given


def _check_moment(text: str) -> None:
    found = _STAMP.fullmatch(text)
    try:
        moment = datetime.strptime(found.group(1), "%d%m%YT%H%M%S").replace(tzinfo=VN) if found else None
    except ValueError:
        moment = None
    if moment is None:
        raise Refusal("timestamp không đúng dạng ddMMyyyy'T'HHmmss+SSSS")
    if abs((now() - moment).total_seconds()) > _FRESH_SECONDS:
        raise Refusal("Timestamp đã quá hạn")
