"""What the classification of fields allows to flow where (design decision 12)."""

from __future__ import annotations

import re

from lienthong.datasets.dataset import Dataset
from lienthong.datasets.fields import PERSONAL
from lienthong.errors import InvalidExchange
from lienthong.exchange import Exchange

#: A legal basis cites a numbered text, such as ``278/2025/NĐ-CP``, ``60/2024/QH15`` or ``06/QĐ-TTg``.
CITATION = re.compile(r"[0-9]+/(?:[0-9]{4}/)?[0-9A-ZĐƯ]")


def check_flow(
    exchange: Exchange,
    source_dataset: Dataset,
    target_dataset: Dataset,
    open_target: bool | None = None,
    *,
    lookup_into: str = "",
) -> None:
    """Refuse, while the DAG file is parsed, a flow that the classification forbids.

    ``open_target``: the target publishes what it gets, so every field that reaches it must be
    ``open``; None asks the target's settings for an attribute ``open_data``. Personal and sensitive
    fields flow only under a legal basis that cites a numbered text. ``lookup_into``: the mapping
    reads answers of a lookup under that name, so the exchange must ask one.

    Raises `InvalidExchange` naming the exchange and the field.
    """
    where = f"exchange {exchange.id!r}"
    if open_target is None:
        open_target = bool(getattr(exchange.target.connector, "open_data", False))
    if open_target:
        _require_open(target_dataset, where)
    personal = target_dataset.personal_paths or source_dataset.personal_paths
    if personal and not CITATION.search(exchange.legal_basis):
        raise InvalidExchange(
            f"field {personal[0]!r} is personal data, but legal_basis cites no numbered text",
            where=where,
            hint="cite the law, decree or decision by number, such as 278/2025/NĐ-CP",
        )
    if lookup_into and (exchange.lookup is None or exchange.lookup.into != lookup_into):
        raise InvalidExchange(
            f"the mapping reads answers under {lookup_into!r}, but no lookup puts any there",
            where=where,
            hint=f"give the exchange a Lookup(..., into={lookup_into!r}) with officer, procedure and purpose",
        )


def _require_open(dataset: Dataset, where: str) -> None:
    for path, name in dataset.classification.items():
        if name != "open":
            kind = "personal data" if name in PERSONAL else "not open"
            raise InvalidExchange(
                f"field {path!r} of {dataset.ref!r} is {kind} ({name}) and the target is open data",
                where=where,
                hint="leave the field out by a mapping to an open dataset, or use another target",
            )
    loose = [item.path for item in dataset.fields().values() if item.extra]
    if dataset.schema.get("additionalProperties") is not False or loose:
        raise InvalidExchange(
            f"{dataset.ref!r} takes fields it does not name ({loose[0] if loose else 'at its root'}), "
            "which nobody has classified, and the target is open data",
            where=where,
            hint='give the object "additionalProperties": false',
        )
