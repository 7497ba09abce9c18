"""A starting exchange from one answer of a REST service: list, types, key, paging, envelope are guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from lxml import etree

from lienthong.connector import Connection, Context
from lienthong.errors import Misconfigured, ProtocolViolation, UnknownName
from lienthong_connectors.http.call import Call
from lienthong_connectors.http.client import Client
from lienthong_connectors.http.status import failure
from lienthong_connectors.http.transport import Limits, Reply
from lienthong_connectors.openapi import words
from lienthong_connectors.openapi.contract import Contracts
from lienthong_connectors.openapi.finding import Pages, pages_of, record_list
from lienthong_connectors.openapi.operations import Operation, Parameter
from lienthong_connectors.openapi.paging import PagingSource, paging_of
from lienthong_connectors.openapi.resolving import Resolver
from lienthong_connectors.rest.decode import check_type, decode
from lienthong_connectors.rest.paths import MISSING, as_text
from lienthong_connectors.rest.paths import at as at_path
from lienthong_connectors.rest.settings_common import TYPES
from lienthong_connectors.rest.xml_list import whole_xml
from lienthong_connectors.starting.files import literal, text
from lienthong_connectors.starting.observed import changing, observed, unique_paths
from lienthong_connectors.starting.plans import Ends, Plan, Setting, giving, no_key, variable
from lienthong_connectors.starting.sampling import Sampled, Wish, guessed, nothing

_GOOD: Final = frozenset({"0", "00", "000", "200", "ok", "success", "true", "succeeded", "thanhcong"})
_JSON: Final = ("application/json", "text/json")
#: By which parameter a cursor that an answer names is usually given back.
_BACK: Final = {
    "nextpagetoken": "pageToken", "nexttoken": "nextToken", "continuationtoken": "continuationToken",
    "endcursor": "after", "nextmarker": "marker", "resumptiontoken": "resumptionToken",
}  # fmt: skip


def sample(connection: Connection, wish: Wish) -> Sampled:
    """Ask once by GET and return the starting exchange; raises what asking does, and `Misconfigured`."""
    client = Client(connection, Context(log=_quiet), Limits(answer_bytes=64 << 20))
    where = f"{client.where}/{wish.place.lstrip('/')}"
    path, _, query = wish.place.partition("?")
    params = {**_pairs(query), **wish.values}
    try:
        reply = client.call(Call("GET", path, params, label="/" + path.lstrip("/"))).reply
    finally:
        client.close()
    if error := failure(reply, where=where, safe=True):
        raise error
    media = reply.header("Content-Type").partition(";")[0].strip().lower()
    value, root = _decoded(reply, media, where)
    found = _Came(value, root, media, dict(reply.headers))
    return _planned(connection, wish, path, params, found)


@dataclass(frozen=True, slots=True)
class _Came:
    """A decoded answer; ``root`` is the name of an XML answer's root, "" for JSON."""

    value: Any
    root: str
    media: str
    headers: Mapping[str, str]


