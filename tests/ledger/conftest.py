"""Keys, databases (SQLite and PostgreSQL) and a small real run for the ledger's tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from operators import operator_signer
from postgres import emptied, postgres_server
from rich_run import Rich

from lienthong.errors import Reason
from lienthong.exchange import Exchange, Source, Target, Text
from lienthong.ledger import (
    BundleInfo,
    Database,
    Entry,
    Intent,
    Journal,
    Ledger,
    Quarantine,
    QuarantineItem,
    Statement,
    deliveries_document,
    export,
    flow,
    quarantine_document,
)
from lienthong.ledger.clock import now
from lienthong.ledger.container import Reader, Writer, group_of
from lienthong.ledger.fields import FORMAT, FORMAT_1
from lienthong.ledger.statements import entry_hash, typ_of
from lienthong.ledger.tally import tally
from lienthong.ledger.terms import COUNTS, FORMER
from lienthong.records import canonical, digest, keyed_hash, parse, sha256
from lienthong.segment import Segment, pack
from lienthong.signing import KeyRing, Signer, TrustStore, jws
from lienthong.signing.keys import create_development_keys

AGENCY, STRANGER = "H29.10", "H29.20"
EXCHANGE, RUN = "dossiers_to_mic", "scheduled__2026-07-01T00:00:00+00:00"
CODE = {"lienthong": "0.1.0", "digest": "c" * 64}
DATASET = {"name": "onestop.dossier", "version": 1}
PRODUCES = {"name": "mic.dossier", "version": 1}
RULES = {"source": "onestop.dossier/1", "target": "mic.dossier/1"}
REASON = Reason("/code", "schema.pattern", "sai mẫu", "wrong pattern")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    home = tmp_path_factory.mktemp("home")
    create_development_keys(home, AGENCY)
    create_development_keys(home, STRANGER)
    return KeyRing.for_home(home)


@pytest.fixture(scope="session")
def signer(keys: KeyRing) -> Signer:
    return keys.signer(AGENCY)


@pytest.fixture(scope="session")
def stranger(keys: KeyRing) -> Signer:
    return keys.signer(STRANGER)


@pytest.fixture(scope="session")
def operator(keys: KeyRing) -> Signer:
    """The key of an operator, who may sign every act.

    With it comes that of ``lan``, whose acts are limited: a key made minutes after a run could not have
    signed in it.
    """
    assert keys._home
    operator_signer(keys._home, "lan", ["quarantine.*"])
    return operator_signer(keys._home)


@pytest.fixture(scope="session")
def trust(keys: KeyRing) -> TrustStore:
    return keys.trust()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server on a Unix socket, for this session only; its base address."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return emptied(request.getfixturevalue("postgres"))


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database.open(url)
    yield opened
    opened.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Database]:
    """A SQLite database, where the kind does not matter."""
    opened = Database.open(f"sqlite:///{tmp_path / 'local.sqlite'}")
    yield opened
    opened.close()


def make_statement(
    part: int = 0, *, of: int = 1, step: str = "pull", run: str = RUN, **more: Any
) -> Statement:
    fields = {
        "exchange": EXCHANGE,
        "exchange_digest": "e" * 64,
        "agency": AGENCY,
        "started": "2026-07-01T00:00:00.000000Z",
        "ended": "2026-07-01T00:00:01.000000Z",
        "code": CODE,
    }
    return Statement(run=run, step=step, part={"index": part, "of": of}, **{**fields, **more})


@pytest.fixture
def statement() -> Callable[..., Statement]:
    return make_statement


@dataclass(frozen=True)
class _Settings:
    """A connector's settings, as an exchange holds them."""

    kind: str = "rest"
    url: str = "/dossiers"


