"""Paging that was recognised, as settings of the REST connector: one row a kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from lienthong_connectors.openapi.finding import Pages
from lienthong_connectors.starting.files import literal

_SIZE, _MOST, _LONG = 100, 500, 70


@dataclass(frozen=True, slots=True)
class PagingSource:
    """Settings of paging as Python source, empty for none, and the class that it names."""

    source: str = ""
    names: tuple[str, ...] = ()


def _counted(pages: Pages) -> dict[str, Any]:
    return {"total_path": pages.total_path} if pages.total_path else {}


#: By kind: class, its arguments of a page, and whether a size goes with it.
_KINDS: Final[dict[str, tuple[str, Callable[[Pages], dict[str, Any]], str]]] = {
    "page": (
        "PagePaging",
        lambda p: {"page_param": p.page, **({"start": p.first} if p.first != 1 else {}), **_counted(p)},
        "size_param",
    ),
    "offset": ("OffsetPaging", lambda p: {"offset_param": p.offset, **_counted(p)}, "limit_param"),
    "cursor": (
        "CursorPaging",
        lambda p: {"cursor_path": p.next_path, "cursor_param": p.cursor},
        "size_param",
    ),
    "keyset": ("KeysetPaging", lambda p: {"key_param": p.cursor, "unique": True}, "size_param"),
    "next-link": ("NextLinkPaging", lambda p: {"path": p.next_path}, ""),
    "link-header": ("LinkHeaderPaging", lambda _: {}, ""),
}


def paging_of(
    pages: Pages, longest: int = 0, in_body: bool = False, key: str = ""
) -> tuple[PagingSource, str]:
    """Return the settings for pages of at most ``longest`` records (0: any), and a doubt."""
    if pages.kind not in _KINDS:
        though = f", though {pages.size} is a parameter" if pages.size else ""
        doubt = (
            f"GUESS: one answer holds the whole list{though}; set paging if the service pages, or only the"
        )
        return PagingSource(), f"{doubt} first page is read"
    name, arguments, sized = _KINDS[pages.kind]
    given = arguments(pages) | ({"key": key} if pages.kind == "keyset" else {})
    if sized:
        given |= {sized: pages.size, "size": page_size(pages, longest)}
    parts = [f"{word}={literal(value)}" for word, value in given.items()]
    said = ", ".join(parts)
    if len(said) > _LONG:
        said = "\n" + "".join(f"        {part},\n" for part in parts) + "    "
    doubt = (
        "TODO: links are followed by GET, so what the body asks for is asked once only"
        if in_body and (not sized)
        else ""
    )
    return PagingSource(f"{name}({said})", (name,)), doubt


def page_size(pages: Pages, longest: int = 0) -> int:
    """Return how many records to ask for: what the document allows, else what is usual there."""
    bounds = [bound for bound in (pages.most, longest) if bound]
    return min([*bounds, _MOST]) if bounds else pages.usual or _SIZE
