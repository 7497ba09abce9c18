"""Runs that found nothing: what their one statement says, and how the ledger stores it.

A run that pulled nothing leaves a settle statement alone (`is_idle`). It is signed and handed out in full,
like any other. The ledger stores it short (`shorten`): what it shares with its neighbours (certificate,
agreement, contracts, code) stands once, in a document, and its row holds the rest. `restored` gives the very
token back. Other statements are stored as they are.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from lienthong.errors import LienThongError
from lienthong.ledger.documents import DELIVERIES, QUARANTINE, deliveries_document, quarantine_document
from lienthong.ledger.fields import FORMAT
from lienthong.ledger.terms import COUNTS
from lienthong.merkle import EMPTY_ROOT
from lienthong.records import canonical, parse, sha256

SHARED_FORMAT: Final = "lienthong-shared/1"
"""What a document says that holds what short statements share."""

_EMPTY: Final = {"root": EMPTY_ROOT, "count": 0, "segments": []}
_BARE: Final = {
    DELIVERIES: sha256(deliveries_document(())),
    QUARANTINE: sha256(quarantine_document(())),
}
_ONLY: Final[dict[str, Any]] = {
    "format": FORMAT,
    "kind": "step",
    "step": "settle",
    "part": {"index": 0, "of": 1},
    "counts": dict.fromkeys(COUNTS, 0),
    **dict.fromkeys(("inputs", "outputs", "quarantined"), _EMPTY),
    "receipts": [],
}
# What a statement of a run that found nothing cannot say otherwise.

_FIRST: Final[dict[str, Any]] = {"run_sequence": 0, "run_previous": "", "supersedes": 0}
_IN_COLUMNS: Final = ("sequence", "exchange", "run", "recorded")
_OWN: Final = (*_IN_COLUMNS, *_FIRST, "previous", "started", "ended", "notes")
_SAID: Final = ("nothing_new", "dry_run", "replay", "end")
_DAMAGE: Final = (KeyError, TypeError, ValueError, AttributeError, binascii.Error, LienThongError)


def is_idle(payload: Mapping[str, Any]) -> bool:
    """Tell whether a statement (checked by `fields.problem_in`) settles a run that found nothing.

    All counts are 0, no record came, went or was refused, the documents of deliveries and quarantine are
    the empty ones, and it says so. Nothing of format 1 is: there a pull stands before it.
    """
    documents, notes = payload["documents"], payload["notes"]
    return (
        all(payload.get(name) == value for name, value in _ONLY.items())
        and notes.get("nothing_new") is True
        and all(documents.get(name) == digest for name, digest in _BARE.items())
    )


def shorten(token: str, payload: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Return how a token is stored short, and the document that it shares; None where it is stored whole.

    Short is the first and only statement of a run that found nothing.
    """
    if not is_idle(payload) or any(payload[name] != value for name, value in _FIRST.items()):
        return None
    head, _, signature = token.split(".")
    notes = payload["notes"]
    shared = canonical(
        {
            "format": SHARED_FORMAT,
            "header": head,
            "notes": {name: notes[name] for name in _SAID if name in notes},
            "payload": {name: value for name, value in payload.items() if name not in _OWN},
        }
    )
    own: dict[str, Any] = {
        "ended": payload["ended"],
        "of": _packed(sha256(shared)),
        "previous": _packed(payload["previous"]),
        "signature": signature,
        "started": payload["started"],
    }
    further = {name: value for name, value in notes.items() if name not in _SAID}
    text = canonical(own | ({"notes": further} if further else {})).decode()
    columns = {name: payload[name] for name in _IN_COLUMNS}
    return (text, shared) if restored(text, columns, lambda _digest: shared) == token else None


def restored(stored: str, columns: Mapping[str, Any], document: Callable[[str], bytes | None]) -> str:
    """Return the token that is stored in a row; an empty one where it cannot be made again.

    ``columns`` are those of the row, ``document`` gives a kept document by its SHA-256 (hex). A compact
    token never begins as a short one does. Where anything of it was changed, the token has another hash
    than was kept, and its signature does not hold.
    """
    if not is_short(stored):
        return stored
    try:
        own = parse(stored.encode())
        data = document(_unpacked(own["of"]))
        if data is None or _packed(sha256(data)) != own["of"]:
            return ""
        shared = parse(data)
        payload = {
            **shared["payload"],
            **_FIRST,
            **{name: columns[name] for name in _IN_COLUMNS},
            "previous": _unpacked(own["previous"]),
            "started": own["started"],
            "ended": own["ended"],
            "notes": shared["notes"] | own.get("notes", {}),
        }
        return f"{shared['header']}.{_encode(canonical(payload))}.{own['signature']}"
    except _DAMAGE:
        return ""


def is_short(stored: str) -> bool:
    """Tell whether a token is stored short."""
    return stored.startswith("{")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _packed(digest: str) -> str:
    """Return a digest (hex) in two thirds of its length."""
    return _encode(bytes.fromhex(digest))


def _unpacked(text: str) -> str:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()
