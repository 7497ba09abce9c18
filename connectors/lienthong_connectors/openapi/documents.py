"""An OpenAPI document with everything that it refers to, as one document whose references are its own.

Read from a file, from a catalogue's folder (`lienthong_connectors.soap.catalogue`; the index is the same) or,
where somebody asks for it, from its own host. JSON and YAML; YAML is read by the words of its version 1.2,
as OpenAPI 3.1 section 4.2 asks: a day is a text, ``no`` is no boolean, and every name is a text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin

from lienthong.errors import LienThongError, Misconfigured
from lienthong.faults import file_faults
from lienthong.records import digest, sha256
from lienthong_connectors.openapi.yaml_text import YamlFault, read_yaml
from lienthong_connectors.soap.catalogue import INDEX, is_catalogue, open_catalogue

Fetch = Callable[[str], bytes]
ELSEWHERE: Final = "x-lienthong-documents"
"""Member of the root that holds the other documents, by number."""
_DOCUMENTS, _BYTES = 500, 64 << 20
_SUFFIXES: Final = frozenset({".json", ".yaml", ".yml"})
_DEEPEST: Final = 200
#: Members whose values are data, not description, unless they are names of a map.
_DATA: Final = frozenset({"example", "examples", "default", "enum", "const"})
_MAPS: Final = frozenset({"properties", "patternProperties", "schemas", "definitions", "$defs"})


@dataclass(frozen=True, slots=True)
class Documents:
    """A description: ``root`` refers to nothing outside itself; ``files`` are the bytes that it came from."""

    main: str
    root: dict[str, Any] = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the SHA-256 of every document in its order; locations are no part of it."""
        return digest([sha256(data) for data in self.files.values()])


def documents_at(where: str, get: Fetch | None = None) -> Documents:
    """Return the description at a path, a catalogue's folder or, with ``get``, a URL.

    ``get`` is asked for URLs only. Raises `Misconfigured`, naming the document, where one is missing, is
    neither JSON nor YAML, or is more than anybody would read, and for a URL where there is no ``get``.
    """
    if is_catalogue(where):
        kept = open_catalogue(where)
        return gather(kept.main, kept.fetch)
    remote = where.startswith(("http://", "https://"))
    main = where if remote else str(Path(where).resolve())

    def read(location: str) -> bytes:
        if location.startswith(("http://", "https://")):
            if get is None:
                hint = "keep both in a catalogue with: lienthong openapi URL --fetch FOLDER"
                raise Misconfigured("the description refers to an address", where=location, hint=hint)
            return get(location)
        if remote:
            raise Misconfigured("a description of the network refers to a local file", where=location)
        _check_place(Path(location), Path(main))
        with file_faults("the description cannot be read", Path(location)):
            return Path(location).read_bytes()

    return gather(main, read)


def _check_place(path: Path, main: Path) -> None:
    """Refuse a file that no description has a reason to refer to."""
    around = main.parent.parent if main.parent.parent != Path(main.anchor) else main.parent
    if path != main and not (path.is_relative_to(around) and path.suffix.lower() in _SUFFIXES):
        raise Misconfigured(
            f"the description refers to {path.name!r}, which is no JSON or YAML file beside it",
            where=str(main),
            hint="keep all its files in one folder, or in folders beside each other",
        )


def gather(main: str, fetch: Fetch) -> Documents:
    """Follow every reference of a description to other documents and put them below its root."""
    files: dict[str, bytes] = {}
    trees: dict[str, Any] = {}
    waiting = [main]
    numbers: dict[str, str] = {main: ""}
    while waiting:
        location = waiting.pop(0)
        files[location] = _bytes(location, fetch, sum(map(len, files.values())))
        trees[location] = parsed(files[location], location)
        for node, said in _references(trees[location], location):
            place, fragment = urldefrag(said)
            target = _absolute(place, location) if place else location
            if target not in numbers:
                if len(numbers) >= _DOCUMENTS:
                    raise _broken(target, f"is one of more than {_DOCUMENTS} documents")
                numbers[target] = f"/{ELSEWHERE}/{len(numbers)}"
                waiting.append(target)
            node["$ref"] = f"#{numbers[target]}{unquote(fragment)}"
    root = trees.pop(main)
    if not isinstance(root, dict):
        raise _broken(main, "is no object")
    if trees:
        root[ELSEWHERE] = {numbers[place].rpartition("/")[2]: tree for place, tree in trees.items()}
    return Documents(main, root, files)


