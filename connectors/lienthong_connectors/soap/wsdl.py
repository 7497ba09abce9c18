"""A service's description: read by zeep from a file, a package or the service's own host.

Nothing is fetched from any other host: a WSDL that imports from elsewhere needs a local copy.
Parsed descriptions are kept per process, as long as every file they were made of stays the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import zeep
from lxml import etree
from zeep.transports import Transport
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import Soap12Binding, SoapBinding

from lienthong.errors import LienThongError, Misconfigured
from lienthong.records import sha256

Fetch = Callable[[str], bytes]
_CACHE: dict[tuple[str, str], tuple[Document, Mapping[str, str]]] = {}
_MOST_CACHED = 64
_LOCK = threading.Lock()
_BROKEN = (
    zeep.exceptions.Error,
    etree.LxmlError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OSError,
)


class _Loader(Transport):
    """Gives zeep the files of one description and remembers their digests."""

    def __init__(self, fetch: Fetch, first: tuple[str, bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # zeep is half typed
        self._fetch, self._first = fetch, first
        self.digests: dict[str, str] = {}

    def load(self, url: str) -> bytes:
        """Return the content at a URL or path."""
        data = self._first[1] if str(url) == self._first[0] else self._fetch(str(url))
        self.digests[str(url)] = sha256(data)
        return data


def locate(name: str, base: str) -> str:
    """Return where a WSDL is: an absolute path, or a URL under the connection's address."""
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

    Local descriptions read files below their own folder; remote ones only from the connection's
    own scheme, host and port.
    """
    folder = Path(location).parent

    def fetch(url: str) -> bytes:
        if url.startswith(("http://", "https://")):
            if _origin(url) != _origin(base):
                raise _outside(url)
            return get(url)
        path = Path(url.removeprefix("file://")).resolve()
        if location.startswith(("http://", "https://")) or not path.is_relative_to(folder.resolve()):
            raise _outside(url)
        return path.read_bytes()

    return fetch


def load(location: str, fetch: Fetch) -> Document:
    """Return the parsed description, from the cache where none of its files has changed.

    Raises `Misconfigured` where it is missing, broken or refers to another host, and what the
    transport raises for a remote one.
    """
    try:
        main = fetch(location)
        digest = sha256(main)
        with _LOCK:
            known = _CACHE.get((location, digest))
        if known is not None and all(
            url == location or sha256(fetch(url)) == seen for url, seen in known[1].items()
        ):
            return known[0]
        loader = _Loader(fetch, (location, main))
        options = {"strict": True, "forbid_dtd": True, "forbid_entities": True, "force_https": False}
        document = Document(location, _as_any(loader), settings=zeep.Settings(**options))
    except LienThongError:
        raise
    except _BROKEN as error:
        raise Misconfigured(
            f"the WSDL cannot be used ({type(error).__name__})",
            where=location,
            hint="check that it exists, is a WSDL 1.1 with SOAP bindings and has all its imports beside it",
        ) from None
    with _LOCK:
        if len(_CACHE) >= _MOST_CACHED:
            _CACHE.clear()
        _CACHE[location, digest] = (document, dict(loader.digests))
    return document


def _as_any(value: Any) -> Any:
    """Hide a value's type where zeep's annotations are wrong."""
    return value


def find_binding(document: Document, operation: str, service: str, port: str, version: str) -> Any:
    """Return the SOAP binding that has the operation.

    Raises `Misconfigured`, naming what there is, where service, port, version or operation does
    not fit.
    """
    ports = [
        (name, candidate.name, candidate.binding)
        for name, one in document.services.items()
        if not service or name == service
        for candidate in one.ports.values()
        if isinstance(candidate.binding, SoapBinding) and (not port or candidate.name == port)
    ]
    fitting = [binding for _, _, binding in ports if not version or version_of(binding) == version]
    if not fitting:
        there = ", ".join(f"{name}/{p} (SOAP {version_of(b)})" for name, p, b in ports)
        every = there or ", ".join(document.services) or "none"
        raise Misconfigured(
            "the WSDL has no such service, port or SOAP version",
            where="options service, port, soap_version",
            hint=f"there is: {every}",
        )
    for binding in fitting:
        if operation in _as_any(binding).all():
            return binding
    names = sorted({name for binding in fitting for name in _as_any(binding).all()})
    raise Misconfigured(
        f"the WSDL has no operation {operation!r}",
        where="option operation",
        hint=f"there is: {', '.join(names)}",
    )


def version_of(binding: Any) -> str:
    """Return a binding's SOAP version, ``1.1`` or ``1.2``."""
    return "1.2" if isinstance(binding, Soap12Binding) else "1.1"


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
        hint="keep a local copy of the WSDL with all its imports in one folder",
    )
