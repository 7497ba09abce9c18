"""What came out of a source or a look-up, held against what it should have been."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lienthong.connector import Page
from lienthong.errors import LienThongError, Refused, RequestRejected
from lienthong.records import Record, canonical
from lienthong.testing.base import must
from lienthong.testing.hostile.matrix import Outcome
from lienthong.testing.hostile.service import MARKER
from lienthong.testing.hostile.stage import Scene


def judge_records(
    row: str, scene: Scene, outcome: Outcome, pages: Sequence[Page], error: LienThongError | None
) -> None:
    """Check the records of a read under a row; an error may follow good records, never false ones."""
    got = [record for page in pages for record in page.records]
    if outcome.name == "refused":
        must(
            isinstance(error, (RequestRejected, Refused)), f"{row}: the refusal is not told as one: {error!r}"
        )
    if error is not None:
        if row not in ("endless-repeats", "endless-pages"):
            must(got == scene.expected[: len(got)], f"{row}: records before the error are not the source's")
        return
    judges: Mapping[str, Callable[[str, Scene, list[Record], Sequence[Page]], None]] = {
        "steady": _steady,
        "doubted": _doubted,
        "set aside": _set_aside,
    }
    if outcome.name in judges:
        judges[outcome.name](row, scene, got, pages)
    elif outcome.name == "exact":
        must(len(got) == len(scene.expected), f"{row}: {len(got)} records came, not {len(scene.expected)}")
        must(got == scene.expected, f"{row}: the records are not those of the source")
    else:
        must(not got, f"{row}: {len(got)} records came out of it")


def _steady(row: str, scene: Scene, got: list[Record], _: Sequence[Page]) -> None:
    """What was there before and after comes once and in order; nothing else but what was there once."""
    there = _texts(scene.left())
    stayed = [text for text in _texts(scene.expected) if text in there]
    came = _texts(got)
    must(len(set(came)) == len(came), f"{row}: a record came twice")
    must([text for text in came if text in stayed] == stayed, f"{row}: records that were there are missing")
    must(set(came) <= {*there, *_texts(scene.expected)}, f"{row}: records came that never were there")


def _doubted(row: str, scene: Scene, got: list[Record], pages: Sequence[Page]) -> None:
    """What was there before and after comes, or no page says that the list was read to its end."""
    there = _texts(scene.left())
    missing = [text for text in _texts(scene.expected) if text in there and text not in _texts(got)]
    sure = any(page.end is not None and page.end.by for page in pages)
    must(not missing or not sure, f"{row}: {len(missing)} records are missing and the end is confirmed")
    must(row != "unmet-total" or not sure, f"{row}: fewer records came than announced; the end is confirmed")


def _set_aside(row: str, scene: Scene, got: list[Record], pages: Sequence[Page]) -> None:
    """The record in question is malformed or has no canonical bytes; the others are exact."""
    bad = sum(len(page.malformed) for page in pages)
    good = []
    for record in got:
        try:
            canonical(record)
        except LienThongError:
            bad += 1
        else:
            good.append(record)
    wanted = [record for record in scene.expected if MARKER not in str(record)]
    must(bad == 1, f"{row}: {bad} records are set aside instead of one")
    must(good == wanted, f"{row}: the other records are not those of the source")


def _texts(records: Sequence[Record]) -> list[bytes]:
    return [canonical(record) for record in records]
