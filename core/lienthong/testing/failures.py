"""Writes the page of failures from the matrix: ``python -m lienthong.testing.failures FILE``.

Without a file the page goes to standard output.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from lienthong.testing.hostile.matrix import FAMILIES, ROLES, Outcome, Row
from lienthong.testing.hostile.rows import PARTS, ROWS

_HEAD = """# When counterparts fail

<!-- Written by `make failures` from lienthong.testing.hostile; edit the rows there. -->

What a counterpart may do wrong, and the one way in which it must end. The
[conformance suite](conformance.md#hostile-counterparts) makes a counterpart do each of these things, and
fails a connector that ends in another way. The REST, SOAP and SQL connectors are held to every row that
applies to them; where a row does not apply, the last table says why.

A *target* is what takes deliveries. Asking a target what became of a delivery ends as a *look-up* does.

| outcome | meaning | what the pipeline does |
|---|---|---|
| an error's name | see `lienthong.errors` | behind the arrow, by the error's class |
| exact | every record arrives as it is; a delivery is acknowledged | goes on |
| steady | what was there all the time comes once and in order | goes on |
| doubted | all comes, or no end is confirmed; or `ProtocolViolation` | goes on, cursor stays; or fails |
| set aside | this record has no exact JSON; the others are exact | quarantines the record |
| refused | the agency's refusal is told as such | quarantines the record, or fails where all is refused |
| one refused | one record is refused with a reason, the others are acknowledged | quarantines the record |

| then | |
|---|---|
| retry | waits and tries again, as long as `retry_after` says, at most an hour |
| ask | asks the target what became of the delivery, and sends again only what it has not taken |
| fail | ends the run; a retry would end the same way |
| go on, quarantine | the run goes on; a record in quarantine can be repaired and replayed |

Every row ends in time, without a payload or a secret in the error, and without a word to anybody but the
counterpart. No delivery is sent twice. Records that come before an error are the source's own. JSON in a
database that no value holds exactly stays the text that it is.

| family | |
|---|---|
"""
_TAIL = """
## What does not apply

| what the counterpart does | to | because |
|---|---|---|
"""


def page() -> str:
    """Return the page (Markdown)."""
    lines = [_HEAD + "\n".join(f"| {name} | {vi}<br>{en} |" for name, (vi, en) in FAMILIES.items())]
    for vi, en, rows in PARTS:
        lines += [
            "",
            f"## {en} · {vi}",
            "",
            "| row | the counterpart | applies to | source | target | look-up |",
        ]
        lines += ["|---|---|---|---|---|---|", *(_line(row) for row in rows)]
    return "\n".join(lines) + "\n" + _TAIL + "\n".join(_exceptions()) + "\n"


def _line(row: Row) -> str:
    families = [
        name for name in FAMILIES if any(isinstance(row.outcome(name, role), Outcome) for role in ROLES)
    ]
    cells = [_cell(row, role) for role in ROLES]
    return f"| `{row.name}` | {row.vi}<br>{row.en} | {', '.join(families)} | {' | '.join(cells)} |"


def _cell(row: Row, role: str) -> str:
    """Return the general outcome of a role, then those of families that differ."""
    general = getattr(row, role)
    if general is None:
        return "n/a"
    found = [(family, row.outcome(family, role)) for family in FAMILIES]
    own = [f"{name}: {_said(end)}" for name, end in found if isinstance(end, Outcome) and end != general]
    return "<br>".join([_said(general), *own])


def _said(outcome: Outcome) -> str:
    name = f"`{outcome.name}`" if outcome.error else outcome.name
    return f"{name} → {outcome.then}" if outcome.error else name


def _exceptions() -> Iterator[str]:
    """Yield a line for each reason, with the rows, and the roles and families, that it is about."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in ROWS.values():
        for reason, places in _reasons(row).items():
            reasons.setdefault((reason, _folded(places)), []).append(f"`{row.name}`")
    for (reason, place), rows in reasons.items():
        yield f"| {', '.join(rows)} | {place} | {reason} |"


def _reasons(row: Row) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for family in FAMILIES:
        for role in ROLES:
            outcome = row.outcome(family, role)
            if isinstance(outcome, str):
                found.setdefault(outcome, []).append(f"{family} {role}")
    return found


def _folded(places: list[str]) -> str:
    """Write a family once where all of its roles are meant, and a role once where all families are."""
    whole = [family for family in FAMILIES if all(f"{family} {role}" in places for role in ROLES)]
    rest = [place for place in places if place.split()[0] not in whole]
    roles = [role for role in ROLES if all(f"{family} {role}" in rest for family in FAMILIES)]
    return ", ".join([*whole, *roles, *(place for place in rest if place.split()[1] not in roles)])


def main() -> int:
    """Write the page to the file that is named, or to standard output."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
