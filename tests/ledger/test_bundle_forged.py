"""What a forger may try: every change of a bundle is found, and named."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from verdicts import failing, found

from lienthong.ledger import verify_bundle
from lienthong.ledger.container import Reader
from lienthong.merkle import leaf_hash
from lienthong.records import canonical, parse, sha256
from lienthong.signing import KeyRing, Signer, TrustStore, jws

LONG_AGO, FAR_OFF = "2020-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"
Contents = dict[str, bytes]
Payloads = list[dict[str, Any]]


def one(contents: Contents, start: str) -> str:
    return next(name for name in contents if name.startswith(start))


@pytest.mark.slow
def test_every_flipped_byte_is_found(tiny_bundle: Path, trust: TrustStore, tmp_path: Path) -> None:
    """Any single changed byte of the file makes verification fail and names an entry or a place."""
    data, path = tiny_bundle.read_bytes(), tmp_path / "flipped.zip"
    names = zipfile.ZipFile(tiny_bundle).namelist()
    assert verify_bundle(tiny_bundle, trust=trust).ok
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        report = verify_bundle(path, trust=trust)
        assert not report.ok, at
        assert report.failures[0].subject in names or "from byte" in report.failures[0].detail_en, at


@pytest.mark.slow
def test_every_flipped_byte_is_found_behind_a_repaired_container(
    tiny_bundle: Path, trust: TrustStore, tmp_path: Path
) -> None:
    """With the checksums put right again, signatures and digests alone find any changed byte.

    Every byte of documents, leaves and records; of the statements, which have one form, every third
    byte of one and its whole signature; of the fixed text every tenth.
    """
    data, path = tiny_bundle.read_bytes(), tmp_path / "flipped.zip"
    with Reader(tiny_bundle) as reader:
        members = list(reader.members.values())
    statements = [member for member in members if member.name.startswith("statements/")]
    for member in [item for item in members if item not in statements[1:]]:
        step = 3 if member in statements else 10 if member.name == "README.txt" else 1
        for at in [*range(0, member.size, step), *range(member.size - 87 * (step == 3), member.size)]:
            content = bytearray(data[member.start : member.start + member.size])
            content[at] ^= 1 << at % 8
            path.write_bytes(_replaced(data, member.name, bytes(content)))
            assert not verify_bundle(path, trust=trust).ok, (member.name, at)


def _replaced(data: bytes, name: str, content: bytes) -> bytes:
    """Put other bytes of the same length into an entry and repair both of its checksums."""
    crc = struct.pack("<I", zlib.crc32(content))
    local, central = data.index(name.encode()), data.rindex(name.encode())
    start = local + len(name)
    data = data[: central - 30] + crc + data[central - 26 :]
    data = data[:start] + content + data[start + len(content) :]
    return data[: local - 16] + crc + data[local - 12 :]


@pytest.mark.parametrize("keep", [0, 1, 29, 31, 500, -1, -22, -23, -100])
def test_truncated_file(bundle: Path, trust: TrustStore, keep: int) -> None:
    """A file that ends too early is refused wherever it ends."""
    bundle.write_bytes(bundle.read_bytes()[:keep])
    assert "container" in found(bundle, trust)


@pytest.mark.parametrize(
    "change", [lambda data: data + b"\0", lambda data: b"\0" + data, lambda data: data * 2]
)
def test_bytes_before_and_after(bundle: Path, trust: TrustStore, change: Callable[[bytes], bytes]) -> None:
    """A ZIP reader would not mind bytes around the archive; a bundle has none."""
    bundle.write_bytes(change(bundle.read_bytes()))
    assert "container" in found(bundle, trust)


def test_other_zip_writers_are_refused(bundle: Path, trust: TrustStore, tmp_path: Path) -> None:
    """The same entries packed by another tool (compressed, other dates) are not the bundle."""
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert "container" in found(other, trust)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "documents/../../evil", "statements/1.jws", "x", ""]
)
def test_names_that_no_bundle_has(bundle: Path, trust: TrustStore, tmp_path: Path, name: str) -> None:
    """An entry with a path trick or an unknown name is refused before anything is read."""
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), b"x")
    assert "name that no entry of a bundle has" in found(other, trust)


def test_entry_that_claims_to_be_huge(bundle: Path, trust: TrustStore) -> None:
    """A declared size beyond the file is refused without reserving memory for it."""
    data = bytearray(bundle.read_bytes())
    data[18:26] = struct.pack("<2I", 0xFFFFFFF0, 0xFFFFFFF0)
    bundle.write_bytes(data)
    assert "larger than" in found(bundle, trust)


def test_altered_record_is_named(forger: Any, trust: TrustStore) -> None:
    """A record changed inside its segment is named by its line and segment."""

    def change(contents: Contents) -> None:
        for name in [name for name in contents if name.startswith("segments/")]:
            plain = zstandard.decompress(contents[name])
            if b'{"code":21}' in plain:
                changed = plain.replace(b'{"code":21}', b'{"code":29}')
                contents[name] = zstandard.ZstdCompressor(level=1, write_checksum=True).compress(changed)

    text = found(forger.rewrite(change), trust)
    assert "record 1 of segment" in text
    assert "the file is not the one that its name says" in text
    assert "record 0 of segment" not in text


def test_altered_record_with_its_leaf(forger: Any, trust: TrustStore) -> None:
    """Changing the leaf hash along with the record does not help: the root was signed."""

    def change(contents: Contents) -> None:
        name = one(contents, "segments/")
        lines = zstandard.decompress(contents[name]).splitlines()
        lines[0] = b'{"code":99}'
        contents[name] = zstandard.compress(b"\n".join(lines) + b"\n")
        leaves = name.replace("segments/", "leaves/").replace(".ndjson.zst", ".bin")
        contents[leaves] = b"".join(map(leaf_hash, lines))

    assert "its root is not the one that was signed" in found(forger.rewrite(change), trust)


def test_removed_and_added_leaves(forger: Any, trust: TrustStore) -> None:
    """Leaf hashes of a segment can be neither left out, cut short nor added to."""
    assert "leaf hashes are missing" in found(forger.rewrite(lambda c: c.pop(one(c, "leaves/"))), trust)
    assert "leaf hashes" in found(
        forger.rewrite(lambda c: c.update({one(c, "leaves/"): c[one(c, "leaves/")][:-32]})), trust
    )
    stray = {f"leaves/{'0' * 64}.bin": b"\0" * 32}
    assert "no statement in force names it" in found(forger.rewrite(lambda c: c.update(stray)), trust)


def test_segment_that_unpacks_to_more_than_was_signed(forger: Any, trust: TrustStore) -> None:
    """A decompression bomb is refused by the size that was signed, before it unfolds."""
    bomb = zstandard.compress(b"\n" * 50_000_000)
    text = found(forger.rewrite(lambda c: c.update({one(c, "segments/"): bomb})), trust)
    assert "cannot be unpacked: it declares 50000000 bytes" in text


@pytest.mark.parametrize("which", range(8))
def test_removed_statement(forger: Any, trust: TrustStore, which: int) -> None:
    """A bundle without one of its statements fails, whichever it is."""
    text = found(forger.rewrite(lambda c: c.pop(f"statements/{which + 1:010d}.jws")), trust)
    assert "is missing" in text or "removed" in text or "not the one" in text or "parts" in text


def test_swapped_statements(forger: Any, trust: TrustStore) -> None:
    """Statements under each other's number are named."""

    def change(contents: Contents) -> None:
        first, second = "statements/0000000002.jws", "statements/0000000003.jws"
        contents[first], contents[second] = contents[second], contents[first]

    assert "it was signed as entry 3 of the ledger" in found(forger.rewrite(change), trust)


