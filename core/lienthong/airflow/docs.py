"""The agreement as the page that people read in Airflow, in Vietnamese and English."""

from __future__ import annotations

from typing import Any

from lienthong.connector.protocols import describe_settings
from lienthong.datasets import Dataset
from lienthong.exchange import Exchange
from lienthong.pipeline import Plan

_CLASSES = {
    "open": "mở / open",
    "internal": "nội bộ / internal",
    "personal": "cá nhân / personal",
    "sensitive": "nhạy cảm / sensitive",
}


def agreement_md(plan: Plan, schedule: Any = None) -> str:
    """Return the agreement as Markdown: who, what, why, fields with classification, mapping, schedule."""
    exchange = plan.exchange
    lines = [f"# {exchange.title.vi}", f"*{exchange.title.en}*", ""]
    lines += _table(("", ""), [(f"**{name}**", text) for name, text in _facts(exchange, schedule)])
    lines += _dataset(plan.dataset, "Dữ liệu lấy / Pulled")
    if plan.produces.ref != plan.dataset.ref:
        lines += _dataset(plan.produces, "Dữ liệu giao / Delivered")
    return "\n".join(lines) + "\n"


def _facts(exchange: Exchange, schedule: Any) -> list[tuple[str, str]]:
    source, target, lookup = exchange.source, exchange.target, exchange.lookup
    delivery = exchange.delivery
    facts = [
        ("Bên cung cấp / Provider", f"`{exchange.provider}`"),
        ("Bên nhận / Consumer", f"`{exchange.consumer}`"),
        ("Căn cứ pháp lý / Legal basis", exchange.legal_basis),
        ("Mục đích / Purpose", f"{exchange.purpose.vi} / {exchange.purpose.en}"),
        ("Lĩnh vực / Sector", exchange.sector),
        ("Nguồn / Source", _end(source)),
        ("Mốc lấy mới / Cursor", _cursor(source)),
        ("Tra cứu / Look-up", f"{_end(lookup)}: {lookup.purpose}" if lookup else ""),
        ("Đích / Target", _end(target)),
        ("Bộ dữ liệu / Dataset", f"`{exchange.dataset}`"),
        ("Ánh xạ / Mapping", f"`{exchange.mapping}` → `{exchange.delivers}`" if exchange.mapping else ""),
        ("Lịch / Schedule", _schedule(schedule)),
        ("Giao nhận / Delivery", f"{delivery.batch} × {delivery.parallel}, ≤ {delivery.attempts}"),
        ("Ngưỡng cách ly / Quarantine limit", f"{delivery.quarantine_above:.1%}"),
        ("Người ký chứng cứ / Evidence signed by", f"`{exchange.signer}`"),
        ("Liên hệ / Contact", exchange.contact),
        ("Mã băm thoả thuận / Digest", f"`{exchange.digest()}`"),
    ]
    return [(name, text) for name, text in facts if text]


def _cursor(source: Any) -> str:
    """Say where runs begin: at the largest value so far, which is read again, less the overlap."""
    if not source.cursor:
        return ""
    back = f", lùi lại {source.overlap} / {source.overlap} back" if source.overlap is not None else ""
    return f"`{source.cursor}` (kể cả giá trị cuối / last value included{back})"


def _end(end: Any) -> str:
    return f"`{end.connection}` ({describe_settings(end.connector)})"


def _schedule(schedule: Any) -> str:
    if schedule is None:
        return ""
    return f"`{schedule}`" if isinstance(schedule, str) else f"`{type(schedule).__name__}`"


def _dataset(dataset: Dataset, heading: str) -> list[str]:
    rows = [
        (f"`{path}`", _CLASSES.get(name, name), "✓" if path in dataset.key else "")
        for path, name in dataset.classification.items()
    ]
    title = f"{dataset.title.vi} / {dataset.title.en}"
    head = ("Trường / Field", "Loại / Class", "Khoá / Key")
    return ["", f"## {heading}: `{dataset.ref}`", title, "", *_table(head, rows)]


def _table(head: tuple[str, ...], rows: list[Any]) -> list[str]:
    lines = [" | ".join(head), "|".join("---" for _ in head), *(" | ".join(map(_cell, row)) for row in rows)]
    return [f"| {line} |" for line in lines]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