def parsed(data: bytes, location: str) -> Any:
    """Return what a document holds; `Misconfigured`, with the line, where it is neither JSON nor YAML."""
    try:
        text = data.decode("utf-8-sig")
        if text.lstrip()[:1] in ("{", "["):
            try:
                return _bounded(json.loads(text), location)
            except ValueError:
                pass  # YAML's flow style begins alike
        return _bounded(read_yaml(text), location)
    except UnicodeDecodeError:
        raise _broken(location, "is no text in UTF-8") from None
    except RecursionError:
        raise _broken(location, "is nested too deep") from None
    except YamlFault as error:
        raise _broken(f"{location}, line {error.line}", f"is neither JSON nor YAML ({error})") from None


def write_catalogue(folder: Path, documents: Documents) -> None:
    """Keep a description offline: its documents and their index in a folder, made where it is missing."""
    taken: dict[str, str] = {}
    with file_faults("the catalogue cannot be written", folder):
        folder.mkdir(parents=True, exist_ok=True)
        for number, (location, data) in enumerate(documents.files.items()):
            suffix = ".json" if data.lstrip()[:1] == b"{" else ".yaml"
            taken[location] = f"{number}-{Path(urldefrag(location)[0]).stem[:60] or 'document'}{suffix}"
            (folder / taken[location]).write_bytes(data)
        entries = {
            location: {"file": name, "sha256": sha256(documents.files[location])}
            for location, name in taken.items()
        }
        index = {"main": documents.main, "documents": entries}
        (folder / INDEX).write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _bytes(location: str, fetch: Fetch, before: int) -> bytes:
    try:
        data = fetch(location)
    except LienThongError:
        raise
    except (OSError, LookupError, ValueError):
        raise _broken(location, "cannot be read") from None
    if before + len(data) > _BYTES:
        raise _broken(location, f"makes the whole larger than {_BYTES} bytes")
    return data


def _references(tree: Any, location: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every object that refers to something, with what it says; what is data is not looked at."""
    waiting: list[tuple[Any, bool]] = [(tree, False)]
    seen: set[int] = set()
    while waiting:
        node, names = waiting.pop()
        if id(node) in seen:
            continue  # an alias of YAML stands for the very same object
        seen.add(id(node))
        if isinstance(node, list):
            waiting += [(item, False) for item in node if isinstance(item, (dict, list))]
        elif isinstance(node, dict):
            if not names and isinstance(node.get("$ref"), str):
                yield node, _checked(node["$ref"], location)
            waiting += [
                (item, key in _MAPS and not names)
                for key, item in node.items()
                if isinstance(item, (dict, list)) and (names or key not in _DATA)
            ]


def _checked(said: str, location: str) -> str:
    place, fragment = urldefrag(said)
    if fragment and not fragment.startswith("/"):  # an anchor or operation id: no pointer (RFC 6901)
        raise _broken(location, f"refers to {said[:80]!r}, which is no JSON Pointer")
    return f"{place}#{fragment}"


def _absolute(place: str, base: str) -> str:
    if place.startswith(("http://", "https://")) or base.startswith(("http://", "https://")):
        return urljoin(base, place)
    return str((Path(base).parent / unquote(place.removeprefix("file://"))).resolve())


def _bounded(tree: Any, location: str) -> Any:
    """Return a tree that is not nested too deep, or within itself as YAML's anchors allow."""
    waiting: list[tuple[Any, int]] = [(tree, 0)]
    deepest: dict[int, int] = {}
    while waiting:
        node, depth = waiting.pop()
        if depth > _DEEPEST:
            raise _broken(location, "is nested too deep")
        if deepest.get(id(node), -1) >= depth:
            continue
        deepest[id(node)] = depth
        inner = node.values() if isinstance(node, dict) else node
        waiting += [(item, depth + 1) for item in inner if isinstance(item, (dict, list))]
    return tree


def _broken(location: str, what: str) -> Misconfigured:
    return Misconfigured(
        f"a document of the description {what}",
        where=location,
        hint="ask the agency for a sound copy, with every file that it refers to",
    )
