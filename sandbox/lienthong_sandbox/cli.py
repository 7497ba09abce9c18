"""``lienthong sandbox``: the simulated province, or a counterpart made from a description."""

from __future__ import annotations

import argparse
import errno
import json
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lienthong.errors import Misconfigured


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lienthong sandbox", description="A simulated province on loopback."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_from(commands)
    _add_replay(commands)
    up = commands.add_parser("up", help="start the province and stay in front")
    up.set_defaults(serve=_serve_province)
    up.add_argument(
        "--home", type=Path, default=Path(".lienthong-sandbox"), help="folder that keeps the state"
    )
    up.add_argument("--port", type=int, default=18080, help="loopback port; 0 takes a free one")
    up.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; a container network may need another"
    )
    up.add_argument(
        "--name", default="", help="host name by which others reach it, where it is not 127.0.0.1"
    )
    up.add_argument("--connections", type=Path, help="write the Airflow connections to this file (mode 0600)")
    up.add_argument("--no-bad-rows", action="store_true", help="leave out the records malformed on purpose")
    up.add_argument(
        "--keys", type=Path, help="home of a bus: identity results must be signed by its agencies"
    )
    up.add_argument("--population", type=int, default=5000, help="how many citizens exist")
    return parser


def _add_from(commands: Any) -> None:
    made = commands.add_parser(
        "from", help="start a counterpart made from a WSDL, an OpenAPI document or a JSON Schema"
    )
    made.add_argument("file", type=Path, help="WSDL, JSON or YAML")
    made.add_argument("--records", type=int, default=50, help="made-up records in every list")
    made.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="fix a member's value")
    made.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    made.add_argument("--home", type=Path, help="folder that keeps what was sent; else it is forgotten")
    made.add_argument("--connections", type=Path, help="write the Airflow connection to this file")
    made.set_defaults(serve=_serve_made)


def _add_replay(commands: Any) -> None:
    replay = commands.add_parser("replay", help="play a recording back; the same as `lienthong replay`")
    replay.add_argument("file", type=Path, help="what `lienthong record` wrote")
    replay.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    replay.add_argument("--home", type=Path, help="folder that keeps the log of requests")
    replay.add_argument("--connections", type=Path, help="write the Airflow connections to this file")
    replay.set_defaults(serve=_serve_replay)


def run(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return 0, or 2 when the port is taken."""
    args = _parser().parse_args(argv)
    try:
        args.serve(args)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sentence = f"Port {args.port} on 127.0.0.1 is in use; stop what listens there or pass --port."
        Console(stderr=True).print(sentence, soft_wrap=True)
        return 2
    return 0


def _serve_province(args: argparse.Namespace) -> None:
    from lienthong_sandbox.province import Province

    province = Province(
        args.home,
        args.port,
        bad_rows=not args.no_bad_rows,
        population=args.population,
        keys=args.keys,
        host=args.host,
        name=args.name,
    )
    with _stopping() as stop, province:
        if args.connections:
            province.write_connections(args.connections)
        _show(province.url, [(s.name, s.title, province.url + s.prefix) for s in province.systems.values()])
        _wait(stop)


def _serve_made(args: argparse.Namespace) -> None:
    from lienthong_sandbox.made.counterpart import CONNECTION, Counterpart

    counterpart = Counterpart(
        args.file, records=args.records, port=args.port, home=args.home, fixed=_fixed(args.set)
    )
    with _stopping() as stop, counterpart as made:
        if args.connections:
            made.write_connections(args.connections)
        _show(made.url, [(CONNECTION, name, made.url + path) for name, path in made.system.paths()])
        _wait(stop)


def _serve_replay(args: argparse.Namespace) -> None:
    from lienthong_sandbox.replay import Replay

    with tempfile.TemporaryDirectory(prefix="lienthong-replay-") as folder:
        replay = Replay(args.file, args.home or Path(folder), args.port)
        with _stopping() as stop, replay:
            if args.connections:
                replay.write_connections(args.connections)
            _show(
                replay.url,
                [(name, one.title, replay.url + one.prefix) for name, one in replay.systems.items()],
            )
            for name, fields in replay.left_out().items():
                said = f"connection {name!r}: {', '.join(fields)} of the recording are not taken"
                Console(stderr=True).print(said, soft_wrap=True, markup=False)
            _wait(stop)


def _fixed(pairs: Sequence[str]) -> dict[str, Any]:
    """Return members and their values; a value is JSON, or else a text."""
    fixed: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name:
            raise Misconfigured(f"--set {pair!r} is not NAME=VALUE")
        try:
            fixed[name] = json.loads(text)
        except ValueError:
            fixed[name] = text
    return fixed


def _show(url: str, rows: list[tuple[str, str, str]]) -> None:
    table = Table(title=f"Liên Thông sandbox at {url}")
    for column in ("connection", "what", "address"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Lend an event that a signal to stop sets, from before anybody can know that we run."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(stop: threading.Event) -> None:
    """Sleep until a signal asks to stop."""
    while not stop.wait(0.5):
        pass
