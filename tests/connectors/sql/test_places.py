"""One table by several connections: what came by one of them is known to the others; two tables stay two."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from memory_bus import Bench, memory_bench, unit

from lienthong import Delivery, Target
from lienthong.connector import Connection, Placed
from lienthong.errors import OutcomeUnknown, UnknownName
from lienthong.pipeline import RunRequest, pull, push, run_exchange, settle, transform, validate
from lienthong.pipeline.compacting import maintain
from lienthong.pipeline.places import Place, place_of, scope_of
from lienthong.pipeline.versions import Came, Version, later_of
from lienthong.records import digest
from lienthong_connectors.sql import SqlTarget
from lienthong_connectors.sql._target import OpenTarget

TABLE = SqlTarget("don_vi", create=True)


@pytest.fixture
def known(tmp_path: Path) -> dict[str, Connection]:
    """The deployment's connections: two names of one file, and another file."""

    def lite(name: str, file: str, **extra: Any) -> Connection:
        extra = {"dialect": "sqlite", **extra}
        return Connection(name, "lienthong_sql", host=f"{tmp_path}/{file}", extra=extra)

    return {
        "source": Connection("source", "memory"),
        "first": lite("first", "one.db"),
        "second": lite("second", "x/../one.db", timeout=7),
        "other": lite("other", "two.db"),
        "named": lite("named", "two.db", place="gone"),
    }


@pytest.fixture
def bench(tmp_path: Path, known: dict[str, Connection]) -> Iterator[Bench]:
    def connection(name: str) -> Connection:
        if name not in known:
            raise UnknownName("there is no such connection", where=name)
        return known[name]

    with memory_bench(tmp_path / "home") as found:
        (tmp_path / "x").mkdir()
        found.bus.connections = connection
        yield found


@pytest.fixture
def plan(bench: Bench) -> Callable[..., Any]:
    """The plan of an exchange into the table by a connection."""

    def made(connection: str, exchange: str = "units", table: SqlTarget = TABLE) -> Any:
        delivery = Delivery(batch=10, attempts=1, quarantine_above=0.5)
        return bench.plan(id=exchange, target=Target(connection, table), delivery=delivery)

    return made


def run(bench: Bench, plan: Any, name: str, *records: Any, **how: Any) -> dict[str, int]:
    """Offer records and run an exchange; return the counts that are not 0."""
    bench.source.offers = list(records)
    settled = run_exchange(bench.bus, plan, RunRequest(name, **how), sleep=lambda _: None)
    return {name: count for name, count in settled.counts.items() if count}


def named(name: str, day: int = 1) -> dict[str, Any]:
    return unit(1, TenDonVi=name, NgayCapNhat=f"2026-01-{day:02}T00:00:00+07:00")


def held(tmp_path: Path, file: str = "one.db") -> list[str]:
    with sqlite3.connect(tmp_path / file) as database:
        found = database.execute('SELECT "TenDonVi" FROM don_vi ORDER BY 1').fetchall()
    database.close()
    return [name for (name,) in found]


SENT, SAME = {"pulled": 1, "acknowledged": 1}, {"pulled": 1, "unchanged": 1}


@pytest.mark.parametrize("compacted", [False, True])
def test_what_came_by_another_connection_is_known(bench: Bench, plan: Any, compacted: bool) -> None:
    """The same content is unchanged, also where the deliveries have been compacted since; and both ways."""
    assert run(bench, plan("first"), "r1", named("A")) == SENT
    if compacted:
        maintain(bench.bus, 0)
    assert run(bench, plan("second", "others"), "r2", named("A")) == SAME
    assert run(bench, plan("second", "others"), "r3", named("B", 2)) == SENT
    if compacted:
        maintain(bench.bus, 0)
    assert run(bench, plan("first"), "r4", named("A", 3)) == SENT
    assert run(bench, plan("second", "others"), "r5", named("A", 3)) == SAME


def test_nothing_old_goes_over_what_came_by_another_connection(
    bench: Bench, plan: Any, tmp_path: Path
) -> None:
    """A run pulls A, another exchange delivers B by another connection, the first goes on: B stays."""
    slow, request = plan("first"), RunRequest("slow")
    bench.source.offers = [named("A")]
    (part,) = pull(bench.bus, slow, request)
    for step in (validate, transform):
        part = step(bench.bus, slow, request, part)
    assert run(bench, plan("second", "others"), "fast", named("B", 2)) == SENT
    assert push(bench.bus, slow, request, part).counts["superseded"] == 1
    settle(bench.bus, slow, request)
    assert held(tmp_path) == ["B"]


def test_what_moves_while_a_run_sends_is_looked_at_again(
    bench: Bench, plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the request the other connection delivers something newer."""
    from lienthong.pipeline.delivering import Delivering

    slow, request = plan("first"), RunRequest("slow")
    bench.source.offers = [named("A")]
    (part,) = pull(bench.bus, slow, request)
    for step in (validate, transform):
        part = step(bench.bus, slow, request, part)
    real = Delivering.deliver

    def interrupted(work: Delivering, state: Any) -> Any:
        monkeypatch.setattr(Delivering, "deliver", real)
        assert run(bench, plan("second", "others"), "fast", named("B", 2)) == SENT
        return real(work, state)

    monkeypatch.setattr(Delivering, "deliver", interrupted)
    assert push(bench.bus, slow, request, part).counts["superseded"] == 1
    assert held(tmp_path) == ["B"]


def test_a_doubt_by_another_connection_holds_its_keys(
    bench: Bench, plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing newer of the key is sent by any connection until it is known what became of it."""

    def cut(*_: Any) -> Any:
        raise OutcomeUnknown("cut")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OpenTarget, "deliver", cut)
        with pytest.raises(OutcomeUnknown):
            run(bench, plan("first"), "r1", named("A"))
    with pytest.raises(OutcomeUnknown, match="holds some of these keys"):
        run(bench, plan("second", "others"), "r2", named("B", 2))
    assert run(bench, plan("first"), "r1", named("A")) == SENT
    assert run(bench, plan("second", "others"), "r2", named("B", 2)) == SENT


