"""How the end of a list is known, and what speaks against it: totals, links and sizes that a page shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from lienthong.errors import ProtocolViolation
from lienthong.exchange import Text
from lienthong_connectors.ends import members_of, number_of, totals_in
from lienthong_connectors.rest.paths import as_text
from lienthong_connectors.rest.picking import picked

By = Literal["document", "order", "total", "said", "again", "declared", ""]

_NEXTS: Final = re.compile(
    r"(?:@?(?:odata\.)?next_?(?:link|page|page_?token|cursor|url|href|token|records_?url)?|resumption_?token)\Z",
    re.IGNORECASE,
)
_MORES: Final = re.compile(
    r"(?:has_?(?:more|next)(?:_?page)?|more|exceeded_?transfer_?limit)\Z", re.IGNORECASE
)
_TOTAL_HEADERS: Final = ("X-Total-Count", "X-WP-Total", "X-Total", "Total-Count")

NO_LINK: Final = Text(
    "không trang nào có liên kết tới trang sau: chỉ có một trang, hay liên kết bị mất trên đường truyền?",
    "no page had a link to a next one: was there one page only, or did something on the way take it out?",
)


TROUBLE: Final = Text(
    "trang cuối không có bản ghi nào và báo lỗi",
    "the last page has no record, and speaks of an error",
)
_TROUBLES: Final = frozenset({"error", "errors", "fault", "exception"})


class Ended(NamedTuple):
    """What paging says of the end of a list: ``missing`` is the path that no page had."""

    by: By
    because: Text | None = None
    missing: str = ""
    members: tuple[str, ...] = ()


def never_there(ended: Ended, *, where: str) -> ProtocolViolation:
    """Return the error for a path that no page of a read had."""
    there = ", ".join(ended.members[:20]) or "nothing of the kind"
    return ProtocolViolation(
        f"no page has {ended.missing!r}, by which its end would be known; there are: {there}",
        where=where,
        hint="check the paging of the settings, or say in source.end why a list without it is complete",
    )


def header_total(headers: Mapping[str, str], name: str) -> int | None:
    """Return the total in a header; of ``Content-Range`` (RFC 9110 section 14.4) what is behind the slash."""
    text = headers.get(name, "")
    return number_of(text.rpartition("/")[2] if name.lower() == "content-range" else text)


def totals_seen(value: Any, headers: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Yield what looks like a total of the list, with its place."""
    for name in (*_TOTAL_HEADERS, "Content-Range"):
        total = header_total(headers, name)
        if total is not None:
            yield name, total
    yield from totals_in(value)


def speaks_of_trouble(value: Any) -> bool:
    """Tell whether an answer names an error beside its list: services say so with a success, too."""
    if not isinstance(value, Mapping):
        return False
    said = [item for name, item in value.items() if str(name).lower() in _TROUBLES]
    return any(item not in (None, False, 0, "", "0", [], {}) for item in said)


def signs_of_more(value: Any, headers: Mapping[str, str], read: int) -> list[str]:
    """Return what shows that a list goes on behind the last page: larger totals, next links, has_more."""
    found = [f"{name} {total}" for name, total in totals_seen(value, headers) if total > read]
    if "next" in _relations(headers.get("Link", "")):
        found.append("Link")
    if headers.get("X-Next-Page", "").strip():
        found.append("X-Next-Page")
    for path, item in members_of(value, ""):
        name = path.rpartition(".")[2]
        more = _MORES.match(name) and as_text(item).lower() == "true"
        if more or (_NEXTS.match(name) and _leads(item)):
            found.append(path)
    by_relation = ("link[relation=next]", "links[rel=next]")
    return found + [path for path in by_relation if _leads_by_relation(value, path)]


def _leads(item: Any) -> bool:
    if isinstance(item, Mapping):
        item = item.get("href") or item.get("_text")
    return isinstance(item, str) and bool(item.strip())


def _leads_by_relation(value: Any, path: str) -> bool:
    try:
        return picked(value, f"{path}.{'url' if 'relation' in path else 'href'}").kind == "value"
    except ProtocolViolation:
        return False


def _relations(link: str) -> set[str]:
    if not link:
        return set()
    from lienthong_connectors.rest.links import relations

    try:
        return relations(link)
    except ProtocolViolation:
        return {"next"}  # what cannot be read may be one
