"""``lienthong keys``: development keys of agencies and operators, and how long keys are good."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lienthong.errors import Misconfigured
from lienthong.exchange import AGENCY_CODE

if TYPE_CHECKING:
    from lienthong.signing import KeyRing, Signer


def add_commands(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser("keys", help="make and list signing keys")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    create = verbs.add_parser("create", help="make a development CA (once) and a key signed by it")
    whose = create.add_mutually_exclusive_group(required=True)
    whose.add_argument("--agency", metavar="CODE", help="agency code such as H21.129")
    whose.add_argument("--operator", metavar="NAME", help="a person who acts, such as lan.nguyen")
    create.add_argument(
        "--acts", nargs="+", default=[], metavar="ACT", help="all that an operator may sign (quarantine.*)"
    )
    create.set_defaults(handler=_create)
    show = verbs.add_parser("list", help="list the keys of this deployment and the authorities it trusts")
    show.set_defaults(handler=_list)


def _create(args: argparse.Namespace) -> int:
    from lienthong.config import load_config
    from lienthong.signing.keys import create_development_keys, create_operator_key

    home = load_config().home
    if args.operator is not None:
        made = create_operator_key(home, args.operator, acts=args.acts)
    elif not AGENCY_CODE.match(args.agency):
        raise Misconfigured(f"{args.agency!r} is not an agency code", hint="give one such as H21.129 or G22")
    elif args.acts:
        raise Misconfigured("an agency's key signs no acts", hint="leave --acts out, or name an --operator")
    else:
        made = create_development_keys(home, args.agency)
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
        _print_signer(agency, ring.signer(agency))
    for name in ring.operators():
        _print_signer(f"operator {name}", ring.operator(name))
    _print_trust(ring)
    return 0


def _print_signer(name: str, signer: Signer) -> None:
    until = signer.certificate.not_valid_after_utc
    sys.stdout.write(f"{name}\t{signer.algorithm}\t{signer.key_id}\tvalid until {_days_left(until)}\n")


def _days_left(until: datetime) -> str:
    days = (until - datetime.now(UTC)).days
    left = f"{days} days left" if days >= 0 else f"EXPIRED {-days} days ago"
    return f"{until:%Y-%m-%d} ({left})"


def _print_trust(ring: KeyRing) -> None:
    """Print the trusted certificates, and whom each may speak for where the configuration says it."""
    from lienthong.signing.trust import key_id

    try:
        trust = ring.trust()
    except Misconfigured:
        return  # a home without keys trusts nobody yet
    own = {signer.key_id for signer in map(ring.signer, ring.agencies())}
    for certificate in trust.certificates:
        given = trust.given(certificate)
        if key_id(certificate.public_key()) in own:
            continue
        if given:
            scope = "; ".join(
                f"{one.name}: {', '.join((*one.agencies, *one.acts)) or 'nobody'}" for one in given
            )
        else:
            scope = "nobody" if trust.authorities else "every agency"
        until = _days_left(certificate.not_valid_after_utc)
        sys.stdout.write(
            f"trusted\t{key_id(certificate.public_key())[:16]}\tvalid until {until}\tfor {scope}\n"
        )
    if not trust.authorities:
        sys.stdout.write(
            "Every trusted authority may speak for every agency: limit them by [trust.NAME] in the "
            "configuration (docs/operations.md).\n"
        )
