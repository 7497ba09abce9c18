"""Tables of result codes: what a national service's codes mean, as data that a connector's package brings.

A table is a JSON file in a package that a connector's descriptor names. Settings hold its name;
its digest is part of the agreement (see `lienthong.exchange.Exchange.digest`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import orjson

from lienthong.errors import Misconfigured, UnknownName
from lienthong.exchange import Text
from lienthong.records import digest

MEANINGS: Final[Mapping[str, Text]] = {
    "ok": Text("thành công", "taken, or answered"),
    "exists": Text("đã có từ trước", "is there already: may be sent as an update"),
    "pending": Text("đang xử lý", "cannot be told yet"),
    "absent": Text("không tìm thấy", "not there: never taken, or nobody of that name"),
    "refused": Text("bản ghi bị từ chối", "this record is refused"),
    "rejected": Text("yêu cầu bị từ chối", "the whole request is refused"),
    "transient": Text("tạm thời, gửi lại sau", "not taken, try again later"),
    "unknown": Text("không rõ kết quả", "may have been taken"),
    "misconfigured": Text("sai cấu hình", "the exchange or the connection is wrong"),
    "unauthenticated": Text("sai xác thực", "who we are is not accepted"),
    "forbidden": Text("không được phép", "we may not do this"),
}
"""What a code can mean, in the order of documentation."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code: its meaning (a key of `MEANINGS`) and what people are told."""

    code: str
    meaning: str
    text: Text


@dataclass(frozen=True, slots=True)
class CodeTable:
    """The codes of one service; ``source`` names where they are from, ``digest`` is SHA-256 (hex)."""

    name: str
    title: Text
    source: str
    codes: Mapping[str, Code]
    digest: str


@cache
def code_table(package: str, name: str) -> CodeTable:
    """Return a package's table; raise `UnknownName` where there is none."""
    from importlib.resources import files

    file = files(package).joinpath(f"{name}.json")
    if name not in code_tables(package):
        known = ", ".join(code_tables(package)) or "none"
        raise UnknownName(f"there is no table of codes {name!r}", where=package, hint=f"there are: {known}")
    return _table(orjson.loads(file.read_bytes()), f"{package}/{name}.json")


@cache
def code_tables(package: str) -> tuple[str, ...]:
    """Return the names of a package's tables, sorted."""
    from importlib.resources import files

    names = (item.name for item in files(package).iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in names if name.endswith(".json")))


def _table(content: Mapping[str, Any], where: str) -> CodeTable:
    codes: dict[str, Code] = {}
    for code, entry in content["codes"].items():
        if entry["meaning"] not in MEANINGS:
            raise Misconfigured(
                f"code {code!r} has the meaning {entry['meaning']!r}, which is none",
                where=where,
                hint=f"there are: {', '.join(MEANINGS)}",
            )
        codes[code] = Code(code, entry["meaning"], Text(entry["vi"], entry["en"]))
    title = Text(**content["title"])
    return CodeTable(content["name"], title, content["source"], codes, digest(content))
