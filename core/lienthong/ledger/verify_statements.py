"""The statements of a bundle: signatures, and the chain inside the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from lienthong.errors import LienThongError, SignatureInvalid
from lienthong.ledger.container import Reader
from lienthong.ledger.fields import ACT
from lienthong.ledger.report import Problem
from lienthong.ledger.roles import verified
from lienthong.ledger.statements import claimed, entry_hash
from lienthong.ledger.view import Payload, RunView
from lienthong.signing import TrustStore
from lienthong.signing.trust import RevocationNotice

_SAME: Final = ("exchange", "run", "exchange_digest", "agency")
_SAME_IN_ACTS: Final = ("exchange", "run")


@dataclass(frozen=True)
class Signed:
    """The statements whose signature holds, as (hash, payload) in order of their files.

    ``revocation`` holds why it is not known whether a signer's certificate had been revoked.
    """

    statements: list[tuple[str, Payload]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    revocation: dict[RevocationNotice, None] = field(default_factory=dict)

    @cached_property
    def view(self) -> RunView:
        """The verified statements seen as a run."""
        return RunView.of(payload for _, payload in self.statements)


def read_statements(reader: Reader, trust: TrustStore, progress: Callable[[int, int], Any]) -> Signed:
    """Verify every statement's signature, at the time it says it was recorded."""
    signed = Signed()
    names = reader.names("statements")
    if not names:
        signed.problems.append(Problem("statements", "the bundle has none", "hồ sơ không có tuyên bố nào"))
    for done, name in enumerate(names, 1):
        try:
            token = reader.read(name).decode("ascii")
            found = verified(token, claimed(token), trust)
            _check_name(name, found.payload)
            signed.statements.append((entry_hash(token), found.payload))
            signed.revocation.update(dict.fromkeys(trust.revocation_notices(found.at, found.path)))
        except LienThongError as error:
            signed.problems.append(
                Problem(name, f"the signature does not hold: {error.message}", "chữ ký không hợp lệ")
            )
        except UnicodeDecodeError:
            signed.problems.append(Problem(name, "it is not a token", "không phải tuyên bố đã ký"))
        progress(done, len(reader.members))
    return signed


def _check_name(name: str, payload: Payload) -> None:
    if name != f"statements/{payload['sequence']:010d}.jws":
        raise SignatureInvalid(f"it was signed as entry {payload['sequence']} of the ledger")


def chain_problems(signed: Signed) -> Iterator[Problem]:
    """Yield statements that are missing, moved or of another run, and wrong supersessions."""
    first = signed.view.first
    before: tuple[str, Payload] | None = None
    latest: dict[tuple[str, int], int] = {}
    for place, (digest, payload) in enumerate(signed.statements):
        number = payload["sequence"]
        subject = f"statements/{number:010d}.jws"
        for name in _SAME_IN_ACTS if payload["step"] == ACT else _SAME:
            if payload[name] != first[name]:
                yield Problem(
                    subject, f"it has another {name} than the first", f"khác {name} với tuyên bố đầu"
                )
        if not _follows(payload, place, before):
            yield Problem(
                subject,
                f"it is number {payload['run_sequence']} of the run (from 0) and does not follow on number "
                f"{place - 1} as it is here: a statement was removed, added or replaced",
                "không nối tiếp tuyên bố trước trong lượt chạy: có tuyên bố bị bỏ, thêm hoặc thay",
            )
        if before is not None and payload["format"] < before[1]["format"]:
            yield Problem(
                subject, "its format is older than the one before", "định dạng cũ hơn tuyên bố trước"
            )
        part = (payload["step"], payload["part"]["index"])
        if payload["step"] == ACT:
            before = (digest, payload)
            continue
        if payload["supersedes"] != latest.get(part, 0):
            yield Problem(
                subject,
                f"it supersedes entry {payload['supersedes']}, the former one is {latest.get(part, 0)}",
                "thay thế sai tuyên bố trước",
            )
        latest[part] = number
        before = (digest, payload)


def _follows(payload: Payload, place: int, before: tuple[str, Payload] | None) -> bool:
    if payload["run_sequence"] != place:
        return False
    if before is None:
        return not payload["run_previous"] and (payload["sequence"] > 1) == bool(payload["previous"])
    digest, former = before
    if payload["run_previous"] != digest or payload["sequence"] <= former["sequence"]:
        return False
    adjacent: bool = payload["sequence"] == former["sequence"] + 1
    chained: bool = payload["previous"] == digest
    return chained == adjacent
