"""Settings are checked when a DAG file is parsed, describe themselves, and cost little to import."""

from __future__ import annotations

import dataclasses
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lienthong.connector import Connection, ConnectorDescriptor
from lienthong.errors import InvalidExchange
from lienthong.exchange import _plain
from lienthong_connectors import rest
from lienthong_connectors.http.privacy import spoken
from lienthong_connectors.rest import (
    DESCRIPTOR,
    Accepted,
    Attachments,
    CreateThenUpdate,
    CursorPaging,
    Detail,
    Envelope,
    HighWater,
    HttpSignature,
    KeysetPaging,
    OffsetPaging,
    PagePaging,
    Records,
    RestSource,
    RestTarget,
    Results,
    StatusLookup,
    TimeWindows,
)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: RestSource(path="x?y=1"), "path"),
        (lambda: RestSource(path="https://other/x"), "path"),
        (lambda: RestSource(path="x", method="PUT"), "method"),  # type: ignore[arg-type]
        (lambda: RestSource(path="x", body={"a": 1}), "body"),
        (lambda: RestSource(path="x", method="POST", body={"a": "$records"}), "body"),
        (lambda: RestSource(path="x", params_in="body"), "params_in"),
        (lambda: RestSource(path="x", prefetch=0), "prefetch"),
        (lambda: RestSource(path="x", timeout=0), "timeout"),
        (lambda: RestSource(path="x", max_answer_bytes=1), "max_answer_bytes"),
        (lambda: RestSource(path="x", headers={"authorization": "x"}), "headers"),
        (lambda: RestSource(path="x", end_statuses=(401,)), "end_statuses"),
        (rest.Count, "count.path"),
        (lambda: rest.Count(path="x?y"), "count.path"),
        (lambda: RestTarget(path="x", method="GET"), "method"),  # type: ignore[arg-type]
        (lambda: RestTarget(path="x", mode="stream"), "mode"),  # type: ignore[arg-type]
        (lambda: RestTarget(path="x", wrap={"a": 1}), "wrap"),
        (lambda: RestTarget(path="x", wrap={"a": "$records", "b": "$secret"}), "wrap"),
        (lambda: RestTarget(path="x", wrap={"a": "$records", "b": "$key"}), "wrap"),
        (lambda: RestTarget(path="x/{key}"), "path"),
        (lambda: RestTarget(path="x", mode="ndjson", wrap={"a": "$records"}), "wrap"),
        (lambda: RestTarget(path="x", mode="single", wrap={"a": "$records"}), "wrap"),
        (lambda: RestTarget(path="x", upsert=CreateThenUpdate(exists_codes=("4",))), "upsert"),
        (lambda: RestTarget(path="x", statuses={409: "maybe"}), "statuses"),  # type: ignore[dict-item]
        (lambda: RestTarget(path="x", max_batch=-1), "max_batch"),
        (
            lambda: RestTarget(path="x", mode="single", status=StatusLookup(path="s", per="batch")),
            "status",
        ),
        (
            lambda: RestTarget(path="x", status=StatusLookup(path="s", per="batch", body={"a": "$record"})),
            "status",
        ),
        (lambda: StatusLookup(path="s", per="page"), "status.per"),  # type: ignore[arg-type]
        (lambda: RestSource(path="x", envelope=Envelope(code_path="a..b")), "envelope.code_path"),
        (lambda: RestSource(path="x", high_water=HighWater(value="data.")), "high_water.value"),
        (lambda: RestTarget(path="x", reference="['a'"), "reference"),
        (lambda: RestTarget(path="x", status=StatusLookup(path="s/{key}", found="a]")), "status.found"),
        (lambda: StatusLookup(path="s", parallel=0), "status.parallel"),
        (lambda: Results(match="name"), "results.match"),  # type: ignore[arg-type]
        (lambda: Results(only_refused=True), "results.only_refused"),
    ],
)
def test_settings_that_contradict_themselves_name_the_field(make: Callable[[], Any], field: str) -> None:
    with pytest.raises(InvalidExchange, match=field):
        make()


def test_the_public_surface_is_what_is_listed() -> None:
    assert len(rest.__all__) == 25
    for name in rest.__all__:
        assert getattr(rest, name).__doc__
    with pytest.raises(AttributeError):
        rest.Nothing  # noqa: B018 - the access is the test


def test_the_descriptor_documents_every_option_and_field() -> None:
    assert isinstance(DESCRIPTOR, ConnectorDescriptor)
    for role in ("source", "target", "lookup"):
        options = DESCRIPTOR.options(role)
        assert options
        assert all(option.doc for option in options)
    for field in DESCRIPTOR.connection:
        assert field.title.vi
        assert field.title.en
        assert field.doc
    secret = {field.name for field in DESCRIPTOR.connection if field.secret}
    assert secret == {
        "password",
        "token",
        "assertion_key_password",
        "client_key_password",
        "officer_key_pass",
        "headers",
        "uplink_password",
        "uplink_token",
    }


def test_the_documentation_names_every_option_and_connection_field() -> None:
    docs = Path(__file__).parents[3] / "docs/connectors"
    page = "".join(
        (docs / name).read_text(encoding="utf-8") for name in ("rest.md", "uplinks.md", "xroad.md")
    )
    names = [option.name for role in ("source", "target", "lookup") for option in DESCRIPTOR.options(role)]
    names += [field.name for field in DESCRIPTOR.connection]
    pagings = (PagePaging, OffsetPaging, CursorPaging, KeysetPaging, TimeWindows)
    for kind in (
        Accepted,
        Attachments,
        Detail,
        Envelope,
        HighWater,
        Records,
        Results,
        CreateThenUpdate,
        StatusLookup,
        HttpSignature,
        *pagings,
    ):
        names += [field.name for field in dataclasses.fields(kind)]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_settings_survive_pickling_and_become_json() -> None:
    settings = RestSource(path="x", paging=PagePaging(), envelope=Envelope())
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own bytes
    assert _plain(settings)["paging"]["kind"] == "page"
    assert _plain(settings)["kind"] == "rest"


def test_importing_the_connector_loads_no_http_library() -> None:
    """200 DAG files do it."""
    code = (
        "import sys, lienthong_connectors.rest as r; r.RestSource, r.RestTarget, r.DESCRIPTOR, r.PagePaging;"
        "print([m for m in ('requests', 'urllib3', 'cryptography', 'ssl', 'concurrent') if m in sys.modules])"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Số 064123456789 sai", "Số … sai"),
        ("gọi +84912345678", "gọi …"),
        ("mail a.b@x.vn sai", "mail … sai"),
        ("H21.129-250812-0001 đã tồn tại", "H21.129-250812-0001 đã tồn tại"),
        ("dòng\r\n\tmột\x00hai", "dòng một hai"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_an_agencys_words_lose_personal_values(text: str, shown: str) -> None:
    assert spoken(text) == shown


def test_values_of_the_record_are_left_out_of_an_agencys_words() -> None:
    record = {"ten": "Trần Thị B", "con": [{"ten": "Trần Thị B Con"}], "a": "ngắn"}
    assert spoken("Trần Thị B Con, con của Trần Thị B, ngắn", record) == "…, con của …, ngắn"


def test_a_connection_of_the_form_opens() -> None:
    opened = RestSource(path="x").open_source(Connection("c", "lienthong_rest", "https://a.vn"), _context())
    opened.close()


def _context() -> Any:
    from lienthong.connector import Context

    return Context(log=lambda _: None)
