"""A service's description: read by zeep from a catalogue, a file, a package or the service's own host.

Nothing is fetched from any other host: a WSDL that imports from elsewhere needs a catalogue.
Parsed descriptions are kept per process, as long as every file they were made of stays the same.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zeep
from lxml import etree
from zeep.transports import Transport
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import Soap12Binding, SoapBinding

from lienthong.errors import Misconfigured
from lienthong_connectors.soap.aboard import aboard
from lienthong_connectors.soap.documents import Documents, Fetch, collect
from lienthong_connectors.soap.location import opened
from lienthong_connectors.soap.overloads import gaps, in_a_sentence, tell_apart
from lienthong_connectors.soap.redefine import prepared

_CACHE: dict[str, Description] = {}
_MOST_CACHED = 64
_LOCK = threading.Lock()
_PARSING = threading.Lock()  # warnings are switched off for the whole process meanwhile
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


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """A WSDL as its documents, as their XML made ready (`redefine.prepared`), and as zeep reads it.

    ``overloads`` gives the original name of operations that were told apart, ``missing`` what operations
    lack that cannot be called (`overloads.gaps`).
    """

    documents: Documents
    roots: Mapping[str, etree._Element]
    document: Document
    overloads: Mapping[str, str]
    missing: Mapping[str, str]

    @property
    def incomplete(self) -> str:
        """What the WSDL lacks, in one sentence; empty where it is complete."""
        names = {operation.name for _, operation, _ in operations_of(self.document)}
        return in_a_sentence(self.missing, len(names | set(self.missing)))


class _Loader(Transport):
    """Gives zeep the documents of one description, and nothing else."""

    def __init__(self, roots: Mapping[str, etree._Element]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # zeep is half typed
        self._roots = roots

    def load(self, url: str) -> bytes:
        """Return the document of that name; zeep asks for some namespaces' schemas by itself."""
        root = self._roots.get(str(url))
        known = aboard(str(url)) if root is None else etree.tostring(root)
        if known is None:
            raise LookupError(str(url))
        return known


def describe(location: str, base: str, get: Fetch, *, pin: str = "") -> Description:
    """Return the description at a location (see `locate`); a pinned one is read without any network.

    Raises `Misconfigured` where it is missing or broken, refers to another host, or is not the one
    whose digest ``pin`` is; and what the transport raises for a remote one.
    """
    if pin and location.startswith(("http://", "https://")):
        raise Misconfigured(
            "a pinned WSDL is read from a file, but this one is at an address",
            where="option wsdl",
            hint=f"make a catalogue with: lienthong wsdl {location} --fetch FOLDER; then name the folder",
        )
    documents = gather(location, base, get)
    if pin and documents.digest != pin.lower():
        raise Misconfigured(
            f"the WSDL ({len(documents.own)} documents) is not the one that wsdl_digest pins",
            where=documents.main,
            hint=f"its digest is {documents.digest}; compare both with: lienthong wsdl OLD --compare NEW",
        )
    return understood(documents)


def gather(location: str, base: str, get: Fetch, root: Path | None = None) -> Documents:
    """Return the documents of the description at a location, unparsed; raises as `describe` does.

    ``root`` is the folder whose files a local one may refer to; None: its own.
    """
    return collect(*opened(location, base, get, root))


def understood(documents: Documents) -> Description:
    """Return what documents describe, from the cache where they were parsed before."""
    key = f"{documents.main} {documents.digest}"
    with _LOCK:
        known = _CACHE.get(key)
    if known is not None:
        return known
    try:
        name, roots = prepared(documents)
        overloads = tell_apart(roots)
        options = {"strict": True, "forbid_dtd": True, "forbid_entities": True, "force_https": False}
        with _PARSING, warnings.catch_warnings(action="ignore"):  # what they tell is in `missing`
            document = Document(name, _as_any(_Loader(roots)), settings=zeep.Settings(**options))
        missing = gaps(roots, document)
    except _BROKEN as error:
        raise Misconfigured(
            f"the WSDL cannot be used ({type(error).__name__})",
            where=documents.main,
            hint="check that it is a WSDL 1.1 with SOAP bindings, and that all its schemas are sound",
        ) from None
    found = Description(documents, roots, document, overloads, missing)
    with _LOCK:
        if len(_CACHE) >= _MOST_CACHED:
            _CACHE.clear()
        _CACHE[key] = found
    return found


def load(location: str, fetch: Fetch) -> Document:
    """Return zeep's view of the description at a location, all of whose files ``fetch`` reads."""
    return understood(collect(location, fetch)).document


def _as_any(value: Any) -> Any:
    """Hide a value's type where zeep's annotations are wrong."""
    return value


def find_binding(description: Description, operation: str, service: str, port: str, version: str) -> Any:
    """Return the SOAP binding that has the operation.

    Raises `Misconfigured`, naming what there is, where service, port, version or operation does
    not fit, and what is missing where the WSDL does not finish the operation.
    """
    document = description.document
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
    lacks = description.missing.get(operation)
    raise Misconfigured(
        f"the WSDL does not finish operation {operation!r}: {lacks}"
        if lacks
        else f"the WSDL has no operation {operation!r}",
        where="option operation",
        hint=f"there is: {', '.join(names)}",
    )


def operations_of(document: Document) -> Iterator[tuple[str, Any, str]]:
    """Yield (port, operation, SOAP version) of every SOAP operation, in the order of the WSDL."""
    for service in document.services.values():
        for port in service.ports.values():
            if isinstance(port.binding, SoapBinding):
                for operation in _as_any(port.binding).all().values():
                    yield str(port.name), operation, version_of(port.binding)


def version_of(binding: Any) -> str:
    """Return a binding's SOAP version, ``1.1`` or ``1.2``."""
    return "1.2" if isinstance(binding, Soap12Binding) else "1.1"
