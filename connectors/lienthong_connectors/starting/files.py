"""The files of a starting exchange: DAG file, datasets, mapping, table, connections to fill in, package."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from lienthong_connectors.soap.starter_data import column_type
from lienthong_connectors.starting.plans import Plan
from lienthong_connectors.starting.project import (
    agency,
    package_in,
    package_texts,
    refuse_present,
    schema_texts,
    write_texts,
)

_EXCHANGE: Final = '''\
"""{title}: a starting point. Decide each TODO, look at each GUESS."""

from lienthong import {words}
from lienthong.airflow import exchange_dag
{imports}

{settings}
{columns}
{name} = Exchange(
    id="{name}",
    title=Text(  # TODO: for people, in both languages
        {title_text},
        {title_text},
    ),
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
_LONGEST, _SHORT = 96, 40
DATABASE: Final = "database"
"""Connection id of the table at the other end."""


def write(plan: Plan, folder: Path, package: str = "") -> list[Path]:
    """Write a starting exchange into a project's folder and return the files written.

    Datasets and mapping go into a schemas package below ``schemas/``: the one named, else the only one that
    is there, else a new one with a ``pyproject.toml``. Raises `Misconfigured` where a file exists.
    """
    package = package or package_in(folder)
    beside = package_texts(folder, package, "Datasets and mappings")
    beside[folder / "connections" / f"{plan.connection_id}.example.json"] = _connections(plan)
    texts = schema_texts(folder / "schemas" / package, plan.datasets, plan.mappings)
    texts[folder / "dags" / f"{plan.name}.py"] = dag_file(plan)
    if plan.columns:
        texts[folder / "sql" / f"{plan.table}.sql"] = table_of(plan)
    refuse_present(texts)
    return write_texts({path: text for path, text in beside.items() if not path.exists()} | texts, folder)


def dag_file(plan: Plan) -> str:
    """Return the text of the DAG file."""
    (mapping,) = plan.mappings
    words = {"Exchange", "Source", "Target", "Text"} | ({"Delivery"} if plan.role == "target" else set())
    return _EXCHANGE.format(
        title=plan.title[:_SHORT].replace('"', "'").replace("\\", "/"),
        words=", ".join(sorted(words)),
        imports="\n".join(_imports(plan)),
        settings="\n".join(_settings(plan)),
        columns="" if plan.role == "target" else _columns(plan),
        name=plan.name,
        title_text=text(plan.title[:_LONGEST]),
        provider=agency(plan.provider, "who gives the data"),
        consumer=agency(plan.consumer, "who takes it"),
        ends="\n".join(f"    {line}" for line in _ends(plan)),
        reads=text(plan.reads),
        mapping=text(mapping),
        produces=text(plan.produces),
    )


def table_of(plan: Plan) -> str:
    """Return the statement that makes the table whose rows are read."""
    lines = [
        f'    "{name}" {column_type(dict(schema))}{" PRIMARY KEY" if name == plan.key else ""}'
        for name, schema in plan.columns.items()
    ]
    return f'CREATE TABLE "{plan.table}" (\n' + ",\n".join(lines) + "\n);\n"


def text(value: str) -> str:
    """Return a text as Python source."""
    return json.dumps(value, ensure_ascii=False)


def literal(value: Any, indent: int = 4) -> str:
    """Return a JSON-ready value as Python source, members of objects one a line where they are many."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (list, tuple)):
        inner = ", ".join(literal(item, indent) for item in value)
        return (
            f"({inner},)"
            if isinstance(value, tuple) and len(value) == 1
            else f"({inner})"
            if (isinstance(value, tuple))
            else f"[{inner}]"
        )
    if not isinstance(value, Mapping):
        return repr(value)
    short = "{" + ", ".join(f"{text(str(name))}: {literal(item)}" for name, item in value.items()) + "}"
    if len(short) + indent <= _LONGEST - 20:
        return short
    pad = " " * (indent + 4)
    lines = [f"{pad}{text(str(name))}: {literal(item, indent + 4)},\n" for name, item in value.items()]
    return "{\n" + "".join(lines) + " " * indent + "}"


def advice(plan: Plan, folder: Path) -> str:
    """Say what is left to do before the first run."""
    dag = folder / "dags" / f"{plan.name}.py"
    filled = folder / "connections.json"
    return (
        f"next: pip install -e {folder}; decide each 'undecided' class in schemas/ and each TODO and GUESS; "
        f"fill in connections/{plan.connection_id}.example.json as {filled}; then\n"
        f"  lienthong check {dag}\n"
        f"  lienthong connector check {dag} --connections {filled}\n"
        f"  lienthong run {dag} --connections {filled} --limit 20\n"
    )


def _connections(plan: Plan) -> str:
    database = {"conn_type": "lienthong_sql", "extra": {"url": "sqlite:///records.sqlite"}}
    own = {plan.connection_id: plan.end.connection} if plan.end.connection else {}
    return json.dumps({**own, DATABASE: database}, indent=2) + "\n"


def _imports(plan: Plan) -> list[str]:
    sql = "SqlSource" if plan.role == "target" else "SqlTarget"
    modules: dict[str, set[str]] = {"lienthong_connectors.sql": {sql}}
    modules.setdefault(plan.end.module, set()).update({plan.end.klass, *plan.end.names})
    return [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(modules.items())]


def _settings(plan: Plan) -> Iterable[str]:
    yield f"service = {plan.end.klass}("
    for remark in plan.end.remarks:
        yield from comment(remark)
    for one in plan.end.settings:
        line = f"    {one.name}={one.source},"
        if one.remark and len(line) + len(one.remark) < _LONGEST and "\n" not in line:
            yield f"{line}  # {one.remark}"
        else:
            yield from comment(one.remark)
            yield line
    yield ")"


def comment(said: str) -> Iterable[str]:
    """Yield a remark as lines of comment."""
    line = "    #"
    for word in said.split():
        if len(line) + len(word) > _LONGEST:
            yield line
            line = "    #  "
        line += f" {word}"
    if line != "    #":
        yield line


def _ends(plan: Plan) -> Iterable[str]:
    """Yield the arguments that say where records come from and where they go."""
    own, table = text(plan.connection_id), text(plan.table)
    if plan.role == "target":
        yield f'source=Source("{DATABASE}", SqlSource({table})),'
        yield f"target=Target({own}, service),"
        yield "delivery=Delivery(batch=1),  # TODO: more, once results, status or repeatable is set"
        return
    for line in comment(plan.cursor):
        yield line.strip()
    yield f"source=Source({own}, service),"
    yield f'target=Target("{DATABASE}", SqlTarget({table}, columns=columns, create=True)),'


def _columns(plan: Plan) -> str:
    """Return the columns of the table that takes the records: all of them, whatever comes first."""
    names = plan.datasets[plan.produces]["properties"]
    body = "".join(f"        {text(name)},\n" for name in names)
    return f"columns = {{\n    name: name\n    for name in (\n{body}    )\n}}\n"
