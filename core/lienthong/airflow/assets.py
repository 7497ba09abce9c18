"""Deliveries as Airflow assets, so that one exchange can start what depends on it."""

from __future__ import annotations

from airflow.sdk import Asset

from lienthong.exchange import Exchange

SCHEME = "lienthong"


def delivered(dataset: str, to: str) -> Asset:
    """Return the asset "this dataset has reached that target", for ``schedule=``.

    ``dataset`` is ``name/version``, ``to`` the target's connection id. An event is emitted only by
    a run that delivered something: a run without news, or a dry run, starts nothing. The event's
    extra holds the exchange, the run, the counts and the digest of the evidence.
    """
    return Asset(uri=f"{SCHEME}://{to}/{dataset}", group=SCHEME)


def outlet(exchange: Exchange) -> Asset:
    """Return the asset that an exchange delivers."""
    return delivered(exchange.delivers, to=exchange.target.connection)
