"""``lienthong keys``: development keys of an agency."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from lienthong.errors import Misconfigured
from lienthong.exchange import AGENCY_CODE


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser("keys", help="make and list signing keys")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    create = verbs.add_parser("create", help="make a development CA (once) and a key for an agency")
    create.add_argument("--agency", required=True, metavar="CODE", help="agency code such as H21.129")
    create.set_defaults(handler=_create)
    show = verbs.add_parser("list", help="list the agencies whose key this deployment holds")
    show.set_defaults(handler=_list)


def _create(args: argparse.Namespace) -> int:
    from lienthong.config import load_config
    from lienthong.signing.keys import create_development_keys

    if not AGENCY_CODE.match(args.agency):
        raise Misconfigured(f"{args.agency!r} is not an agency code", hint="give one such as H21.129 or G22")
    made = create_development_keys(load_config().home, args.agency)
    state = "made" if made.created else "kept (it was there)"
    sys.stdout.write(
        f"key         {state}: {made.key}\n"
        f"certificate {made.certificate}\n"
        f"trust       {made.authority}\n"
        "For development only: production keys are PEM or PKCS#12 files named in the configuration.\n"
    )
    return 0


def _list(_args: argparse.Namespace) -> int:
    from lienthong.cli.deployment import open_archive

    ring = open_archive().keys
    for agency in ring.agencies():
        signer = ring.signer(agency)
        until = signer.certificate.not_valid_after_utc
        sys.stdout.write(f"{agency}\t{signer.algorithm}\t{signer.key_id}\tvalid until {until:%Y-%m-%d}\n")
    return 0
