"""Operations of one name told apart, and operations that a description leaves unfinished.

WSDL 1.1 (section 2.4.5) lets a port type have several operations of one name, told apart by the names of
their messages; .NET writes them so for ``MessageName``. zeep keeps the last one only. They are therefore
given names of their own before zeep sees them: ``name.message`` where the message has a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lxml import etree

from lienthong_connectors.soap.documents import WSDL, XSD

_OPERATION: Final = f"{{{WSDL}}}operation"
_SOAP: Final = (
    "{http://schemas.xmlsoap.org/wsdl/soap/}binding",
    "{http://schemas.xmlsoap.org/wsdl/soap12/}binding",
)
_MESSAGE: Final = f"{{{WSDL}}}message"
_MOST_NAMED: Final = 5


def tell_apart(roots: Mapping[str, etree._Element]) -> dict[str, str]:
    """Rename overloaded operations in port types and bindings; return the original name by the new one."""
    originals: dict[str, str] = {}
    orders: dict[tuple[str, str], list[str]] = {}
    for holder in _holders(roots, "portType"):
        for name, operations in _overloads(holder):
            fresh = _names(name, operations)
            orders[str(holder.get("name")), name] = fresh
            originals |= dict.fromkeys(fresh, name)
            _rename(operations, fresh)
    for holder in _holders(roots, "binding"):
        for name, operations in _overloads(holder):
            order = orders.get((str(holder.get("type")).rpartition(":")[2], name), [])
            fresh = _names(name, operations)
            # a binding that leaves its messages without names lists the operations in the same order
            _rename(operations, fresh if set(fresh) <= set(order) else order)
    return originals


def _holders(roots: Mapping[str, etree._Element], kind: str) -> Iterator[etree._Element]:
    for root in roots.values():
        yield from root.iter(f"{{{WSDL}}}{kind}")


def _overloads(holder: etree._Element) -> list[tuple[str, list[etree._Element]]]:
    found: dict[str, list[etree._Element]] = {}
    for operation in holder.iterfind(_OPERATION):
        found.setdefault(operation.get("name", ""), []).append(operation)
    return [(name, operations) for name, operations in found.items() if len(operations) > 1]


def _names(name: str, operations: list[etree._Element]) -> list[str]:
    fresh: list[str] = []
    for operation in operations:
        said = next((part.get("name", "") for part in operation.iterfind(f"{{{WSDL}}}input")), "")
        wanted = name if said in ("", name) else f"{name}.{said}"
        number = 2
        while wanted in fresh:
            wanted, number = f"{name}.{number}", number + 1
        fresh.append(wanted)
    return fresh


def _rename(operations: list[etree._Element], fresh: list[str]) -> None:
    for operation, name in zip(operations, fresh, strict=False):
        operation.set("name", name)


def gaps(roots: Mapping[str, etree._Element], document: Any) -> dict[str, str]:
    """Return the operations of SOAP bindings that cannot be called, each with what is missing.

    ``document`` is zeep's view, which leaves out what it cannot finish.
    """
    usable = {
        (str(name), one)
        for definition in document._definitions.values()
        for name, binding in definition.bindings.items()
        for one in getattr(binding, "_operations", {})
    }
    messages = {one.get("name", ""): one for one in _holders(roots, "message")}
    missing: dict[str, str] = {}
    for holder in _holders(roots, "binding"):
        if all(holder.find(tag) is None for tag in _SOAP):
            continue
        space = holder.getroottree().getroot().get("targetNamespace", "")
        for operation in holder.iterfind(_OPERATION):
            name = operation.get("name", "")
            if (f"{{{space}}}{holder.get('name')}", name) not in usable:
                port_type = str(holder.get("type")).rpartition(":")[2]
                missing[name] = _cause(roots, port_type, name, messages)
    return missing


def _cause(
    roots: Mapping[str, etree._Element], port_type: str, name: str, messages: Mapping[str, etree._Element]
) -> str:
    for holder in _holders(roots, "portType"):
        if holder.get("name") != port_type:
            continue
        for operation in holder.iterfind(f"{_OPERATION}[@name='{name}']"):
            for part in operation:
                said = str(part.get("message", "")).rpartition(":")[2]
                if said and said not in messages:
                    return f"message {said!r} is not there"
                lacks = _lacks(roots, messages[said]) if said else ""
                if lacks:
                    return f"{lacks} of message {said!r} is not there"
            return "a part of its messages is not there"
        return f"the port type {port_type!r} has no such operation"
    return f"the port type {port_type!r} is not there"


def _lacks(roots: Mapping[str, etree._Element], message: etree._Element) -> str:
    """Return the element or type that a message's part names and no schema has, empty where there is none."""
    there = {
        (child.tag == f"{{{XSD}}}element", child.get("name"))
        for root in roots.values()
        for schema in root.iter(f"{{{XSD}}}schema")
        for child in schema
    }
    for part in message.iterfind(f"{{{WSDL}}}part"):
        for kind in ("element", "type"):
            prefix, _, name = part.get(kind, "").rpartition(":")
            built_in = part.nsmap.get(prefix or None) == XSD
            if name and not built_in and (kind == "element", name) not in there:
                return f"{kind} {name!r}"
    return ""


def in_a_sentence(missing: Mapping[str, str], total: int) -> str:
    """Return what is missing, in one sentence; empty where nothing is."""
    if not missing:
        return ""
    some = "; ".join(f"{name}: {what}" for name, what in list(missing.items())[:_MOST_NAMED])
    more = f"; and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    return f"the WSDL is incomplete: {len(missing)} of {total} operations cannot be called ({some}{more})"
