"""What members and parameters are usually called: the table from which paging, lists and keys are guessed.

Names are compared without case and separators: ``page[size]``, ``page_size`` and ``pageSize`` are one. To
teach the bus a further service's words, add them here.
"""

from __future__ import annotations

import re
from typing import Final

PAGE: Final = frozenset(
    [
        "page",
        "pageno",
        "pagenumber",
        "pagenum",
        "pageindex",
        "pageid",
        "currentpage",
        "currentpageno",
        "trang",
        "sotrang",
        "trangso",
        "p",
    ]
)
SIZE: Final = frozenset(
    [
        "size",
        "limit",
        "pagesize",
        "perpage",
        "pagelimit",
        "pagecount",
        "count",
        "top",
        "rows",
        "take",
        "maxresults",
        "max",
        "maxitems",
        "num",
        "resultsperpage",
        "itemsperpage",
        "recordsperpage",
        "numofrows",
        "sobanghi",
        "soluong",
        "kichthuoc",
        "kichthuoctrang",
        "length",
        "maxpagesize",
        "pagerows",
        "batchsize",
        "maxrecords",
        "resultrecordcount",
        "rowsperpage",
        "recordperpage",
        "sobanghitrentrang",
        "sodong",
        "sotrentrang",
    ]
)
OFFSET: Final = frozenset(
    [
        "offset",
        "skip",
        "start",
        "startindex",
        "startat",
        "from",
        "first",
        "firstresult",
        "pageoffset",
        "startfrom",
        "startrow",
        "startposition",
        "resultoffset",
        "batdau",
    ]
)
CURSOR: Final = frozenset(
    [
        "cursor",
        "after",
        "pagetoken",
        "nexttoken",
        "nextpagetoken",
        "continuation",
        "continuationtoken",
        "startingafter",
        "marker",
        "pagecursor",
        "pageafter",
        "startkey",
        "scrollid",
        "resumptiontoken",
        "bookmark",
        "aftercursor",
        "nextcursor",
        "paginationtoken",
        "exclusivestartkey",
        "startafter",
        "pagekey",
        "afterid",
        "lastid",
        "afterkey",
    ]
)
"""Query parameters."""

AFTER_KEY: Final = frozenset(
    ["startingafter", "startafter", "after", "afterid", "sinceid", "lastid", "afterkey"]
)
"""Those by which a service takes the last record's key in a cursor's place."""

DOUBTFUL: Final = frozenset(
    ["from", "first", "start", "max", "count", "top", "length", "p", "take", "rows", "num"]
)
"""Those of them that mean something else where they are no numbers."""

NEXT_CURSOR: Final = frozenset(
    [
        "nextcursor",
        "nextpagetoken",
        "nexttoken",
        "cursor",
        "continuationtoken",
        "continuation",
        "endcursor",
        "nextmarker",
        "marker",
        "after",
        "resumptiontoken",
        "nextpagecursor",
        "scrollid",
        "bookmark",
        "nextkey",
        "lastevaluatedkey",
        "paginationtoken",
        "nextpagekey",
        "pagetoken",
        "next",
    ]
)
NEXT_LINK: Final = frozenset(
    [
        "next",
        "nextlink",
        "odatanextlink",
        "nexturl",
        "nextpageurl",
        "nextpage",
        "nextpagelink",
        "iotnextlink",
        "nexthref",
        "linknext",
    ]
)
TOTAL: Final = frozenset(
    [
        "total",
        "totalcount",
        "totalelements",
        "totalitems",
        "totalresults",
        "totalrecords",
        "totalhits",
        "totalrows",
        "totalsize",
        "totalnumber",
        "totalitemcount",
        "recordcount",
        "recordscount",
        "recordstotal",
        "numbermatched",
        "resultcount",
        "count",
        "odatacount",
        "tong",
        "tongso",
        "tongsobanghi",
        "sobanghi",
        "numfound",
        "totalmatches",
        "totaldocs",
        "itemcount",
        "iotcount",
        "totalrecord",
        "totalitem",
        "totalrow",
        "totalpageelements",
        "tongsohoso",
        "tongbanghi",
    ]
)
MORE: Final = frozenset(["hasmore", "hasnext", "hasnextpage", "more", "ismore", "moredata", "conlai"])
LAST: Final = frozenset({"last", "islast", "lastpage"})
PAGES: Final = frozenset(["totalpages", "pagecount", "pages", "lastpage", "numpages", "tongsotrang"])
NOW: Final = frozenset(["number", "page", "currentpage", "pagenumber", "pageindex", "trang", "pageno"])
GIVEN: Final = frozenset(
    ["numberofelements", "numberreturned", "returned", "pagesize", "size", "perpage", "limit"]
)
"""Members of an answer."""

