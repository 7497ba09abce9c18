"""Where a description is, and who may be asked for its files: a catalogue, a folder, the service's host."""

from __future__ import annotations

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


def reader(location: str, base: str, get: Fetch) -> Fetch:
    """Return the function that reads files of a description at ``location``, and nothing else.

    Local descriptions read files below their own folder and of packages; remote ones only from the
    connection's own scheme, host and port.
    """
    folder = Path(location).parent

    def fetch(url: str) -> bytes:
        if url.startswith(("http://", "https://")):
            if _origin(url) != _origin(base):
                raise _outside(url)
            return get(url)
        if url.startswith("package:"):
            with file_faults("the description cannot be read", shown(url)):
                return Path(locate(url, base)).read_bytes()
        path = Path(url.removeprefix("file://")).resolve()
        if location.startswith(("http://", "https://")) or not path.is_relative_to(folder.resolve()):
            raise _outside(url)
        with file_faults("the description cannot be read", path):
            return path.read_bytes()

    return fetch


def opened(location: str, base: str, get: Fetch) -> tuple[str, Fetch]:
    """Return the name of a description's first document, and the function that reads all of them."""
    if is_catalogue(location):
        catalogue = open_catalogue(location)
        return catalogue.main, catalogue.fetch
    return location, reader(location, base, get)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or (443 if parts.scheme == "https" else 80),
    )


def _outside(url: str) -> Misconfigured:
    host = urlsplit(url).hostname or "a file outside its folder"
    return Misconfigured(
        f"the WSDL refers to {host}",
        where="WSDL",
        hint="make a catalogue with: lienthong wsdl URL --fetch FOLDER --host NAME",
    )
