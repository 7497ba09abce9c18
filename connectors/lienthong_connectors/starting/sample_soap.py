"""A starting exchange from one answer of a SOAP service: types by its WSDL, the key by what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lienthong.connector import Connection, Context, ReadRequest
from lienthong_connectors.http.fields import base_url
from lienthong_connectors.soap.documents import Documents
from lienthong_connectors.soap.fetch import documents_at
from lienthong_connectors.soap.settings import Paging, SoapSource
from lienthong_connectors.soap.starter import Starter, plan
from lienthong_connectors.soap.starter import Wish as SoapWish
from lienthong_connectors.soap.starter_files import write
from lienthong_connectors.soap.wsdl import understood
from lienthong_connectors.starting.observed import observed, unique_paths
from lienthong_connectors.starting.plans import Json, open_classes
from lienthong_connectors.starting.sampling import Wish, nothing


def sample(connection: Connection, wish: Wish) -> tuple[Starter, Documents, int, Json]:
    """Call an operation once and return the starting exchange, its WSDL, the records' number and schema.

    Raises what reading the WSDL and the call raise, and `Misconfigured` where no record came.
    """
    where = str(connection.option("wsdl", "") or f"{base_url(connection)}?wsdl")
    documents = documents_at(where, connection=connection)
    asked = SoapWish(
        wish.place,
        "source",
        record=wish.records or "",
        key=wish.key,
        name=wish.name,
        provider=wish.provider,
        consumer=wish.consumer,
        connection=connection.id,
        values=wish.values,
    )
    description = understood(documents)
    starter = plan(description, asked)
    records = _read(starter, where, connection, wish)
    schema = observed(records)
    keys = unique_paths(records, schema)
    if not wish.key and keys and starter.datasets[starter.reads]["x-lienthong"]["key"][0] not in keys:
        starter = plan(description, replace(asked, key=keys[0]))  # what the WSDL let us guess is not unique
    note = f"GUESS: the key, as {len(records)} records showed it; "
    datasets = {}
    for ref, content in starter.datasets.items():
        made = open_classes(content)
        datasets[ref] = {**made, "$comment": note + made["$comment"]}
    return replace(starter, datasets=datasets), documents, len(records), schema


def write_sampled(starter: Starter, documents: Documents, folder: Path, package: str) -> list[Path]:
    """Write the files of a starting exchange; raises `Misconfigured` where one exists."""
    return write(starter, documents, folder, package)


def _read(starter: Starter, where: str, connection: Connection, wish: Wish) -> Sequence[Any]:
    given = dict(starter.settings)
    paging = given.pop("paging", None)
    settings = SoapSource(
        operation=starter.wish.operation,
        wsdl=where,
        service=starter.service,
        port=starter.port,
        paging=Paging(size=paging["size"]) if paging else None,
        **given,
    )
    source = settings.open_source(connection, Context(log=_quiet))
    try:
        page = next(iter(source.read(ReadRequest(limit=wish.most))), None)
    finally:
        source.close()
    if page is None or not page.records:
        raise nothing(wish.place, "ask for something that is there: --set MEMBER=VALUE, --record NAME")
    return list(page.records)[: wish.most]


def _quiet(_: str) -> None:
    """Take log lines and do nothing with them."""
