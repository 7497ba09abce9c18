"""Where versions of keys are compared: the place that a target is, by whatever connection it is reached.

Deliveries are entered under a *scope*: connection, destination and dataset. Other connections may lead to the
same place: where the connector can tell for certain (`lienthong.connector.Placed`: a table of a database),
their scopes are looked at, too. Where it cannot, an account or a token may be what selects the place, and to
take two places for one would withhold records; a person says then that they are one, by the connections'
field ``place``.
"""

from __future__ import annotations

from dataclasses import dataclass

from lienthong.connector import PLACE, Connection, Finding, Placed
from lienthong.errors import LienThongError
from lienthong.exchange import Exchange
from lienthong.ledger.scopes import Scopes
from lienthong.pipeline.bus import Bus
from lienthong.pipeline.plan import Plan
from lienthong.records import digest


@dataclass(frozen=True, slots=True)
class Place:
    """A target's place: the ``scope`` of its deliveries, those of ``others`` that lead there, and its name.

    ``name`` is empty where nobody can tell that other connections lead to it. ``new``: nothing was sent
    under the scope yet.
    """

    scope: str
    others: tuple[str, ...] = ()
    name: str = ""
    new: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """All scopes of the place, its own first."""
        return (self.scope, *self.others)


def scope_of(exchange: Exchange, dataset: str, connection: str) -> str:
    """Return the scope (hex) of an exchange's target by a connection's name, for a dataset's name."""
    destination = getattr(exchange.target.connector, "destination", None)
    place = destination or digest(exchange.as_dict()["target"]["connector"])
    return digest({"connection": connection, "destination": place, "dataset": dataset})


def scope_in(bus: Bus, plan: Plan) -> str:
    """Return the scope under which a plan's deliveries are entered in this deployment."""
    return _scope(plan, bus.connections(plan.exchange.target.connection))


def place_of(bus: Bus, plan: Plan) -> Place:
    """Return the place that a plan's target is now, with every scope in which something came to it."""
    ours = bus.connections(plan.exchange.target.connection)
    scope, name = _scope(plan, ours), _name(plan, ours)
    if not name:
        return Place(scope)
    scopes = Scopes(bus.database)
    named = {scope_of(plan.exchange, plan.produces.name, one): one for one in scopes.targets()}
    known = scopes.known(named.keys() - {scope})
    others = [one for one in sorted(known) if _name_by(bus, plan, named[one]) == name]
    return Place(scope, tuple(others), name, not scopes.begun(scope))


def look_alikes(bus: Bus, plan: Plan) -> list[str]:
    """Return other connections to the same address, by which the same was delivered as to another place."""
    ours, scopes = bus.connections(plan.exchange.target.connection), Scopes(bus.database)
    place = place_of(bus, plan)
    named = {scope_of(plan.exchange, plan.produces.name, one): one for one in scopes.targets()}
    rest = scopes.known(named.keys() - set(place.scopes))
    return sorted(named[one] for one in rest if _address_by(bus, named[one]) == _address(ours))


def _address(connection: Connection) -> tuple[str, int | None, str]:
    return (connection.host.strip().rstrip("/").lower(), connection.port, connection.schema)


def _address_by(bus: Bus, connection: str) -> tuple[str, int | None, str] | None:
    try:
        return _address(bus.connections(connection))
    except LienThongError:
        return None


def place_findings(bus: Bus, plan: Plan) -> list[Finding]:
    """Return a finding where versions are not compared although two connections may lead to one place.

    It is no fault: accounts may select the place. Nothing is said where there is no ledger yet.
    """
    try:
        found = look_alikes(bus, plan)
    except LienThongError:
        return []
    if not found:
        return []
    names = ", ".join(found)
    said = f"by {names}, too, this goes to the same address; versions are not compared between them"
    hint = f"if it is one place, give the connections the same field {PLACE.name!r}"
    vi = f"kết nối {names} cũng tới địa chỉ này; bản ghi qua hai kết nối không được so với nhau"
    return [Finding("place", True, said, hint, vi=vi)]


def _scope(plan: Plan, connection: Connection) -> str:
    label = str(connection.option(PLACE.name, plan.exchange.target.connection))
    return scope_of(plan.exchange, plan.produces.name, label)


def _name_by(bus: Bus, plan: Plan, connection: str) -> str:
    """Return the place that another connection leads to now, "" where it is not to be had any more."""
    try:
        return _name(plan, bus.connections(connection))
    except LienThongError:
        return ""


def _name(plan: Plan, connection: Connection) -> str:
    connector = plan.exchange.target.connector
    found = connector.place_at(connection) if isinstance(connector, Placed) else ""
    return digest({"place": found, "dataset": plan.produces.name}) if found else ""
