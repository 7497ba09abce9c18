"""The log: an append-only chain of signed statements, one entry after the other.

Each payload names the hash of the entry before it and of the entry before it in the same run, and
is then signed, so that an administrator can neither change nor remove nor reorder an entry without
a key of every later signer. Entry hashes are RFC 9162 leaf hashes: signed tree heads
(checkpoints) can be put on top without touching an entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from lienthong.errors import EvidenceTampered, LienThongError
from lienthong.ledger.db import APPEND_LOCK, Database
from lienthong.ledger.fields import ACT, problem_in
from lienthong.ledger.idle import is_short, restored, shorten
from lienthong.ledger.leases import Lease, require
from lienthong.ledger.roles import verified
from lienthong.ledger.statements import Statement, claimed, entry_hash, typ_of
from lienthong.ledger.store import upsert
from lienthong.ledger.tables import DOCUMENTS, RUNS, STATEMENTS
from lienthong.ledger.timing import Trust, check_signer, time_of
from lienthong.records import canonical, sha256
from lienthong.signing import Signer, TrustStore, jws

_PAGE = 500
_C = STATEMENTS.c


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log.

    ``sequence`` counts from 1, ``hash`` is SHA-256(0x00 || token) in hex, ``token`` the compact JWS
    and ``payload`` what it says (not verified here: see `Ledger.check` and `verify_bundle`), empty
    where the token is damaged.
    """

    sequence: int
    hash: str
    token: str
    payload: dict[str, Any]

    @property
    def damaged(self) -> bool:
        """Whether the token holds no statement; a statement that is there may still be forged."""
        return not self.payload or bool(problem_in(self.payload))

    def intact(self) -> Entry:
        """Return this entry; raise `EvidenceTampered`, with its number, for one that is damaged."""
        if self.damaged:
            raise _damaged(self.sequence)
        return self


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the log: the entry's sequence, a stable rule name, and a sentence."""

    sequence: int
    rule: str
    en: str
    vi: str


class Ledger:
    """The log in a database; safe among processes."""

    def __init__(self, database: Database, trust: Trust | None = None) -> None:
        """Open the log. What is signed must be believed by what ``trust`` gives, where it is given."""
        self._database, self._trust = database, trust

    def append(self, statement: Statement, signer: Signer, *, lease: Lease | None = None) -> Entry:
        """Sign a statement at the next place of the log and keep it.

        The very same statement again returns the entry it already has; of a run that found nothing the
        same but for its times. Another statement for the same run, step and part is appended and names the
        one it supersedes; an act supersedes none. A step of a run that has settled keeps
        the entry that it has: the run's evidence is complete, and a task that is done again alone must not
        open it.
        Raises `Unavailable` where the database does not answer; a repeat is then safe. Nothing is
        signed that no verifier would accept: raises `Misconfigured` where this machine's clock is
        behind the last entry's or behind the statement's own times, or apart from the database's, by more
        than clocks may differ, and where the signer's certificates do not hold at the time that is signed;
        `EvidenceTampered` where the entry to follow on is damaged. With a ``lease`` it must still be held
        (`LeaseLost`).
        """
        mark = statement.digest()
        with self._database.write(lock=APPEND_LOCK) as connection:
            if lease is not None:
                require(connection, lease)
            former = _latest(connection, statement)
            if former is not None and _is_repeat(connection, former, statement, mark):
                return _entry(connection, former)
            payload = _placed(connection, statement, former)
            check_signer(signer, payload["recorded"], self._trust)
            token = jws.sign(canonical(payload), signer, typ=typ_of(payload))
            entry = Entry(payload["sequence"], entry_hash(token), token, payload)
            short = shorten(token, payload)
            if short is not None:
                _keep(connection, short[1])
            connection.execute(
                insert(STATEMENTS).values(
                    sequence=entry.sequence,
                    hash=entry.hash,
                    exchange=statement.exchange,
                    run=statement.run,
                    step=statement.step,
                    part=statement.part["index"],
                    statement_digest="" if short else mark,
                    recorded=payload["recorded"],
                    token=short[0] if short else token,
                )
            )
        return entry

    def entries(
        self,
        run: str | None = None,
        exchange: str | None = None,
        after: int = 0,
        *,
        step: str | None = None,
    ) -> Iterator[Entry]:
        """Yield entries in order, those of a run, an exchange or a step, with a sequence above ``after``."""
        given = {"run": run, "exchange": exchange, "step": step}
        wanted = {name: value for name, value in given.items() if value is not None}
        yield from (entry for _, entry in self._rows(wanted, after))

    def _rows(self, given: Mapping[str, str], after: int = 0) -> Iterator[tuple[Row[Any], Entry]]:
        kept: dict[str, bytes | None] = {}
        wanted = select(STATEMENTS).order_by(_C.sequence).limit(_PAGE)
        for name, value in given.items():
            wanted = wanted.where(_C[name] == value)
        while True:
            with self._database.read() as connection:
                rows = connection.execute(wanted.where(_C.sequence > after)).all()
                found = [(row, _entry(connection, row, kept)) for row in rows]
            yield from found
            if len(rows) < _PAGE:
                return
            after = rows[-1].sequence

    def head(self) -> Entry | None:
        """Return the last entry, None where the log is empty."""
        with self._database.read() as connection:
            return _head(connection)

    def recorded(self) -> str:
        """Return when the last entry was recorded, empty where the log is empty."""
        with self._database.read() as connection:
            return _latest_time(connection)

    def check(self, trust: TrustStore) -> list[Finding]:
        """Verify the whole chain and return what is wrong, naming every entry concerned.

        What a chain alone cannot show is that its last entries were removed: that takes a signed
        checkpoint kept elsewhere.
        """
        findings: list[Finding] = []
        sequence, previous = 0, ""
        for row, entry in self._rows({}):
            findings += _check_place(entry, sequence, previous)
            findings += _check_columns(row, entry.payload)
            findings += _check_signature(entry, trust)
            sequence, previous = entry.sequence, entry_hash(entry.token)
        return findings

    def keep(self, data: bytes) -> str:
        """Keep a document that a statement will bind, and return its SHA-256 (hex).

        Agreements and contracts change in the source tree; a bundle of an old run still needs them.
        """
        with self._database.write() as connection:
            return _keep(connection, data)

    def document(self, digest: str) -> bytes | None:
        """Return a kept document by its SHA-256 (hex), None where there is none."""
        with self._database.read() as connection:
            return _document(connection, digest)