def test_a_renamed_connection_knows_what_came_under_its_former_name(
    bench: Bench, plan: Any, known: dict[str, Connection]
) -> None:
    """While the former name is there; once it is gone, the field `place` says that it is the same."""
    assert run(bench, plan("first"), "r1", named("A")) == SENT
    assert run(bench, plan("second"), "r2", named("A", 1), since="2020-01-01T00:00:00+07:00") == SAME
    known["third"] = Connection(
        "third", "lienthong_sql", host=known["first"].host, extra={"dialect": "sqlite"}
    )
    del known["first"], known["second"]
    again = {"since": "2020-01-01T00:00:00+07:00"}
    known["third"].extra["place"] = "first"  # type: ignore[index]  # a plain dictionary here
    assert run(bench, plan("third"), "r3", named("A"), **again) == SAME
    del known["third"].extra["place"]  # type: ignore[attr-defined]  # a plain dictionary here
    assert place_of(bench.bus, plan("third")).others == ()


def test_a_renamed_connection_while_a_delivery_is_in_doubt(
    bench: Bench, plan: Any, tmp_path: Path, known: dict[str, Connection]
) -> None:
    """The new run asks the table, by its new name, what became of the old run's request; one effect."""
    real = OpenTarget.deliver

    def cut(target: OpenTarget, batch: Any) -> Any:
        real(target, batch)
        raise OutcomeUnknown("cut")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OpenTarget, "deliver", cut)
        with pytest.raises(OutcomeUnknown):
            run(bench, plan("first"), "r1", named("A"))
    del known["first"]
    assert run(bench, plan("second"), "r2", named("A")) == SENT
    assert [one.state for one in bench.bus.journal.deliveries(exchange="units")] == ["acknowledged"] * 2
    assert held(tmp_path) == ["A"]


def test_another_file_another_table_and_another_dataset_are_other_places(bench: Bench, plan: Any) -> None:
    assert run(bench, plan("first"), "r1", named("A")) == SENT
    assert run(bench, plan("other", "others"), "r2", named("A")) == SENT
    assert run(bench, plan("second", "third", SqlTarget("khac", create=True)), "r3", named("A")) == SENT
    assert place_of(bench.bus, plan("named", "fourth")).others == (
        scope_of(plan("other").exchange, "catalogue.administrative-unit", "other"),
    )


def test_scopes_of_former_releases_stay_what_they_were(plan: Any, bench: Bench) -> None:
    """What a ledger holds already is found under the same name, without a change to it."""
    exchange = plan("first").exchange
    scope = digest(
        {"connection": "first", "destination": ".don_vi", "dataset": "catalogue.administrative-unit"}
    )
    assert scope_of(exchange, "catalogue.administrative-unit", "first") == scope
    found = place_of(bench.bus, plan("first"))
    assert (found.scope, found.others, bool(found.name)) == (scope, (), True)
    assert Place("s").scopes == ("s",)


def test_settings_that_have_a_place_of_their_own_are_asked_nothing() -> None:
    """A connector of somebody else's may call one of its options so."""
    assert not isinstance(SimpleNamespace(place="kho"), Placed)
    assert isinstance(TABLE, Placed)


def test_which_of_two_versions_came_later() -> None:
    """Numbers of answers tell; where compacted files overlap, nothing passes for unchanged."""
    old, new = Version(1, b"a"), Version(2, b"b")
    assert later_of(Came(new, 1, 1), Came(old, 2, 2)).version == old  # somebody let it go back
    assert later_of(Came(old, 4, 9), Came(new, 1, 3)).version == old
    assert later_of(Came(old, 1, 5), Came(new, 3, 4)).version == Version(2, b"")
    assert later_of(Came(new, 1, 5), Came(Version(1, b"b"), 3, 4)).version == new


PG = {"schema": "so", "login": "lan", "password": "bí mật"}


def at(url: str = "", schema: str | None = "public", table: str = "t", **fields: Any) -> str:
    host = fields.pop("host", "Db.Example.vn")
    extra = {"url": url} if url else fields.pop("extra", {})
    found = Connection("c", "lienthong_sql", host=host, extra=extra, **({} if url else PG) | fields)
    return SqlTarget(table, schema=schema).place_at(found)


def test_one_table_of_a_server_has_one_name() -> None:
    """By fields or URL, with or without the port that is usual, and whoever logs in."""
    same = [at(), at(port=5432), at(login="minh", password="x"), at("postgresql://minh@db.example.vn./so")]
    assert len(set(same)) == 1
    assert not any(secret in same[0] for secret in ("bí mật", "lan"))


def test_what_may_be_another_table_has_another_name() -> None:
    """Another host, port, database, schema or table; without a schema also another account or search path."""
    bare = "postgresql://lan@db.example.vn/so"
    places = [
        at(), at(host="db2"), at(port=5433), at(schema="khac"), at(table="u"), at(schema=None),
        at(schema=None, login="minh"), at(f"{bare}?options=-csearch_path%3Dx", schema=None),
        at("mysql://db.example.vn/so"),
    ]  # fmt: skip
    assert len(set(places)) == len(places)