@dataclass
class SmallRun:
    """One run of an exchange, made with the real ledger, journal, quarantine and segments.

    Twelve records are pulled in three segments of two parts, and one piece that is no record; one
    is refused by validation, one by the mapping, one by the target. ``format`` may be that of former
    releases.
    """

    database: Database
    signer: Signer
    run: str = RUN
    format: str = FORMAT
    segments: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database)
        self.journal = Journal(self.database)
        self.quarantine = Quarantine(self.database)
        self.exchange = Exchange(
            id=EXCHANGE,
            title=Text("Hồ sơ", "Dossiers"),
            provider=AGENCY,
            consumer="G22",
            legal_basis="Decree 278/2025/NĐ-CP",
            purpose=Text("Giám sát", "Oversight"),
            source=Source("one_stop", _Settings()),
            target=Target("mic", _Settings(kind="soap")),
            dataset="onestop.dossier/1",
            mapping="onestop-to-mic/1",
            produces="mic.dossier/1",
        )
        self.documents = {
            "agreement.json": canonical(self.exchange.as_dict()),
            "datasets/onestop.dossier.1.json": canonical(DATASET),
            "datasets/mic.dossier.1.json": canonical(PRODUCES),
            "mapping.json": canonical(RULES),
        }

    def seal(self, *records: Mapping[str, Any]) -> Segment:
        segment, data = pack([canonical(record) for record in records])
        self.segments[segment.digest] = data
        return segment

    def attest(self, step: str, part: int = 0, of: int = 1, **more: Any) -> Entry:
        at = now()
        names = ("inputs", "outputs", "quarantined")
        flows = {name: flow(more.pop(name)) for name in names if name in more}
        fields = {
            "exchange_digest": self.exchange.digest(),
            "run": self.run,
            "started": at,
            "ended": at,
            "datasets": {"onestop.dossier/1": digest(DATASET), "mic.dossier/1": digest(PRODUCES)},
            "mapping": {"onestop-to-mic/1": digest(RULES)},
            "format": self.format,
        }
        made = make_statement(part, of=of, step=step, **{**fields, **flows, **more})
        return self.ledger.append(made, self.signer)

    def refuse(self, step: str, segment: Segment, lines: tuple[int, ...] = (0,)) -> None:
        self.quarantine.add(
            [
                QuarantineItem(
                    exchange=EXCHANGE,
                    run=self.run,
                    step=step,
                    segment=segment.digest,
                    line=line,
                    key_hash=keyed_hash(b"secret", str(line)),
                    reasons=(REASON,),
                    dataset="onestop.dossier/1",
                )
                for line in lines
            ]
        )

    def build(self) -> SmallRun:
        """Make the whole run."""
        self.journal.open_run(EXCHANGE, self.run, digest=self.exchange.digest())
        pulled = [self.seal(*({"code": 10 * number + line} for line in range(4))) for number in range(3)]
        broken = self.seal({"$malformed": "PGE+"})
        self.refuse("pull", broken)
        counts = {"pulled": 13, "quarantined": 1}
        self.attest("pull", outputs=pulled, quarantined=[broken], counts=counts)
        kept = self._validate(pulled)
        mapped = self._transform(kept)
        for part, segments in enumerate(mapped):
            self.push(part, segments)
        self.settle({"pulled": 13, "acknowledged": 9, "quarantined": 3, "refused": 1})
        return self

    def build_tiny(self) -> SmallRun:
        """Make the smallest whole run: two records in one segment that pass unchanged."""
        self.journal.open_run(EXCHANGE, self.run, digest=self.exchange.digest())
        only = [self.seal({"code": 1}, {"code": 2})]
        self.attest("pull", outputs=only, counts={"pulled": 2})
        for step in ("validate", "transform"):
            self.attest(step, inputs=only, outputs=only)
        self.push(0, only, of=1)
        self.settle({"pulled": 2, "acknowledged": 2})
        return self

    def _validate(self, pulled: list[Segment]) -> list[list[Segment]]:
        refused, rest = self.seal({"code": 0}), self.seal(*({"code": code} for code in (1, 2, 3)))
        self.refuse("validate", refused)
        first = {"inputs": pulled[:2], "outputs": [rest, pulled[1]], "quarantined": [refused]}
        self.attest("validate", 0, 2, **first, counts={"valid": 7, "quarantined": 1})
        self.attest(
            "validate", 1, 2, inputs=pulled[2:], outputs=pulled[2:], counts={"valid": 4, "quarantined": 0}
        )
        return [[rest, pulled[1]], pulled[2:]]

    def _transform(self, kept: list[list[Segment]]) -> list[list[Segment]]:
        refused = self.seal({"code": 1})
        self.refuse("transform", refused)
        left = [
            self.seal({"id": "2"}, {"id": "3"}),
            self.seal(*({"id": str(code)} for code in range(10, 14))),
        ]
        right = [self.seal(*({"id": str(code)} for code in range(20, 24)))]
        counts = {"transformed": 6, "quarantined": 1}
        self.attest("transform", 0, 2, inputs=kept[0], outputs=left, quarantined=[refused], counts=counts)
        self.attest(
            "transform", 1, 2, inputs=kept[1], outputs=right, counts={"transformed": 4, "quarantined": 0}
        )
        return [left, right]

    def push(self, part: int, segments: list[Segment], of: int = 2) -> None:
        """Deliver a part; the target refuses the first record of the second part."""
        epoch = self.journal.run(EXCHANGE, self.run).epoch
        intents = [
            Intent(sha256(f"{epoch}{item.root}".encode()), item, part, order)
            for order, item in enumerate(segments)
        ]
        self.journal.intend(EXCHANGE, self.run, "mic", intents)
        receipts, states = [], []
        for intent in intents:
            self.journal.sent(intent.id)
            refused = {0: REASON} if part else {}
            state = self.journal.answered(
                intent.id,
                "acknowledged",
                total=intent.segment.count,
                refused=refused,
                receipts=[{"status": "200", "digest": "a" * 64, "at": now()}],
            )
            if refused:
                self.refuse("push", intent.segment)
            states.append(state)
            receipts.append(
                {
                    "delivery": state.id,
                    "segment": state.segment.digest,
                    "state": state.state,
                    "acknowledged": state.acknowledged,
                    "refused": len(state.refused),
                    "receipts": list(state.receipts),
                }
            )
        counts = tally(states, sum(item.count for item in segments))
        if self.format == FORMAT_1:
            counts = {name: counts[name] for name in FORMER if name in counts}
        self.attest("push", part, of, inputs=segments, outputs=segments, counts=counts, receipts=receipts)

    def settle(self, counts: dict[str, int]) -> None:
        """Bind the documents, sign the counts (those not given are 0) and settle the run."""
        counts = dict.fromkeys(FORMER if self.format == FORMAT_1 else COUNTS, 0) | counts
        found = dict(self.documents)
        found["deliveries.json"] = deliveries_document(
            self.journal.deliveries(run=self.run, exchange=EXCHANGE), format_=self.format
        )
        found["quarantine.json"] = quarantine_document(
            self.quarantine.met(EXCHANGE, self.run), format_=self.format
        )
        bound = {name: sha256(data) for name, data in found.items()}
        self.attest("settle", counts=counts, documents=bound)
        self.journal.settle(EXCHANGE, self.run, cursor="23", validators={}, counts=counts)

    def export(self, out: Path, **more: Any) -> BundleInfo:
        given = {"read_segment": self.segments.__getitem__, "documents": self.documents, **more}
        return export(
            self.ledger, self.journal, self.quarantine, exchange=EXCHANGE, run=self.run, out=out, **given
        )


