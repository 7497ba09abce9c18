"""``lienthong check`` and ``lienthong publish``: contracts and the exchanges that rely on them."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lienthong.errors import LienThongError

if TYPE_CHECKING:
    from lienthong.datasets import Catalogue
    from lienthong.exchange import Exchange


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    check = commands.add_parser(
        "check", help="check exchanges, datasets and mappings; refuse breaking changes"
    )
    check.add_argument("paths", type=Path, nargs="*", help="DAG files or folders (default: dags)")
    check.set_defaults(handler=_check)
    publish = commands.add_parser(
        "publish", help="add new dataset and mapping versions to the published ones"
    )
    publish.add_argument("file", type=Path, help="the package's published.json")
    publish.add_argument("refs", nargs="*", help="name/version (default: all that are not published yet)")
    publish.set_defaults(handler=_publish)


def _check(args: argparse.Namespace) -> int:
    from lienthong.datasets import Catalogue, check_catalogue

    catalogue = Catalogue.load()
    problems = 0
    consumers: dict[str, list[str]] = defaultdict(list)
    for file in _files(args.paths or [Path("dags")]):
        problems += _check_file(file, catalogue, consumers)
    problems += _check_contracts(catalogue)
    for finding in check_catalogue(catalogue, None, consumers):
        problems += finding.breaking
        sys.stdout.write(f"{'FAIL' if finding.breaking else 'note'} {finding}\n")
    sys.stdout.write(f"{len(catalogue.datasets())} datasets, {len(catalogue.mappings())} mappings, ")
    sys.stdout.write(f"{sum(map(len, consumers.values()))} uses by exchanges, {problems} problems\n")
    return 2 if problems else 0


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return found


def _check_file(file: Path, catalogue: Catalogue, consumers: dict[str, list[str]]) -> int:
    from lienthong.cli.exchanges import exchanges_in

    try:
        exchanges = exchanges_in(file)
    except LienThongError as error:
        sys.stdout.write(f"FAIL {error}\n")
        return 1
    return sum(_check_exchange(item, catalogue, consumers) for item in exchanges.values())


def _check_exchange(exchange: Exchange, catalogue: Catalogue, consumers: dict[str, list[str]]) -> int:
    from lienthong.pipeline import compile_plan

    for ref in {exchange.dataset, exchange.mapping, exchange.delivers} - {None}:
        consumers[str(ref)].append(exchange.id)
    try:
        plan = compile_plan(exchange, catalogue)
    except LienThongError as error:
        sys.stdout.write(f"FAIL {error}\n")
        return 1
    sys.stdout.write(f"ok   {exchange.id}: {plan.dataset.ref} -> {plan.produces.ref}\n")
    _warn_of_end(exchange)
    return 0


def _warn_of_end(exchange: Exchange) -> None:
    """Say where settings cannot confirm the end of a list: then the cursor of such a run stays."""
    from lienthong.connector import Unsure

    settings = exchange.source.connector
    missing = settings.unsure() if isinstance(settings, Unsure) and not exchange.source.end else None
    if missing is not None:
        sys.stdout.write(f"warn {exchange.id}: end of list not confirmed: {missing.en}\n")
        sys.stdout.write(f"     {missing.vi}\n")


def _check_contracts(catalogue: Catalogue) -> int:
    """Check every dataset's schema against the meta-schema and compile every mapping."""
    import jsonschema

    problems = 0
    for ref in catalogue.datasets():
        try:
            dataset = catalogue.dataset(ref)
            jsonschema.Draft202012Validator.check_schema(dict(dataset.schema))
            dataset.validator(catalogue)
        except (LienThongError, jsonschema.SchemaError) as error:
            problems += 1
            sys.stdout.write(f"FAIL dataset {ref}: {error}\n")
    for ref in catalogue.mappings():
        try:
            catalogue.mapping(ref)
        except LienThongError as error:
            problems += 1
            sys.stdout.write(f"FAIL mapping {ref}: {error}\n")
    return problems


def _publish(args: argparse.Namespace) -> int:
    from lienthong.datasets import Catalogue, publish

    for ref in publish(Catalogue.load(), args.file, args.refs or None):
        sys.stdout.write(f"published {ref}\n")
    return 0
