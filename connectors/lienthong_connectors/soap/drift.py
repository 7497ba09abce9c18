"""What changed between two descriptions of a service, in lines that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lienthong_connectors.soap.contract import Contracts, in_words
from lienthong_connectors.soap.documents import Documents, Fetch, collect
from lienthong_connectors.soap.facets import Schema
from lienthong_connectors.soap.wsdl import Description, operations_of

_FACTS = ("SOAP version", "SOAPAction", "style")


@dataclass(frozen=True, slots=True)
class _Outline:
    """One operation: its facts, and its members with (type in words, required) by path."""

    facts: Mapping[str, str]
    members: Mapping[str, tuple[str, bool]]


def changes(old: Description, new: Description) -> list[str]:
    """Return what is different in the new description, one line each; nothing where both say the same.

    Compared are operations, their SOAP version, SOAPAction and style, and every member of their
    requests and answers. Addresses and texts for readers are not.
    """
    before, after = _outlines(old), _outlines(new)
    lines = [f"operation {name} is gone" for name in before if name not in after]
    lines += [f"operation {name} is new" for name in after if name not in before]
    for name in before:
        if name in after:
            lines += [f"operation {name}: {line}" for line in _differences(before[name], after[name])]
    return lines


def _outlines(description: Description) -> dict[str, _Outline]:
    contracts = Contracts.of(description)
    found: dict[str, _Outline] = {}
    for port, operation, version in operations_of(description.document):
        members: dict[str, tuple[str, bool]] = {}
        for side, message in (("request", operation.input), ("answer", operation.output)):
            name, schema = contracts.message(message)
            members[f"{side} element"] = (name or "nothing", True)
            members |= {f"{side} member {path}": rest for path, *rest in _members(schema)}  # type: ignore[misc]
        facts = (version, operation.soapaction or "none", operation.style)
        found[f"{port}.{operation.name}"] = _Outline(dict(zip(_FACTS, facts, strict=True)), members)
    return found


def _members(schema: Schema, path: str = "") -> Iterator[tuple[str, str, bool]]:
    """Yield (path, type in words, required) of every member, lists as ``name[]``."""
    for name, child in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        inner: Any = child
        if "items" in child:
            inner, below = child["items"], f"{below}[]"
        words = in_words({word: value for word, value in child.items() if word != "items"})
        if inner is not child:
            words = f"{words} of {in_words(inner)}"
        yield below, words, name in schema.get("required", ())
        yield from _members(inner, below)


def _differences(old: _Outline, new: _Outline) -> Iterator[str]:
    for name in _FACTS:
        if old.facts[name] != new.facts[name]:
            yield f"{name} was {old.facts[name]}, is {new.facts[name]}"
    yield from (f"{name} is gone" for name in old.members if name not in new.members)
    for name, (words, required) in new.members.items():
        if name not in old.members:
            yield f"{name} is new ({words}{', required' if required else ''})"
            continue
        before, needed = old.members[name]
        if before != words:
            yield f"{name} was {before}, is {words}"
        if needed != required:
            yield f"{name} is {'required now' if required else 'no longer required'}"


def live(pinned: Documents, url: str, get: Fetch) -> Documents:
    """Return the documents that the service at ``url`` offers today in place of the pinned ones.

    The WSDL is asked for where it was fetched from, on the host of ``url``; for a WSDL that came
    from a file it is ``url`` with ``?wsdl``. Only that host is asked: documents of other hosts are
    taken as they are pinned. Raises what ``get`` raises, and `Misconfigured` for a broken one.
    """
    known = urlsplit(pinned.main)
    here = urlsplit(url)
    if known.scheme not in ("http", "https"):
        return collect(f"{url}?wsdl", get)

    def fetch(location: str) -> bytes:
        parts = urlsplit(location)
        if parts.netloc not in (known.netloc, here.netloc):
            return pinned.files.get(location, b"")
        return get(parts._replace(scheme=here.scheme, netloc=here.netloc).geturl())

    return collect(pinned.main, fetch)