def test_statement_of_another_signer(forger: Any, trust: TrustStore, stranger: Signer) -> None:
    """A trusted key of another agency cannot speak for this one."""

    def change(contents: Contents) -> None:
        name = "statements/0000000008.jws"
        payload = jws._decode(contents[name].decode().split(".")[1])
        contents[name] = jws.sign(payload, stranger, typ="lienthong-statement+jws").encode()

    assert "it speaks for H29.10 but H29.20 signed it" in found(forger.rewrite(change), trust)


def test_statement_with_another_typ(forger: Any, trust: TrustStore, signer: Signer) -> None:
    """A token that was signed for another purpose is no statement."""

    def change(contents: Contents) -> None:
        name = "statements/0000000008.jws"
        payload = jws._decode(contents[name].decode().split(".")[1])
        contents[name] = jws.sign(payload, signer, typ="lienthong-checkpoint+jws").encode()

    assert "signature does not hold" in found(forger.rewrite(change), trust)


def test_wrong_trust(bundle: Path, keys: KeyRing, stranger: Signer) -> None:
    """Under other trusted certificates nothing of the bundle is believed, not even its run's name."""
    report = verify_bundle(bundle, trust=TrustStore([stranger.certificate]))
    assert not report.ok
    assert (report.exchange, report.run, report.counts) == ("", "", {})
    assert "statements/0000000001.jws" in failing(report)


