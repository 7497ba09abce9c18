"""Traces for the model of versions: made from a seed, done, and made smaller.

``python -m versions_trace FIRST COUNT [LENGTH] [real] [whole]`` tries seeds outside of pytest and prints
what it finds: ``real`` kills processes for real, ``whole`` does not look for the smallest trace.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from versions_model import Act, Model, Setting
from versions_world import KINDS, Fault, Violation

from lienthong.signing.keys import create_development_keys, create_operator_key

#: Homes lie in memory where there is such a place: nothing here is about disks.
_SHARED = "/dev/shm"  # noqa: S108 - only the place where a folder of a random name is made
_MEMORY = _SHARED if Path(_SHARED).is_dir() else None
HOWS = ("plain", "plain", "plain", "limit", "dry", "full")
SOUND = ("A", "B", "C", "A", "B")
VALUES = (*SOUND, "!A", "!B")


@dataclass(frozen=True)
class Trace:
    """A setting and what is done in it; ``seed`` is where it came from."""

    seed: int
    setting: Setting
    acts: tuple[Act, ...]

    def told(self) -> str:
        """Return the trace as Python, to be replayed."""
        acts = "".join(f"    {act!r},\n" for act in self.acts)
        return f"Trace({self.seed}, {self.setting!r}, (\n{acts}))"


def trace_of(seed: int, length: int = 40, *, real: bool = False) -> Trace:
    """Return the trace of a seed; with ``real`` some processes are real ones, killed by the system."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    setting = Setting(
        kind=random.choice(tuple(KINDS)),
        table=random.choice(("rows", "rows", "log")),
        versions=random.choice(("last", "last", "all")),
        cursor=random.random() < 0.6,
        inclusive=random.random() < 0.5,
        exchanges=random.choice((1, 1, 2)),
        keys=random.choice((2, 4, 7)),
    )
    maker = _Maker(random, setting, real=real)
    begin: list[Act] = [("edit", key, random.choice(SOUND)) for key in range(1, setting.keys + 1)]
    return Trace(seed, setting, tuple(begin + [maker.act() for _ in range(length)]))


class _Maker:
    """Makes acts, the common ones often."""

    def __init__(self, random: Random, setting: Setting, *, real: bool) -> None:
        self.random, self.setting, self.real = random, setting, real

    def act(self, *, nested: bool = False) -> Act:
        """Return the next act; a ``nested`` one happens in the middle of another."""
        r = self.random
        hows = HOWS if self.setting.table == "rows" else tuple(how for how in HOWS if how != "limit")
        # of a log in several pages, a version that is read again goes over a later one that was repaired
        values = VALUES if self.setting.table == "rows" else SOUND
        common: list[tuple[int, Callable[[], Act]]] = [
            (20, lambda: ("edit", r.randint(1, self.setting.keys), r.choice(values))),
            (6, lambda: ("tick",)),
            (2, lambda: ("compact", *self._fault(nested))),
            (1, lambda: ("rotate",)),
            (2, lambda: ("lose", "indexes", r.randrange(1000))),
            (8, lambda: ("quick", r.randrange(2), r.choice(hows), *self._fault(nested))),
        ]
        rare: list[tuple[int, Callable[[], Act]]] = [
            (
                10,
                lambda: (
                    "mood",
                    *r.choices(("well", "down", "lost", "cut", "half", "vague", "wrong"), k=r.randint(1, 3)),
                ),
            ),
            (4, lambda: ("answers", *r.choices(("well", "unsure", "down"), k=r.randint(1, 2)))),
            (3, lambda: ("refuse", *r.sample(range(1, self.setting.keys + 1), r.randint(0, 2)))),
            (8, lambda: ("open", r.randrange(2), r.choice(hows))),
            (24, lambda: ("do", r.randrange(4), r.randrange(4), *self._fault(nested))),
            (12, lambda: ("finish", r.randrange(4), *self._fault(nested))),
            (4, lambda: ("clear", r.randrange(4), r.randrange(5))),
            (2, lambda: ("close", r.randrange(4))),
            (5, lambda: ("repair", r.randrange(8))),
            (5, lambda: ("replay", r.randrange(2), *self._fault(nested))),
            (2, lambda: ("staging", r.randrange(6), *self._fault(nested))),
            (2, lambda: ("rewind", r.randrange(2), r.randint(1, 9))),
            (3, lambda: ("resolve", r.randrange(4))),
            (2, lambda: ("tidy", *self._fault(nested))),
        ]
        if r.random() < 0.004:
            return ("lose", "levels", r.randrange(1000))
        choices = common if nested else common + rare
        return r.choices([make for _, make in choices], [weight for weight, _ in choices])[0]()

    def _fault(self, nested: bool) -> tuple[Fault, ...]:
        r = self.random
        if r.random() < (0.8 if nested else 0.5):
            return ()
        kinds = [
            "kill",
            "kill",
            "away",
            *([] if nested else ["nest"]),
            *(["sigkill"] if self.real and not nested else []),
        ]
        kind = r.choice(kinds)
        at = r.randint(1, r.choice((10, 40, 120)))
        return (Fault(kind, at, r.randint(1, 6), self.act(nested=True) if kind == "nest" else ()),)


