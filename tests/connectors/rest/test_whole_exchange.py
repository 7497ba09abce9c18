"""A whole exchange of what could not be described: keys with dots, nested parameters, details, scans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from memory_bus import memory_bench

from lienthong import Delivery, Exchange, Source, Target, Text
from lienthong.datasets import Catalogue
from lienthong.pipeline import Bus, RunRequest, compile_plan, run_exchange
from lienthong_connectors.rest import Attachments, CursorPaging, Detail, Records, RestSource, RestTarget

SCAN = b"%PDF-1.7 " + bytes(range(256)) * 500
REFERENCE = {
    "type": "object",
    "required": ["digest", "size", "media_type"],
    "properties": {
        "digest": {"type": "string"},
        "size": {"type": "integer"},
        "media_type": {"type": "string"},
    },
}
THING = {
    "x-lienthong": {
        "key": ["@iot.id"],
        "owner": "H21",
        "title": {"vi": "Vật", "en": "Thing"},
        "class": "internal",
    },
    "type": "object",
    "additionalProperties": False,
    "required": ["@iot.id", "updated.at", "scan"],
    "properties": {
        "@iot.id": {"type": "integer"},
        "updated.at": {"type": "integer"},
        "scan": REFERENCE,
    },
}


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    package = tmp_path / "iotschemas"
    file = package / "datasets/iot.thing/1.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(THING), "utf-8")
    (package / "__init__.py").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        yield Catalogue.from_packages(["iotschemas"])
        patch.delitem(__import__("sys").modules, "iotschemas", raising=False)


SOURCE = RestSource(
    path="things/query",
    method="POST",
    body={"query": "things"},
    params_in="body",
    records=Records(path="data.things.edges[*].node", absent={"data.things.state": ("ok",)}),
    paging=CursorPaging(
        cursor_path="data.things.next", cursor_param="variables.after", size_param="variables.first", size=2
    ),
    since={"variables.filter.updated.gt": "{since}"},
    detail=Detail(path="things/{record['@iot.id']}"),
    attachments=Attachments(members=("scan",)),
)
TARGET = RestTarget(
    path="inbox",
    mode="single",
    repeatable=True,
    attachments=Attachments(by="multipart", members=("scan",), file_part="file{n}"),
)


class Province:
    """A service that speaks GraphQL and gives scans by link; and an inbox for forms."""

    def __init__(self, agency: Any) -> None:
        self.agency, self.versions = agency, {1: 10, 2: 20, 3: 30}
        self.asked: list[Any] = []
        self.inbox: list[tuple[Any, bytes]] = []
        agency.default = self.answer

    def answer(self, asked: Any) -> bytes:
        path = asked.path.removeprefix("/api/")
        if path == "things/query":
            return bytes(self.agency.response({"data": {"things": self.listed(asked.json())}}))
        if path == "scans/7":
            return bytes(self.agency.response(raw=SCAN, headers={"Content-Type": "application/pdf"}))
        if path == "inbox":
            return self.taken(asked)
        number = int(path.removeprefix("things/"))
        thing = {"@iot.id": number, "updated.at": self.versions[number], "scan": "../scans/7"}
        return bytes(self.agency.response(thing))

    def listed(self, body: Any) -> Any:
        variables = body["variables"]
        self.asked.append(variables)
        after = variables.get("filter", {}).get("updated", {}).get("gt", 0)
        assert type(after) is int
        found = [number for number, version in self.versions.items() if version > after]
        start = int(variables.get("after", 0))
        page = found[start : start + variables["first"]]
        more = start + len(page) < len(found)
        things = {"state": "ok", "next": str(start + len(page)) if more else None}
        return things | ({"edges": [{"node": {"@iot.id": number}} for number in page]} if page else {})

    def taken(self, asked: Any) -> bytes:
        head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
        record, file = message_from_bytes(head + asked.body).get_payload()
        self.inbox.append((json.loads(record.get_payload(decode=True)), file.get_payload(decode=True)))
        return bytes(self.agency.response({"ok": True}))


def test_an_exchange_runs_over_all_of_it_and_a_quiet_run_is_green(
    agency: Any, catalogue: Catalogue, tmp_path: Path
) -> None:
    """Once each, with its scan; a change comes alone; nothing new is green though ``edges`` is left out."""
    province = Province(agency)
    exchange = Exchange(
        id="things",
        title=Text("Vật", "Things"),
        provider="G22",
        consumer="H21",
        legal_basis="Quyết định 19/2025/QĐ-TTg",
        purpose=Text("Thử", "Test"),
        source=Source("agency", SOURCE, cursor="updated.at"),
        target=Target("agency", TARGET),
        dataset="iot.thing/1",
        delivery=Delivery(batch=10, parallel=1, attempts=1, quarantine_above=0.0),
    )
    plan = compile_plan(exchange, catalogue)
    with memory_bench(tmp_path) as bench:
        bus: Bus = replace(bench.bus, connections=lambda name: agency.connection())
        counts = [run_exchange(bus, plan, RunRequest(f"run-{number}")).counts for number in range(3)]
        province.versions[2] = 40
        counts.append(run_exchange(bus, plan, RunRequest("run-3")).counts)
    assert [one["acknowledged"] for one in counts] == [3, 0, 0, 1]
    assert [one["quarantined"] for one in counts] == [0, 0, 0, 0]
    assert [(record, sha256(file).digest()) for record, file in province.inbox] == [
        ({"@iot.id": number, "updated.at": version, "scan": "file1"}, sha256(SCAN).digest())
        for number, version in [(1, 10), (2, 20), (3, 30), (2, 40)]
    ]
    assert province.asked[:2] == [{"first": 2}, {"first": 2, "after": "2"}]