def test_altered_documents_and_readme(forger: Any, trust: TrustStore) -> None:
    """Each document and the fixed text is compared with what was signed."""
    for name in [name for name in forger.contents() if name.startswith(("documents/", "README"))]:
        text = found(forger.rewrite(lambda c, name=name: c.update({name: c[name] + b" "})), trust)
        assert name in text
        assert name in found(forger.rewrite(lambda c, name=name: c.pop(name)), trust)
    stray = {"documents/more.json": b"{}"}
    assert "no statement binds it" in found(forger.rewrite(lambda c: c.update(stray)), trust)


SIGNED_LIES: dict[str, tuple[Callable[[Payloads], Any], str]] = {
    "acknowledged": (lambda p: p[7]["counts"].update(acknowledged=10), "count 'acknowledged' of step settle"),
    "quarantined": (lambda p: p[7]["counts"].update(quarantined=2), "count 'quarantined' of step settle"),
    "pulled": (lambda p: p[0]["counts"].update(pulled=12), "count 'pulled' of step pull"),
    "push": (lambda p: p[6]["counts"].update(acknowledged=4, refused=0), "the deliveries give 3"),
    "count missing": (lambda p: p[7]["counts"].pop("refused"), "count 'refused' of step settle"),
    "root": (lambda p: p[1]["outputs"].update(root="0" * 64), "root or count of its outputs"),
    "count of flow": (lambda p: p[1]["outputs"].update(count=1), "root or count of its outputs"),
    "segment dropped": (lambda p: _drop(p[3]["inputs"]), "transform did not take it"),
    "segment described twice": (lambda p: _resize(p[3]["inputs"]), "described in two ways"),
    "ended first": (lambda p: p[2].update(ended="2026-01-01T00:00:00.000000Z"), "ended before it started"),
    "recorded early": (lambda p: _shift(p[4], -60), "signed earlier than the entry before it"),
    "built on the future": (lambda p: _shift(p[0], 60), "it ended before what it builds on"),
    "before the certificate": (lambda p: p[4].update(recorded=LONG_AGO), "is not valid before"),
    "after the certificate": (lambda p: p[4].update(recorded=FAR_OFF), "expired on"),
    "step left out": (lambda p: p.pop(0), "step pull: its statement is missing"),
    "part left out": (lambda p: p.pop(2), "step validate: parts [0] of 2"),
    "reordered": (lambda p: p.insert(0, p.pop(3)), "signed before what it builds on"),
    "after settle": (lambda p: p.append(p.pop(6)), "after the run was settled"),
    "supersedes nothing": (lambda p: p[5].update(supersedes=1), "supersedes entry 1"),
    "another run": (lambda p: p[3].update(run="manual"), "another run than the first"),
    "another agreement": (lambda p: p[3].update(exchange_digest="1" * 64), "another exchange_digest"),
    "agreement": (lambda p: [x.update(exchange_digest="1" * 64) for x in p], "/agreement.json"),
    "dataset": (lambda p: p[2]["datasets"].update({"mic.dossier/1": "1" * 64}), "mic.dossier.1.json"),
    "mapping": (lambda p: p[2]["mapping"].update({"onestop-to-mic/1": "1" * 64}), "documents/mapping.json"),
    "receipt": (lambda p: p[5]["receipts"].pop(), "step push, part 1 of 2"),
    "receipt's status": (lambda p: p[5]["receipts"][0].update(receipts=[]), "its receipts is not what push"),
    "document": (lambda p: p[7]["documents"].pop("deliveries.json"), "documents/deliveries.json"),
}  # fmt: skip


def _shift(payload: dict[str, Any], seconds: int) -> None:
    """Move a statement in time, further than clocks may differ."""
    for name in ("started", "ended", "recorded"):
        moved = datetime.fromisoformat(payload[name]) + timedelta(seconds=seconds)
        payload[name] = moved.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _drop(flow: dict[str, Any]) -> None:
    flow["segments"].pop()


