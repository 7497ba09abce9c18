"""What of a refusal may stand where no personal data does: in the ledger, its bundles and pages.

A source may use a person's number as the name of a member, a target may quote the record that it refuses.
Of a reason's path only names are kept that the contract has; of texts that are not our own everything is
taken out that stands in the record under a name which is not open or internal, every name that the contract
lacks, and whatever looks like an identity number, a telephone number or a mail address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from lienthong.credentials import HIDDEN, hide
from lienthong.datasets.dataset import Dataset
from lienthong.errors import LienThongError, Reason
from lienthong.paths import Each, below, joined, steps
from lienthong.records import parse

#: Classes whose values may be shown.
VISIBLE: Final = frozenset({"open", "internal"})
#: Rules whose texts are our own, and hold no value.
_OURS: Final = ("schema.", "check.", "codelist.", "mapping.", "record.")
_NUMBER: Final = re.compile(r"\d{9,}")
_NUMBERS: Final = re.compile(r"(?<![\w-])\+?(?:\d{9,}|\d{3,4}(?:[ .-]\d{3,4}){2,3})(?![\w-])")
_MAIL: Final = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}")
_SHORTEST: Final = 4
_KEPT: Final = 4096


class Discretion:
    """The discretion that a dataset's classification asks for."""

    def __init__(self, dataset: Dataset) -> None:
        self._classes = dataset.classification
        paths = [steps(path) for path in dataset.fields()]
        self._names = {step for path in paths for step in path if isinstance(step, str)}
        self._known = {joined(path[:size]) for path in paths for size in range(1, len(path) + 1)}
        self._plain: dict[str, str] = {}

    def reason(self, reason: Reason, data: bytes) -> Reason:
        """Return a reason fit for the ledger; ``data`` are the bytes of the record that it is about."""
        path = self.path(reason.path)
        if reason.rule.startswith(_OURS):
            return reason if path == reason.path else replace(reason, path=path)
        rule = _NUMBER.sub("#", reason.rule)
        hidden = self._hidden(data)
        texts = {name: _without(getattr(reason, name), hidden) for name in ("vi", "en")}
        return Reason(path, rule, **texts)

    def reasons(self, reasons: tuple[Reason, ...], data: bytes) -> tuple[Reason, ...]:
        """Return the reasons of one record, fit for the ledger."""
        return tuple(self.reason(one, data) for one in reasons)

    def path(self, pointer: str) -> str:
        """Return a JSON Pointer in which every name that the contract lacks is ``…``."""
        found = self._plain.get(pointer)
        if found is None:
            if len(self._plain) >= _KEPT:
                self._plain.clear()
            found = self._plain[pointer] = self._path(pointer)
        return found

    def member(self, shown: str, named: str) -> str:
        """Return how a leaf is called on a page.

        ``shown`` is its path with indices, ``named`` the same as the contract has it.
        """
        if named in self._known:
            return shown
        known = kept = ""
        for step, place in zip(steps(named), steps(shown), strict=True):
            known = below(known, step)
            if known not in self._known:
                return below(kept, HIDDEN)
            kept = f"{kept}[{place}]" if isinstance(step, Each) else below(kept, step)
        return shown

    def _path(self, pointer: str) -> str:
        named, pieces = "", []
        for token in pointer.split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            listed = token.isdigit() and below(named, Each.ITEM) in self._known
            named = below(named, Each.ITEM if listed else name)
            pieces.append(token if named in self._known else HIDDEN)
        return "".join(f"/{piece}" for piece in pieces)

    def _hidden(self, data: bytes) -> set[str]:
        """Return the texts of a record that nobody is to see, and the names that the contract lacks."""
        try:
            record = parse(data)
        except (LienThongError, ValueError):
            return set()
        return {text for text in self._texts(record, "") if len(text) >= _SHORTEST}

    def _texts(self, value: Any, named: str) -> Iterator[str]:
        if isinstance(value, Mapping):
            for name, item in value.items():
                if name not in self._names:
                    yield str(name)
                yield from self._texts(item, below(named, str(name)))
        elif isinstance(value, list):
            for item in value:
                yield from self._texts(item, below(named, Each.ITEM))
        elif value is not None and not isinstance(value, bool) and self._classes.get(named) not in VISIBLE:
            yield str(value)


def _without(text: str, hidden: set[str]) -> str:
    text = hide(text)
    for one in sorted(hidden, key=len, reverse=True):
        text = text.replace(one, HIDDEN)
    return _MAIL.sub(HIDDEN, _NUMBERS.sub(HIDDEN, text))