def _keep(connection: Connection, data: bytes) -> str:
    digest = sha256(data)
    connection.execute(upsert(connection, DOCUMENTS, [{"digest": digest, "data": data}]))
    return digest


def _document(connection: Connection, digest: str) -> bytes | None:
    found = connection.execute(
        select(DOCUMENTS.c.data).where(DOCUMENTS.c.digest == digest)
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def _latest(connection: Connection, statement: Statement) -> Row[Any] | None:
    """Return the row of the latest statement for the same run, step and part."""
    return connection.execute(
        select(STATEMENTS)
        .where(
            _C.exchange == statement.exchange,
            _C.run == statement.run,
            _C.step == statement.step,
            _C.part == statement.part["index"],
        )
        .order_by(_C.sequence.desc())
        .limit(1)
    ).one_or_none()


def _is_repeat(connection: Connection, former: Row[Any], statement: Statement, mark: str) -> bool:
    """Tell whether a statement says what the last one of its step said, or may not say more."""
    if former.statement_digest == mark or _is_sealed(connection, statement):
        return True
    if not is_short(former.token):
        return False
    said, times = _entry(connection, former).payload, ("started", "ended")
    return all(said.get(name) == value for name, value in statement.as_dict().items() if name not in times)


def _is_sealed(connection: Connection, statement: Statement) -> bool:
    """Tell whether a statement is about a step of a run that has settled."""
    mine = (RUNS.c.exchange == statement.exchange, RUNS.c.run == statement.run)
    wanted = select(RUNS.c.settled_at).where(*mine)
    return statement.kind != ACT and connection.execute(wanted).scalar_one_or_none() is not None


def _latest_time(connection: Connection) -> str:
    last = connection.execute(select(_C.recorded).order_by(_C.sequence.desc()).limit(1)).scalar()
    return "" if last is None else str(last)


def _head(connection: Connection) -> Entry | None:
    row = connection.execute(select(STATEMENTS).order_by(_C.sequence.desc()).limit(1)).one_or_none()
    return None if row is None else _entry(connection, row)


def _placed(connection: Connection, statement: Statement, former: Row[Any] | None) -> dict[str, Any]:
    """Return the payload: the statement and its place in the log and in its run."""
    head = connection.execute(
        select(_C.sequence, _C.hash, _C.recorded).order_by(_C.sequence.desc()).limit(1)
    ).one_or_none()
    in_run = connection.execute(
        select(STATEMENTS)
        .where(_C.exchange == statement.exchange, _C.run == statement.run)
        .order_by(_C.sequence.desc())
        .limit(1)
    ).one_or_none()
    return {
        **statement.as_dict(),
        "format": statement.format,
        "sequence": head.sequence + 1 if head else 1,
        "previous": head.hash if head else "",
        "run_sequence": _number_in_run(connection, in_run) + 1 if in_run else 0,
        "run_previous": in_run.hash if in_run else "",
        "supersedes": former.sequence if former and statement.kind != ACT else 0,
        "recorded": time_of(connection, statement, head, in_run),
    }


def _number_in_run(connection: Connection, row: Row[Any]) -> int:
    number = _entry(connection, row).payload.get("run_sequence")
    if type(number) is not int:
        raise _damaged(row.sequence)
    return number


def _damaged(sequence: int) -> EvidenceTampered:
    return EvidenceTampered(
        "the entry is damaged: it holds no statement",
        where=f"ledger entry {sequence}",
        hint="keep the database for investigation; see: lienthong evidence check-ledger",
    )


def _entry(connection: Connection, row: Row[Any], kept: dict[str, bytes | None] | None = None) -> Entry:
    """Return the entry of a row; documents that short ones share are remembered in ``kept``."""
    known = {} if kept is None else kept

    def document(digest: str) -> bytes | None:
        if digest not in known:
            known[digest] = _document(connection, digest)
        return known[digest]

    token = restored(row.token, row._asdict(), document)
    return Entry(row.sequence, row.hash, token, claimed(token))


def _check_place(entry: Entry, sequence: int, previous: str) -> Iterator[Finding]:
    number, payload = entry.sequence, entry.payload
    if number != sequence + 1:
        gone = f"{sequence + 1}" if number == sequence + 2 else f"{sequence + 1} to {number - 1}"
        yield Finding(sequence + 1, "missing", f"entry {gone} is missing", f"thiếu mục {gone}")
    if entry.hash != entry_hash(entry.token):
        yield Finding(
            number,
            "hash",
            f"the token of entry {number} is not the one that was hashed",
            f"mã của mục {number} không khớp giá trị băm",
        )
    if payload.get("sequence") != number:
        yield Finding(
            number,
            "order",
            f"entry {number} was signed as entry {payload.get('sequence')}",
            f"mục {number} đã được ký ở vị trí {payload.get('sequence')}",
        )
    if payload.get("previous") != previous:
        yield Finding(
            number,
            "previous",
            f"entry {number} does not follow the entry before it",
            f"mục {number} không nối tiếp mục đứng trước",
        )


def _check_columns(row: Row[Any], payload: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare the columns by which entries are found with what was signed."""
    part = payload.get("part")
    signed = {
        **{name: payload.get(name) for name in ("exchange", "run", "step", "recorded")},
        "part": part.get("index") if isinstance(part, dict) else None,
    }
    for name, value in signed.items():
        if payload and getattr(row, name) != value:
            yield Finding(
                row.sequence,
                "columns",
                f"entry {row.sequence} is filed under another {name} than was signed",
                f"mục {row.sequence} được xếp vào {name} khác với nội dung đã ký",
            )


def _check_signature(entry: Entry, trust: TrustStore) -> Iterator[Finding]:
    number = entry.sequence
    try:
        verified(entry.token, entry.payload, trust)
    except LienThongError as error:
        rule = str(error.details.get("reason", ""))
        if rule in _REFUSED:
            en, vi = _REFUSED[rule]
            yield Finding(number, rule, f"entry {number} {en}: {error.message}", f"mục {number} {vi}")
        else:
            yield Finding(
                number,
                "signature",
                f"the signature of entry {number} does not hold: {error.message}",
                f"chữ ký của mục {number} không hợp lệ",
            )


_REFUSED = {
    "agency": ("was signed by somebody else", "do bên khác ký thay cho bên được ghi"),
    "role": ("was signed by a key that may not sign it", "được ký bằng khóa không có quyền ký nội dung này"),
}
# What is wrong with a signature that holds, in English and Vietnamese.