def _resize(flow: dict[str, Any]) -> None:
    flow["segments"][0]["size"] += 1


@pytest.mark.parametrize("format_", ["forger", "former_forger"])
@pytest.mark.parametrize("lie", SIGNED_LIES)
def test_lie_of_someone_who_holds_the_key(
    request: pytest.FixtureRequest, trust: TrustStore, lie: str, format_: str
) -> None:
    """Statements that contradict each other are found although chained and signed anew, in both formats."""
    change, expected = SIGNED_LIES[lie]
    assert expected in found(request.getfixturevalue(format_).resign(change), trust)


def test_resigned_without_a_change_holds(forger: Any, trust: TrustStore) -> None:
    """The forger's tool itself breaks nothing, so that the tests above prove what they say."""
    report = verify_bundle(forger.resign(lambda payloads: None), trust=trust)
    assert report.ok, failing(report)


DOCUMENT_LIES: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "acknowledged": ("deliveries", lambda d: d[0].update(acknowledged=1), "its counts do not add up"),
    "state": ("deliveries", lambda d: d[0].update(state="refused"), "it is acknowledged, not refused"),
    "line": ("deliveries", lambda d: d[2].update(refused={"9": {}}), "does not exist"),
    "left out": ("deliveries", lambda d: d.pop(), "the deliveries give 0"),
    "twice": ("deliveries", lambda d: d.append(d[0]), "listed twice"),
    "times": ("deliveries", lambda d: d[0].update(sent_at="2020-01-01T00:00:00.000000Z"), "go backwards"),
    "reason": ("quarantine", lambda q: q[0].update(reasons=[]), "it has no reason"),
    "id": ("quarantine", lambda q: q[0].update(id="0000-0000-0000"), "another id"),
    "entry left out": ("quarantine", lambda q: q.pop(), "refused it without an entry"),
    "entry added": ("quarantine", lambda q: q.append({**q[0], "line": 5}), "did not refuse it"),
    "malformed": ("deliveries", lambda d: d.append(None), "cannot be read"),
    "malformed entry": ("quarantine", lambda q: q.append([]), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("format_", ["forger", "former_forger"])
@pytest.mark.parametrize("lie", DOCUMENT_LIES)
def test_document_that_contradicts_the_statements(
    request: pytest.FixtureRequest, trust: TrustStore, lie: str, format_: str
) -> None:
    """A deliveries or quarantine document that does not fit is found although bound and signed."""
    forger: Any = request.getfixturevalue(format_)
    stem, change, expected = DOCUMENT_LIES[lie]
    content = parse(forger.contents()[f"documents/{stem}.json"])
    change(content["deliveries" if stem == "deliveries" else "quarantined"])
    forged = forger.resign(lambda payloads: None, **{stem: canonical(content)})
    assert expected in found(forged, trust)


def test_document_not_in_canonical_form(forger: Any, trust: TrustStore) -> None:
    """A document with another spelling of the same content is refused."""
    data = forger.contents()["documents/deliveries.json"].replace(b":", b": ", 1)
    assert "cannot be read" in found(forger.resign(lambda payloads: None, deliveries=data), trust)


@pytest.mark.parametrize("field", ["segments", "part", "counts", "started", "documents", "step"])
@pytest.mark.parametrize("value", [None, [], "x", -1, 10**15, {"index": 10**15, "of": -1}])
def test_malformed_statement_never_raises(forger: Any, trust: TrustStore, field: str, value: Any) -> None:
    """Whatever a trusted signer signs, verification ends with a report and not with an exception."""

    def change(payloads: Payloads) -> None:
        target = payloads[3]["inputs"] if field == "segments" else payloads[3]
        target[field] = value

    found(forger.resign(change), trust)


def test_digest_of_each_document_can_be_checked_by_hand(bundle: Path) -> None:
    """What docs/evidence.md tells an auditor to do with sha256sum holds for every document."""
    with zipfile.ZipFile(bundle) as archive:
        assert archive.testzip() is None
        settled = archive.read("statements/0000000008.jws").decode()
        bound = parse(jws._decode(settled.split(".")[1]))["documents"]
        for name, expected in bound.items():
            assert sha256(archive.read(f"documents/{name}")) == expected
        for name in archive.namelist():
            if name.startswith("segments/"):
                assert sha256(archive.read(name)) == name.split("/")[1].split(".")[0]