LISTS: Final = [
    "data",
    "items",
    "results",
    "records",
    "value",
    "content",
    "features",
    "entry",
    "rows",
    "list",
    "elements",
    "hits",
    "documents",
    "entities",
    "objects",
    "members",
    "result",
    "resources",
    "danhsach",
    "dulieu",
    "ketqua",
]
"""Names of the member that holds an answer's records, the surest first."""
NOT_RECORDS: Final = frozenset(
    [
        "links",
        "link",
        "errors",
        "error",
        "warnings",
        "warning",
        "messages",
        "facets",
        "sort",
        "orders",
        "order",
        "aggregations",
        "filters",
        "included",
        "columns",
        "fields",
        "conformsto",
        "bbox",
        "crs",
        "metadata",
        "notices",
    ]
)
"""Names of lists that hold something else than records."""

SINCE: Final = frozenset(
    [
        "since",
        "updatedsince",
        "modifiedsince",
        "updatedafter",
        "modifiedafter",
        "changedsince",
        "updatedfrom",
        "modifiedfrom",
        "fromdate",
        "startdate",
        "lastupdated",
        "lastmodified",
        "updatedmin",
        "modifiedsinceutc",
        "tungay",
        "thoigiantu",
    ]
)
"""Query parameters that ask for what is newer."""
CHANGED: Final = re.compile(
    r"^(up)?dated?(at|on|time|date)?$|^(last)?(modified|updated|changed)(at|on|date|time|utc)?$"
    r"|^(modification|update|change)(date|time|datetime)$|^(ngaycapnhat|thoigiancapnhat|capnhat|ngaysua)$"
)
"""Names of the member that says when a record changed."""
SEARCHES: Final = re.compile(r"search|query|find|list|filter|timkiem|tracuu|danhsach|lookup", re.I)
"""What the name or path of a POST holds that only asks."""
CODE: Final = frozenset(
    [
        "code",
        "errorcode",
        "statuscode",
        "resultcode",
        "returncode",
        "responsecode",
        "success",
        "status",
        "errcode",
        "rc",
        "ma",
        "maloi",
        "trangthai",
        "ketqua",
        "issuccess",
        "succeeded",
        "ok",
        "error",
    ]
)
"""Names of the member that says how a question went."""

_KEYS: Final = (
    r"^_?id$",
    r"^(uuid|guid|key|identifier|iotid|objectid|gid|fid)$",
    r"^(code|number|ma|maso|so|isocode|ref|reference)$",
    r"(uuid|guid|id|key)$",
    r"^(ma|so)[a-z]|(code|number|no|identifier|ref)$",
)
_WORDS = re.compile(r"[^a-z0-9]+")


def plain(name: str) -> str:
    """Return a name as the table has it: lower case, letters and digits only."""
    return _WORDS.sub("", name.lower())


def key_rank(name: str) -> int:
    """Return how much a member looks like a record's key by its name: 0 for most, `NO_KEY` for not at all."""
    found = plain(name)
    return next((rank for rank, pattern in enumerate(_KEYS) if re.search(pattern, found)), NO_KEY)


NO_KEY: Final = len(_KEYS)
