"""What a sample is asked with, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lienthong.connector import Connection
from lienthong.errors import Misconfigured
from lienthong_connectors.starting.plans import Json, Names, Plan, kebab


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for; empty texts are guessed or marked TODO. ``most``: records of the sample."""

    place: str
    values: Mapping[str, str] = field(default_factory=dict)
    records: str | None = None
    key: str = ""
    name: str = ""
    provider: str = ""
    consumer: str = ""
    most: int = 100

    def names(self, connection: Connection, title: str = "") -> Names:
        """Return what the exchange of this sample is called."""
        return Names(kebab(connection.id), kebab(self.place), title or self.place, self.provider)


@dataclass(frozen=True, slots=True)
class Sampled:
    """A starting exchange, how many records it was guessed from, and the schema that they fit."""

    plan: Plan
    count: int
    schema: Json


def guessed(contracts: Json, count: int) -> Json:
    """Return the contracts with a word on where their types come from."""
    said = f"GUESS: types and required fields as {count} records showed them; "
    datasets = {
        ref: {**content, "$comment": said + content["$comment"]}
        for ref, content in contracts["datasets"].items()
    }
    return {**contracts, "datasets": datasets}


def nothing(place: str, hint: str) -> Misconfigured:
    """Return the error of a sample without a record: nothing could be guessed from it."""
    return Misconfigured("the sample holds no record", where=place, hint=hint)
