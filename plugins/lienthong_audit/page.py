"""The pages: what is known of a run, turned into HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from lienthong.ledger import STEPS, Report
from lienthong.ledger.tally import fates
from lienthong.ledger.terms import COUNTS, FATES
from lienthong.pipeline.ended import end_texts
from lienthong_audit.evidence import RunEvidence
from lienthong_audit.texts import Texts, language_of

__all__ = ["Section", "language_of", "render_error", "render_runs"]


@dataclass(frozen=True, slots=True)
class Section:
    """One exchange's run with the report of its verification, None where there is none (yet).

    ``ended``: Airflow's DAG run has ended, so that a run which has not settled will not by itself.
    ``verified_at``: when the report was made (UTC), empty for just now.
    """

    run: RunEvidence
    report: Report | None
    ended: bool = False
    verified_at: str = ""


def render_runs(
    sections: Sequence[Section], *, run_id: str, language: str, nonce: str, step: str = ""
) -> str:
    """Return the page of a DAG run."""
    page = _environment().get_template("run.html")
    return page.render(
        t=Texts(language),
        nonce=nonce,
        run_id=run_id,
        chosen=step if step in STEPS else "",
        terms=COUNTS,
        fates=FATES,
        sections=sections,
        rows=[_rows(section.run) for section in sections],
    )


def render_error(message: str, *, language: str, nonce: str) -> str:
    """Return the page that says why there is no other."""
    return _environment().get_template("error.html").render(t=Texts(language), nonce=nonce, message=message)


def _rows(run: RunEvidence) -> list[dict[str, Any]]:
    """Return the statements in the order of steps, parts and entries, superseded ones marked."""
    latest = {(item.payload.get("step"), _index(item.payload)): item.sequence for item in run.entries}
    ordered = sorted(
        (item for item in run.entries if item.payload.get("step") in STEPS),
        key=lambda item: (STEPS.index(item.payload["step"]), _index(item.payload), item.sequence),
    )
    return [
        {
            "entry": item,
            "payload": item.payload,
            "superseded": latest[item.payload["step"], _index(item.payload)] != item.sequence,
            "seconds": _seconds(item.payload["started"], item.payload["ended"]),
        }
        for item in ordered
    ]


def _index(payload: dict[str, Any]) -> int:
    return int(payload.get("part", {}).get("index", 0))


def _seconds(started: str, ended: str) -> str:
    try:
        return f"{(datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds():.1f}"
    except ValueError:
        return ""


def _short(digest: str) -> str:
    """Return the beginning of a digest; the whole is in the element's title."""
    return f"{digest[:12]}…" if len(digest) > 16 else digest


def _when(text: str | None) -> str:
    """Return a time without its fraction, in UTC as it was signed."""
    return f"{text[:19].replace('T', ' ')} UTC" if text else ""


def _pairs(value: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"{name} {_short(str(item))}" for name, item in value)


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lienthong_audit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "short": _short,
        "when": _when,
        "pairs": _pairs,
        "listed": _listed,
        "fates": fates,
        "end_texts": end_texts,
    }
    return environment
