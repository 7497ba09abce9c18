"""The files of a starting exchange: DAG file, datasets, mapping, WSDL catalogue, package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lienthong.errors import Misconfigured
from lienthong_connectors.soap.catalogue import INDEX, open_catalogue, write_catalogue
from lienthong_connectors.soap.documents import Documents, collect
from lienthong_connectors.soap.samples import TODO
from lienthong_connectors.soap.starter import Starter, kebab
from lienthong_connectors.soap.starter_data import column_type
from lienthong_connectors.starting.project import (
    agency,
    package_in,
    package_texts,
    refuse_present,
    schema_texts,
    write_texts,
)

_CLASSES: Final = {"source": "SoapSource", "target": "SoapTarget", "lookup": "SoapLookup"}
_COLUMNS: Final = "columns=columns"
_EXCHANGE: Final = '''\
"""{doc}"""

from lienthong import {words}
from lienthong.airflow import exchange_dag
from lienthong_connectors.soap import {names}
from lienthong_connectors.sql import {tables}

{settings}
{columns}
{name} = Exchange(
    id="{name}",
    title=Text({title}, {title}),  # TODO: for people, in both languages
    provider={provider}
    consumer={consumer}
    legal_basis="Nghị định 278/2025/NĐ-CP",  # TODO: the text that allows this exchange
    purpose=Text("TODO", "TODO"),  # TODO: what the data is for, in both languages
{ends}
    dataset={reads},
    mapping={mapping},
    produces={produces},
)

dag = exchange_dag({name}, schedule=None)
'''


def write(starter: Starter, documents: Documents, folder: Path, package: str = "") -> list[Path]:
    """Write a starting exchange into a project's folder and return the files written.

    Datasets, mapping and the WSDL's catalogue go into a schemas package below ``schemas/``: the
    one named, else the only one that is there, else a new one with a ``pyproject.toml``. A WSDL that
    stands there with the same digest is used as it is. Raises `Misconfigured` where a file exists.
    """
    package = package or package_in(folder)
    beside = package_texts(folder, package, "Datasets, mappings and WSDLs")
    root = folder / "schemas" / package
    texts = schema_texts(root, starter.datasets, starter.mappings)
    catalogue = root / "wsdl" / kebab(starter.service)
    texts[folder / "dags" / f"{starter.name}.py"] = dag_file(
        starter, f"package:{package}/wsdl/{catalogue.name}", documents.digest
    )
    if starter.columns:
        texts[folder / "sql" / f"{starter.table}.sql"] = table_of(starter)
    refuse_present(texts)
    _write_catalogue(catalogue, documents)
    missing = {path: text for path, text in beside.items() if not path.exists()}
    return [*write_texts(missing | texts, folder), catalogue / INDEX]


def dag_file(starter: Starter, wsdl: str, digest: str) -> str:
    """Return the text of the DAG file."""
    role = starter.wish.role
    (mapping,) = starter.mappings
    tables = {"source": ["SqlTarget"], "target": ["SqlSource"], "lookup": ["SqlSource", "SqlTarget"]}[role]
    extra = {"lookup": ["Lookup"], "target": ["Delivery"]}.get(role, [])
    names = [_CLASSES[role], *(["Paging"] if "paging" in starter.settings else [])]
    names += ["ResultCodes"] if "result" in starter.settings else []
    return _EXCHANGE.format(
        doc=f"Starting point: {starter.service}.{starter.wish.operation} as a {role}. Decide each TODO.",
        words=", ".join(sorted({"Exchange", "Source", "Target", "Text", *extra})),
        names=", ".join(sorted(names)),
        tables=", ".join(tables),
        settings=_settings(starter, wsdl, digest),
        columns="" if role == "target" else _columns(starter),
        name=starter.name,
        title=_text(starter.title),
        provider=agency(starter.wish.provider, "who gives the data"),
        consumer=agency(starter.wish.consumer, "who takes it"),
        ends=_ends(starter),
        reads=_text(starter.reads),
        mapping=_text(mapping),
        produces=_text(starter.produces),
    )


def table_of(starter: Starter) -> str:
    """Return the statement that makes the table whose rows are read."""
    lines = [
        f'    "{name}" {column_type(schema)}{" PRIMARY KEY" if name == starter.key else ""}'
        for name, schema in starter.columns.items()
    ]
    return f'CREATE TABLE "{starter.table}" (\n' + ",\n".join(lines) + "\n);\n"


def literal(value: Any, indent: int = 0) -> str:
    """Return a value as Python source, one member a line."""
    if not isinstance(value, Mapping):
        return _text(value) if isinstance(value, str) else repr(value).replace("'", '"')
    if not value:
        return "{}"
    pad = " " * (indent + 4)
    lines = [f"{pad}{_text(str(name))}: {literal(item, indent + 4)},\n" for name, item in value.items()]
    return "{\n" + "".join(lines) + " " * indent + "}"


def _settings(starter: Starter, wsdl: str, digest: str) -> str:
    lines = [
        f"operation={_text(starter.wish.operation)},",
        f"wsdl={_text(wsdl)},",
        f"wsdl_digest={_text(digest)},",
        f"service={_text(starter.service)},",
        f"port={_text(starter.port)},",
    ]
    for name, value in starter.settings.items():
        if name in starter.todo:
            lines.append(f"# TODO: {starter.todo[name]}")
        if name == "paging":
            lines.append(f"paging=Paging(size={value['size']}),")
        elif name == "result":
            good = literal(value["acknowledged"])
            lines.append(f"result=ResultCodes(path={_text(value['path'])}, acknowledged={good}),")
        else:
            lines.append(f"{name}={literal(value, 4)},")
    body = "".join(f"    {line}\n" for line in lines)
    return f"service = {_CLASSES[starter.wish.role]}(\n{body})"


def _ends(starter: Starter) -> str:
    """Return the arguments that say where records come from and where they go."""
    role, own = starter.wish.role, _text(starter.connection)
    read = f'source=Source("database", SqlSource({_text(starter.table)})),'
    if role == "source":
        made = f"SqlTarget({_text(starter.table)}, {_COLUMNS}, create=True)"
        lines = [f"source=Source({own}, service),", f'target=Target("database", {made}),']
    elif role == "target":
        single = "delivery=Delivery(batch=1),  # TODO: more, once status or repeatable is set"
        lines = [read, f"target=Target({own}, service),", single]
    else:
        result = starter.table.removesuffix("_question") + "_result"
        lines = [
            read,
            "lookup=Lookup(",
            f"    {own},",
            "    service,",
            f'    officer="{TODO}",  # TODO: who asks: a constant, or "$column"',
            f'    procedure="{TODO}",  # TODO: for which administrative procedure',
            f'    purpose="{TODO}",  # TODO: why',
            "),",
            f'target=Target("database", SqlTarget({_text(result)}, {_COLUMNS}, create=True)),',
        ]
    return "\n".join(f"    {line}" for line in lines)


def _columns(starter: Starter) -> str:
    """Return the columns of the table that takes the records: all of them, whatever comes first."""
    names = starter.datasets[starter.produces]["properties"]
    body = "".join(f"        {_text(name)},\n" for name in names)
    return f"columns = {{\n    name: name\n    for name in (\n{body}    )\n}}\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _write_catalogue(folder: Path, documents: Documents) -> None:
    if (folder / INDEX).exists():
        known = open_catalogue(str(folder))
        if collect(known.main, known.fetch).digest != documents.digest:
            raise Misconfigured(
                "another version of this WSDL is kept there already",
                where=str(folder),
                hint="compare both with: lienthong wsdl FOLDER --compare URL",
            )
        return
    write_catalogue(folder, documents)