def _planned(
    connection: Connection, wish: Wish, path: str, params: Mapping[str, str], came: _Came
) -> Sampled:
    answer = observed([came.value])
    place, records = _records(came.value, answer, wish)
    contracts = Contracts(Resolver({}))
    schema = contracts.of(observed(records))
    if not schema.get("properties"):
        raise Misconfigured(
            "its elements are no objects", where=wish.place, hint="name a list with --records"
        )
    keys = unique_paths(records, schema)
    key = wish.key or next(iter(keys), "")
    if not key:
        raise no_key(wish.place)
    found = _Answer(path, params, came, answer, place, len(records), key)
    left = [f"left out, because a dataset cannot name it: {name}" for name in contracts.left_out]
    names = wish.names(connection)
    plan = Plan(
        name=wish.name or variable(names.table),
        title=names.title,
        role="source",
        connection_id=connection.id,
        end=_end(found, left),
        provider=wish.provider,
        consumer=wish.consumer,
        cursor="" if wish.key else _remark(key, keys, changing(schema)),
        **guessed(giving(names, schema, key), len(records)),
    )
    return Sampled(plan, len(records), schema)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer and what was asked; ``place``, ``count`` and ``key`` are of its records."""

    path: str
    params: Mapping[str, str]
    came: _Came
    schema: dict[str, Any]
    place: str
    count: int
    key: str

    @property
    def records(self) -> str:
        """The setting ``records``: a path, or root and element of XML."""
        return f"{self.came.root}.{self.place.rpartition('.')[2]}" if self.came.root else self.place


def _end(found: _Answer, left: list[str]) -> Ends:
    """Return the settings that would read this list."""
    params, came, media = found.params, found.came, found.came.media
    asked = tuple(
        Parameter(name, "query", False, {"type": "integer"} if said.isdecimal() else {})
        for name, said in params.items()
    )
    leads = tuple(came.headers) if "next" in came.headers.get("Link", "") else ()
    operation = Operation(
        found.path, "get", found.path, "", 200, asked, answered=found.schema, media=media, headers=leads
    )
    pages = _pages(pages_of(Resolver({}), operation), came.value)
    paging, remarks = _paging(pages, found)
    fixed = {name: said for name, said in params.items() if name not in _counted(pages)}
    envelope, names = _envelope(came.value, found.place)
    settings = (
        Setting("path", text(found.path.lstrip("/"))),
        *([Setting("params", literal(fixed))] if fixed else []),
        *([Setting("format", text("xml"))] if came.root else []),
        *([Setting("records", text(found.records), "GUESS: the list of records")] if found.records else []),
        *([Setting("paging", paging.source, f"GUESS: {pages.why}")] if paging.source else []),
        *envelope,
        *([Setting("content_types", literal((media,)))] if _unusual(media) else []),
    )
    return Ends(
        "lienthong_connectors.rest", "RestSource", settings, (*paging.names, *names), (*remarks, *left)
    )


def _remark(key: str, keys: list[str], changed: str) -> str:
    others = ", ".join(one for one in keys if one != key)[:200]
    said = [
        f"GUESS: {key} names a record{f'; also unique here: {others}' if others else ''}.",
        f"GUESS: cursor={text(changed)}, with since_param, would read only what changed." if changed else "",
    ]
    return " ".join(filter(None, said))


def _records(value: Any, answer: dict[str, Any], wish: Wish) -> tuple[str, list[Any]]:
    """Return where the list of records is, and the records of the sample."""
    if wish.records is not None:
        place, found = wish.records, at_path(value, wish.records)
        if not isinstance(found, list):
            raise UnknownName(f"the answer has no list at {place!r}", where="--records")
    else:
        listed = record_list(Resolver({}), answer)
        place = listed[0] if listed else ""
        found = at_path(value, place) if listed else MISSING
    if not isinstance(found, list):
        raise Misconfigured("the answer holds no list", where=wish.place, hint="ask for a path that lists")
    if not found:
        raise nothing(wish.place, "ask for a page that has some: --set PARAMETER=VALUE")
    return place, found[: wish.most]


def _pages(pages: Pages, value: Any) -> Pages:
    """Return the paging, with a cursor that the answer names and no parameter was given for."""
    if pages.kind != "none":
        return pages
    for path, said in _scalars(value):
        name = words.plain(path.rpartition(".")[2])
        if name in words.NEXT_CURSOR - words.NEXT_LINK - {"after", "cursor", "marker"} and as_text(said):
            param = _BACK.get(name, "cursor")
            why = f"the answer gives a cursor at {path}; that {param} takes it is a guess of its own"
            return replace(pages, kind="cursor", cursor=param, next_path=path, why=why)
    return pages


def _paging(pages: Pages, found: _Answer) -> tuple[PagingSource, list[str]]:
    params, count, value = found.params, found.count, found.came.value
    given = params.get(pages.size, "")
    sized = replace(pages, most=int(given) if given.isdecimal() else count, first=_first(pages, params))
    made, remark = paging_of(sized, key=found.key)
    remarks = [remark] if remark else []
    total = as_text(at_path(value, pages.total_path)) if pages.total_path else ""
    if pages.kind == "none" and total.isdecimal() and int(total) > count:
        remarks.append(
            f"TODO: the answer announces {total} records at {pages.total_path} and gives {count}: set paging "
            "(sample again with the parameters that page: --set page=1 --set size=100)"
        )
    return made, remarks


def _first(pages: Pages, params: Mapping[str, str]) -> int:
    return 0 if params.get(pages.page) == "0" else 1


def _counted(pages: Pages) -> set[str]:
    if pages.kind in ("page", "offset", "cursor", "keyset"):
        return {pages.page, pages.offset, pages.cursor, pages.size}
    return {pages.page, pages.offset, pages.cursor}


def _envelope(value: Any, place: str) -> tuple[list[Setting], tuple[str, ...]]:
    """Return an envelope where the answer says in words that it is a success."""
    if not place:
        return [], ()
    for path, said in _scalars(value):
        told = as_text(said)
        if "." not in path and words.plain(path) in words.CODE and words.plain(told) in _GOOD:
            source = f"Envelope(code_path={text(path)}, ok_values=({text(told)},))"
            return [Setting("envelope", source, "GUESS: how the answer says that all is well")], ("Envelope",)
    return [], ()


def _scalars(value: Any, path: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, item in value.items() if isinstance(value, Mapping) and depth < 4 else ():
        below = f"{path}.{name}" if path else str(name)
        found += _scalars(item, below, depth + 1) if isinstance(item, Mapping) else [(below, item)]
    return [(below, item) for below, item in found if not isinstance(item, list)]


def _decoded(reply: Reply, media: str, where: str) -> tuple[Any, str]:
    """Return the value of an answer in JSON or XML, and the name of the root of XML."""
    try:
        if media in TYPES["xml"] or media.endswith("+xml"):
            charset = check_type(reply.header("Content-Type"), (media,), "+xml", where=where)
            value = whole_xml(reply.body, (), charset)
            return _numbered(value), etree.QName(etree.fromstring(reply.body)).localname
        return decode(reply.body, where=where).value, ""
    except (ProtocolViolation, etree.XMLSyntaxError) as error:
        raise Misconfigured(
            f"the answer ({media or 'of no type'}) is neither JSON nor XML that can be read",
            where=where,
            hint=f"{getattr(error, 'message', 'it is cut or damaged')}; an error page? Else write by hand",
        ) from None


def _numbered(value: Any) -> Any:
    """Return the frame of XML with texts of digits as numbers, so that totals are found; lists stay text."""
    if isinstance(value, dict):
        return {name: _numbered(item) for name, item in value.items()}
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,15}", value) else value


def _unusual(media: str) -> bool:
    return media not in (*_JSON, *TYPES["xml"]) and not media.endswith(("+json", "+xml"))


def _pairs(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True))


def _quiet(_: str) -> None:
    """Take log lines and do nothing with them."""
