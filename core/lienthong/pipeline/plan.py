"""A plan: an exchange checked against the catalogue, ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lienthong.connector.protocols import describe_settings
from lienthong.datasets import Catalogue, Dataset, check_flow
from lienthong.datasets.cursor import CursorOrder
from lienthong.errors import InvalidExchange
from lienthong.exchange import Exchange
from lienthong.ledger.documents import AGREEMENT, MAPPING, dataset_document
from lienthong.mapping import CompiledMapping
from lienthong.records import canonical

if TYPE_CHECKING:
    from lienthong.datasets import Validator
    from lienthong.datasets.arriving import Arriving
    from lienthong.datasets.cursor_survey import CursorSurvey


@dataclass(frozen=True)
class Plan:
    """An exchange with its datasets and mapping resolved; ``order`` is its cursor's, None without one."""

    exchange: Exchange
    dataset: Dataset
    produces: Dataset
    mapping: CompiledMapping | None
    catalogue: Catalogue
    order: CursorOrder | None = None

    @cached_property
    def digest(self) -> str:
        """The agreement's digest."""
        return self.exchange.digest()

    @cached_property
    def validator(self) -> Validator:
        """The validator of what is pulled."""
        return self.dataset.validator(self.catalogue)

    @cached_property
    def arriving(self) -> Arriving | None:
        """What the dataset does to values as they arrive, None where it does nothing."""
        from lienthong.datasets.arriving import arriving  # DAG files never pay for it

        return arriving(self.dataset)

    @cached_property
    def answering(self) -> Arriving | None:
        """What the look-up's dataset does to values of its answers, None where it does nothing."""
        from lienthong.datasets.arriving import arriving

        ref = self.mapping.lookup_dataset if self.mapping else ""
        return arriving(self.catalogue.dataset(ref)) if ref else None

    @cached_property
    def survey(self) -> CursorSurvey | None:
        """What looks at pulled records for the cursor, None without a cursor."""
        from lienthong.datasets.cursor_survey import CursorSurvey  # DAG files never pay for it

        return None if self.order is None else CursorSurvey(self.order, self.dataset, self.catalogue)

    def dataset_digests(self) -> dict[str, str]:
        """Return the digest of each dataset version in play."""
        return {item.ref: item.digest for item in (self.dataset, self.produces)}

    def mapping_digests(self) -> dict[str, str]:
        """Return the mapping's digest, empty where records pass unchanged."""
        ref = self.exchange.mapping
        return {ref: self.mapping.digest} if ref and self.mapping else {}

    def documents(self) -> dict[str, bytes]:
        """Return the canonical bytes of the agreement, the datasets and the mapping by file name."""
        found = {AGREEMENT: canonical(self.exchange.as_dict())}
        for item in (self.dataset, self.produces):
            found[dataset_document(item.ref)] = canonical(dict(item.content))
        if self.mapping is not None:
            found[MAPPING] = canonical(self.mapping.as_dict())
        return found


def compile_plan(exchange: Exchange, catalogue: Catalogue | None = None) -> Plan:
    """Check an exchange against the catalogue and return its plan.

    Raises `InvalidExchange` or `UnknownName` with the exchange and the field in ``where``.
    """
    catalogue = catalogue or Catalogue.load()
    where = f"exchange {exchange.id!r}"
    _check_role(exchange, "source", exchange.source.connector, "open_source")
    _check_role(exchange, "target", exchange.target.connector, "open_target")
    if exchange.lookup is not None:
        _check_role(exchange, "lookup", exchange.lookup.connector, "open_lookup")
    dataset = catalogue.dataset(exchange.dataset)
    mapping = catalogue.mapping(exchange.mapping) if exchange.mapping else None
    produces = catalogue.dataset(mapping.target if mapping else exchange.dataset)
    if mapping and mapping.source != exchange.dataset:
        raise InvalidExchange(
            f"field 'mapping': {exchange.mapping} maps from {mapping.source}, not from {exchange.dataset}",
            where=where,
        )
    if exchange.produces and exchange.produces != produces.ref:
        raise InvalidExchange(
            f"field 'produces': {exchange.mapping} produces {produces.ref}, not {exchange.produces}",
            where=where,
        )
    order = _check_cursor(exchange, dataset)
    check_flow(exchange, dataset, produces, lookup_into=mapping.lookup_into if mapping else "")
    return Plan(exchange, dataset, produces, mapping, catalogue, order)


def _check_role(exchange: Exchange, role: str, settings: Any, method: str) -> None:
    if not hasattr(settings, method):
        raise InvalidExchange(
            f"field '{role}.connector': {describe_settings(settings)} settings cannot be a {role}",
            where=f"exchange {exchange.id!r}",
            hint=f"use a connector's {role} settings (lienthong connector list)",
        )


def _check_cursor(exchange: Exchange, dataset: Dataset) -> CursorOrder | None:
    """Return the order of the exchange's cursor; `InvalidExchange` where the field can have none."""
    source, where = exchange.source, f"exchange {exchange.id!r}"
    if source.cursor is None:
        if source.overlap is not None:
            raise InvalidExchange(
                "field 'source.overlap': there is no cursor to reach back from",
                where=where,
                hint="name the field in source.cursor, or leave overlap out",
            )
        return None
    try:
        order = CursorOrder.of(dataset, source.cursor)
    except InvalidExchange as error:
        raise InvalidExchange(error.message, where=where, hint=error.hint) from None
    fault = "" if source.overlap is None else order.misfit(source.overlap)
    if fault:
        raise InvalidExchange(f"field 'source.overlap': {fault}", where=where)
    return order
