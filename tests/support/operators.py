"""An operator's key for tests, issued by the development authority of a home."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lienthong.signing import Signer
from lienthong.signing.keys import create_operator_key
from lienthong.signing.signers import LocalSigner


def operator_signer(home: Path, name: str = "hoa", acts: Sequence[str] = ()) -> Signer:
    """Return the signer of an operator whose certificate names these acts (none: every act)."""
    made = create_operator_key(home, name, acts=acts)
    return LocalSigner.from_pem(made.key, agency=f"operator:{name}", certificate=made.certificate)
