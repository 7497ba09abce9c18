"""Which members of an exchange's messages are personal: those that its datasets say are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lienthong.paths import last
from lienthong.recording.masks import Masks

if TYPE_CHECKING:
    from lienthong.pipeline import Plan

_PERSONAL = frozenset({"personal", "sensitive"})


def masks_for(plan: Plan, names: Iterable[str] = ()) -> Masks:
    """Return the masks of an exchange: personal and sensitive fields of its datasets, and ``names``.

    The dataset that a look-up answers with counts, too. A name that is personal in one dataset is
    personal in all. Fields with a code list keep their codes.
    """
    datasets = [plan.dataset, plan.produces]
    if plan.mapping is not None and plan.mapping.lookup_dataset:
        datasets.append(plan.catalogue.dataset(plan.mapping.lookup_dataset))
    personal: set[str] = set(names)
    known: set[str] = set()
    for dataset in datasets:
        for path, item in dataset.fields().items():
            name = last(path)
            coded = "codelist" in item.note or "enum" in item.schema
            (personal if item.classification in _PERSONAL and not coded else known).add(name)
    return Masks(personal, known=known)
