"""Who acts and why: asked for by every command that changes what a run or a record has become."""

from __future__ import annotations

import argparse
from typing import Any, TypedDict


class Said(TypedDict):
    """Who acts and why, in their own words."""

    who: str
    why: str


def add_who_and_why(parser: Any, *, required: bool = True) -> None:
    """Add ``--by`` and ``--why``, which an act is signed with."""
    parser.add_argument(
        "--by", required=required, type=_words, metavar="NAME", help="who does this, for the ledger"
    )
    parser.add_argument("--why", required=required, type=_words, metavar="REASON", help="why, for the ledger")


def said(args: argparse.Namespace) -> Said:
    """Return who acts and why, as `lienthong.pipeline.acts.act` takes them."""
    return {"who": args.by, "why": args.why}


def _words(text: str) -> str:
    """Return what was said; an empty text says nothing."""
    if not text.strip():
        raise argparse.ArgumentTypeError("say something that a reader of the ledger understands")
    return text.strip()
