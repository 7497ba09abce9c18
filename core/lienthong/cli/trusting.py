"""Whom a command believes: ``--trust``, ``--trust-config`` and ``--crl``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lienthong.errors import Misconfigured

if TYPE_CHECKING:
    from lienthong.signing import TrustStore


def add_trust_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a command."""
    parser.add_argument(
        "--trust",
        nargs="+",
        default=[],
        metavar="FILE[=AGENCIES]",
        help="PEM files or folders of certificates, each with those it may speak for: ca.pem=H21,H21.*",
    )
    parser.add_argument(
        "--trust-config", type=Path, metavar="TOML", help="a configuration with [trust.NAME] tables"
    )
    parser.add_argument(
        "--crl", type=Path, nargs="+", default=[], help="revocation lists (PEM or DER) or folders of *.crl"
    )


def trust_of(args: argparse.Namespace, otherwise: Callable[[], TrustStore] | None = None) -> TrustStore:
    """Return the store that the options describe; without --trust and --trust-config the ``otherwise``.

    Raises `Misconfigured` where nothing says whom to trust, or a file cannot be read.
    """
    if args.trust and args.trust_config:
        raise Misconfigured("--trust and --trust-config exclude each other", hint="write all into the file")
    if args.trust_config:
        return _configured(args.trust_config, args.crl)
    if args.trust:
        return _named(args.trust, args.crl)
    if otherwise is None:
        raise Misconfigured("nobody is trusted", hint="give --trust FILE or --trust-config FILE")
    return otherwise().with_crls(args.crl) if args.crl else otherwise()


def _configured(file: Path, crls: list[Path]) -> TrustStore:
    from lienthong.config import load_config
    from lienthong.signing import KeyRing

    config = load_config({"LIENTHONG_CONFIG": str(file)})
    ring = KeyRing.from_config(
        config.keys,
        trust=config.trust,
        operators=config.operators,
        crls=[*config.crls, *crls],
        authorities=config.authorities,
    )
    return ring.trust()


def _named(given: list[str], crls: list[Path]) -> TrustStore:
    """Read ``FILE`` and ``FILE=PATTERN,PATTERN``; where one is limited, one without a limit is for all."""
    from lienthong.signing import TrustStore
    from lienthong.signing.keyring import check_patterns
    from lienthong.signing.roles import ALL, Authority
    from lienthong.signing.trust import certificates_in

    places: list[Path] = []
    authorities: list[Authority] = []
    for one in given:
        name, equals, listed = one.rpartition("=")
        limited = bool(equals) and not Path(one).exists()
        place = Path(name if limited else one)
        patterns = tuple(filter(None, listed.split(","))) if limited else ALL
        if limited:
            check_patterns(f"--trust {name}", "agencies", patterns)
        places.append(place)
        authorities.append(Authority(place.name, tuple(certificates_in(place)), patterns, ALL))
    narrowed = any(one.agencies != ALL for one in authorities)
    return TrustStore.from_pem(places, crls=crls, authorities=authorities if narrowed else ())