@pytest.fixture
def make_run(make: Callable[..., SmallRun]) -> Callable[..., SmallRun]:
    """Start a run in a database; `SmallRun.build` makes it whole."""
    return make


@pytest.fixture(scope="session")
def make(signer: Signer) -> Callable[..., SmallRun]:
    """The same for the whole session."""
    return lambda database, run=RUN, format=FORMAT: SmallRun(database, signer, run, format)  # noqa: A006


@pytest.fixture
def small_run(local: Database, signer: Signer) -> SmallRun:
    return SmallRun(local, signer).build()


@pytest.fixture(scope="session")
def pristine(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a small run, made once; not to be changed."""
    folder = tmp_path_factory.mktemp("pristine")
    database = Database.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    path = SmallRun(database, signer).build().export(folder / "run.zip").path
    database.close()
    return path


@pytest.fixture(scope="session")
def former(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of format 1, as former releases wrote it."""
    folder = tmp_path_factory.mktemp("former")
    database = Database.open(f"sqlite:///{folder / 'ledger.sqlite'}")
    path = SmallRun(database, signer, format=FORMAT_1).build().export(folder / "run.zip").path
    database.close()
    return path


@pytest.fixture
def bundle(pristine: Path, tmp_path: Path) -> Path:
    """The bundle of a small run, to do with as one likes."""
    return shutil.copy(pristine, tmp_path / "bundle.zip")


@pytest.fixture
def tiny_bundle(local: Database, signer: Signer, tmp_path: Path) -> Path:
    """The bundle of the smallest run."""
    return SmallRun(local, signer).build_tiny().export(tmp_path / "tiny.zip").path


@dataclass(frozen=True)
class Forger:
    """Somebody who knows the format and makes bundles that look well-formed."""

    bundle: Path
    signer: Signer
    operator: Signer | None = None

    def contents(self) -> dict[str, bytes]:
        with Reader(self.bundle) as reader:
            return {name: reader.read(name) for name in reader.members}

    def write(self, contents: Mapping[str, bytes]) -> Path:
        """Write a container whose structure is in order."""
        out = self.bundle.with_name("forged.zip")
        with Writer(out) as writer:
            for name in sorted(contents, key=lambda name: (group_of(name), name)):
                writer.add(name, contents[name])
            writer.close()
        return out

    def rewrite(self, change: Callable[[dict[str, bytes]], Any]) -> Path:
        """Change entries and write the container anew."""
        contents = self.contents()
        change(contents)
        return self.write(contents)

    def resign(self, change: Callable[[list[dict[str, Any]]], Any], **documents: bytes) -> Path:
        """Change statements as someone who holds the key would: chained and signed anew.

        Documents given by the stem of their name are replaced and bound by their new digest.
        """
        contents = self.contents()
        names = [name for name in contents if name.startswith("statements/")]
        payloads = [parse(jws._decode(contents.pop(name).decode().split(".")[1])) for name in names]
        for stem, data in documents.items():
            contents[f"documents/{stem}.json"] = data
            settled = next(payload for payload in reversed(payloads) if payload["step"] == "settle")
            settled["documents"][f"{stem}.json"] = sha256(data)
        change(payloads)
        before = ""
        for place, payload in enumerate(payloads):
            payload |= {
                "run_sequence": place,
                "run_previous": before,
                "previous": before,
                "sequence": place + 1,
            }
            acts = payload.get("kind") == "act" and self.operator
            token = jws.sign(canonical(payload), acts or self.signer, typ=typ_of(payload))
            contents[f"statements/{place + 1:010d}.jws"] = token.encode()
            before = entry_hash(token)
        return self.write(contents)


@pytest.fixture
def forger(bundle: Path, signer: Signer, operator: Signer) -> Forger:
    return Forger(bundle, signer, operator)


@pytest.fixture
def former_forger(former: Path, signer: Signer, operator: Signer, tmp_path: Path) -> Forger:
    """A forger at work on a bundle of format 1."""
    return Forger(Path(shutil.copy(former, tmp_path / "former.zip")), signer, operator)


@pytest.fixture(scope="session")
def rich_bundle(
    signer: Signer, operator: Signer, tmp_path_factory: pytest.TempPathFactory, make: Any
) -> Path:
    folder = tmp_path_factory.mktemp("rich")
    with Database.open(f"sqlite:///{folder / 'ledger.sqlite'}") as database:
        return Rich(make(database), operator).build().export(folder / "rich.zip")


@pytest.fixture
def forge(rich_bundle: Path, forger: Any, tmp_path: Path) -> Any:
    """A forger who holds all keys, at work on the rich run."""
    return replace(forger, bundle=Path(shutil.copy(rich_bundle, tmp_path / "rich.zip")))


@pytest.fixture
def item() -> QuarantineItem:
    return QuarantineItem(
        exchange=EXCHANGE,
        run=RUN,
        step="validate",
        segment="a" * 64,
        line=7,
        key_hash="b" * 64,
        reasons=(REASON,),
        dataset="onestop.dossier/1",
    )


@pytest.fixture
def items(item: QuarantineItem) -> list[QuarantineItem]:
    return [replace(item, line=line) for line in range(5)]