def failure_of(trace: Trace, keys: Path, ledger: Callable[[Path], str]) -> str:
    """Do a trace in a home of its own; return what did not hold, "" where all did."""
    with tempfile.TemporaryDirectory(prefix="lienthong-versions-", dir=_MEMORY) as folder:
        home = Path(folder, "home")
        try:
            model = Model(home, ledger(home), trace.setting, keys)
        except Exception:
            return traceback.format_exc()
        try:
            with model.at_work():
                for act in trace.acts:
                    model.do(act)
                model.rest()
                model.check()
        except Violation as error:
            return str(error)
        except Exception:
            return traceback.format_exc()
        finally:
            model.close()
    return ""


def smallest(trace: Trace, fails: Callable[[Trace], str]) -> Trace:
    """Take acts, then faults, away from a trace as long as it fails in the same way."""
    said = _kind(fails(trace))
    acts = list(trace.acts)
    size = max(len(acts) // 2, 1)
    while True:
        at, before = 0, len(acts)
        while at < len(acts):
            fewer = acts[:at] + acts[at + size :]
            if _kind(fails(Trace(trace.seed, trace.setting, tuple(fewer)))) == said:
                acts = fewer
            else:
                at += size
        if size == 1 and len(acts) == before:
            break
        size = max(size // 2, 1)
    for at, act in enumerate(acts):
        if isinstance(act[-1], Fault):
            fewer = [*acts[:at], act[:-1], *acts[at + 1 :]]
            if _kind(fails(Trace(trace.seed, trace.setting, tuple(fewer)))) == said:
                acts = fewer
    return Trace(trace.seed, trace.setting, tuple(acts))


def _kind(failure: str) -> str:
    """Return what kind of failure it is: its first words, or the last line of a traceback."""
    last = failure.strip().splitlines()[-1] if failure.startswith("Traceback") else failure
    return last.split(":")[0][:24]


def keys_in(home: Path) -> Path:
    """Return a home with an agency's and an operator's keys."""
    create_development_keys(home, "G22")
    create_operator_key(home, "hoa")
    secret = home / "hash.key"
    secret.touch(mode=0o600)
    secret.write_text("0" * 64)  # names of files follow from it: every time the same
    return home


def sqlite(home: Path) -> str:
    """Return the address of a SQLite ledger in a home."""
    return f"sqlite:///{home / 'ledger.sqlite'}"


def main(given: Sequence[str]) -> None:
    """Try seeds and print what does not hold, with the smallest trace that shows it."""
    first, many, length = int(given[0]), int(given[1]), int(given[2]) if len(given) > 2 else 40
    real, shrink = "real" in given, "whole" not in given
    folder = Path(tempfile.mkdtemp())
    keys = keys_in(folder / "keys")

    def fails(trace: Trace) -> str:
        return failure_of(trace, keys, sqlite)

    bad = 0
    for seed in range(first, first + many):
        trace = trace_of(seed, length, real=real)
        if found := fails(trace):
            bad += 1
            print(f"== seed {seed}: {found}", flush=True)  # noqa: T201
            if shrink:
                small = smallest(trace, fails)
                print(f"{small.told()}\n-> {fails(small)}", flush=True)  # noqa: T201
    print(f"{many} seeds from {first}, {bad} bad")  # noqa: T201
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
