"""The files of a starting exchange: DAG file, datasets, mapping, WSDL catalogue, package."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lienthong.errors import Misconfigured
from lienthong.faults import file_faults
from lienthong_connectors.soap.catalogue import INDEX, open_catalogue, write_catalogue
from lienthong_connectors.soap.documents import Documents, collect
from lienthong_connectors.soap.samples import TODO
from lienthong_connectors.soap.starter import Starter, kebab
from lienthong_connectors.soap.starter_data import column_type

_CLASSES: Final = {"source": "SoapSource", "target": "SoapTarget", "lookup": "SoapLookup"}
_PYPROJECT: Final = """\
[build-system]
requires = ["hatchling", "editables"]
build-backend = "hatchling.build"

[project]
name = "{dashed}"
version = "0.1.0"
requires-python = ">=3.11"

[project.entry-points."lienthong.schemas"]
{package} = "{package}"

[tool.hatch.build.targets.wheel]
packages = ["schemas/{package}"]

[tool.hatch.build]
dev-mode-dirs = ["schemas"]
"""
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
    package = package or _package(folder)
    root = folder / "schemas" / package
    texts: dict[Path, str] = {root / "__init__.py": '"""Datasets, mappings and WSDLs."""\n'}
    texts[folder / "pyproject.toml"] = _PYPROJECT.format(dashed=package.replace("_", "-"), package=package)
    kept = {path for path in texts if path.exists()}
    for kind, found in (("datasets", starter.datasets), ("mappings", starter.mappings)):
        for ref, content in found.items():
            texts[root / kind / f"{ref}.json"] = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    catalogue = root / "wsdl" / kebab(starter.service)
    texts[folder / "dags" / f"{starter.name}.py"] = dag_file(
        starter, f"package:{package}/wsdl/{catalogue.name}", documents.digest
    )
    if starter.columns:
        texts[folder / "sql" / f"{starter.table}.sql"] = table_of(starter)
    for path in texts:
        if path.exists() and path not in kept:
            raise Misconfigured("the file exists already", where=str(path), hint="choose another --name")
    _write_catalogue(catalogue, documents)
    written = [path for path in texts if path not in kept]
    with file_faults("the files cannot be written", folder):
        for path in written:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[path], encoding="utf-8")
    return [*written, catalogue / INDEX]


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
        provider=_agency(starter.wish.provider, "who gives the data"),
        consumer=_agency(starter.wish.consumer, "who takes it"),
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


def _agency(code: str, what: str) -> str:
    return f"{_text(code)}," if code else f'"H00",  # TODO: agency code of {what}'


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _package(folder: Path) -> str:
    found = [path.parent.name for path in sorted(folder.glob("schemas/*/__init__.py"))]
    if len(found) == 1:
        return found[0]
    if found:
        raise Misconfigured(
            "there are several schemas packages",
            where=str(folder / "schemas"),
            hint="name one with --package",
        )
    name = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_") or "my"
    return f"{name if name[0].isalpha() else f'x_{name}'}_schemas"


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
