"""Where a description is, and who may be asked for its files: a catalogue, a folder, the service's host."""

from __future__ import annotations

import os.path
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from lienthong.errors import Misconfigured
from lienthong.faults import file_faults, shown
from lienthong_connectors.soap.catalogue import is_catalogue, open_catalogue
from lienthong_connectors.soap.documents import Fetch


def locate(name: str, base: str) -> str:
    """Return where a WSDL is: the absolute path of a file or catalogue, or a URL under the address."""
    if name.startswith("package:"):
        package, _, path = name.removeprefix("package:").partition("/")
        return str(files(package).joinpath(path))
    if name.startswith(("http://", "https://")):
        return name
    if name.startswith("?"):
        return base + name
    return str(Path(name).resolve())


def reader(location: str, base: str, get: Fetch, root: Path | None = None) -> Fetch:
    """Return the function that reads files of a description at ``location``, and nothing else.

    Local descriptions read files below ``root``, which is the Python package that they lie in, else
    their own folder; remote ones only from the connection's own scheme, host and port. A document never
    leads to another package: what a description says comes from somebody else.
    """
    remote = location.startswith(("http://", "https://"))
    around = None if remote else (root or _root_of(Path(location))).resolve()

    def fetch(url: str) -> bytes:
        if url.startswith(("http://", "https://")):
            if _origin(url) != _origin(base):
                raise _outside(url, location)
            return get(url)
        path = Path(url.removeprefix("file://")).resolve()
        if around is None or url.startswith(("package:", "catalogue:")) or not path.is_relative_to(around):
            raise _outside(url, location)
        with file_faults("the description cannot be read", path):
            return path.read_bytes()

    return fetch


def opened(location: str, base: str, get: Fetch, root: Path | None = None) -> tuple[str, Fetch]:
    """Return the name of a description's first document, and the function that reads all of them."""
    if is_catalogue(location):
        catalogue = open_catalogue(location)
        return catalogue.main, catalogue.fetch
    return location, reader(location, base, get, root)


def _root_of(path: Path) -> Path:
    """Return the folder of the outermost Python package that a file lies in, else its own folder."""
    packages = [folder for folder in path.parents if (folder / "__init__.py").exists()]
    return packages[-1] if packages else path.parent


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or (443 if parts.scheme == "https" else 80),
    )


def _outside(url: str, location: str) -> Misconfigured:
    host = urlsplit(url).hostname if url.startswith(("http://", "https://")) else None
    hint = "put the document beside the WSDL and refer to it there"
    if host:
        said = host
        hint = "make a catalogue with: lienthong wsdl URL --fetch FOLDER --host NAME"
    elif url.startswith(("package:", "catalogue:")):
        kind, _, rest = url.partition(":")
        said = f"the {kind} {rest.partition('/')[0][:60]!r}"
    else:
        said = f"{shown(url)}, outside its folder"
        if not location.startswith(("http://", "https://")):
            root = _common(url, location)
            hint = f"make a catalogue with: lienthong wsdl FILE --root {root} --fetch FOLDER"
    return Misconfigured(f"the WSDL refers to {said}", where="WSDL", hint=hint)


def _common(url: str, location: str) -> str:
    """Return the folder that holds both a file and the description that refers to it."""
    places = (Path(url.removeprefix("file://")).resolve().parent, Path(location).parent)
    return os.path.commonpath([str(place) for place in places])
