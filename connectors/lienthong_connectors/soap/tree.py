"""A description as a tree for people: services, ports, bindings, operations, members and their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lienthong.errors import Misconfigured, UnknownName
from lienthong_connectors.soap.contract import Contracts, in_words
from lienthong_connectors.soap.documents import WSDL
from lienthong_connectors.soap.facets import Schema
from lienthong_connectors.soap.wsdl import Description, operations_of, version_of

if TYPE_CHECKING:
    from rich.tree import Tree


def draw(description: Description, only: str = "") -> Tree:
    """Return the tree of a description; ``only`` limits it to operations of that name.

    What an element holds is drawn where it first stands, and referred to where it stands again. Raises
    `UnknownName` where there is no such operation.
    """
    from rich.markup import escape
    from rich.tree import Tree

    check_operation(description, only)
    documents = description.documents
    drawer = _Drawer(description)
    root = Tree(f"[bold]{escape(documents.main)}[/]")
    root.add(f"{len(documents.own)} documents, digest {documents.digest}")
    if description.incomplete:
        root.add(f"[bold red]{escape(description.incomplete)}[/]")
    for service in description.document.services.values():
        branch = root.add(f"service [bold]{escape(service.name)}[/]")
        for port in service.ports.values():
            binding: Any = port.binding
            if not hasattr(binding, "nsmap"):
                branch.add(f"port {escape(port.name)}: not SOAP")
                continue
            address = escape(str(port.binding_options.get("address", "")))
            leaf = branch.add(f"port [bold]{escape(port.name)}[/]  {_words(description, binding)}  {address}")
            for operation in binding.all().values():
                if only in ("", operation.name):
                    drawer.operation(leaf, operation)
    return root


def check_operation(description: Description, name: str) -> None:
    """Raise `UnknownName` for an operation that a description has not; an empty name is none."""
    there = list(dict.fromkeys(operation.name for _, operation, _ in operations_of(description.document)))
    if not name or name in there:
        return
    if name in description.missing:
        raise Misconfigured(
            f"operation {name!r} cannot be called: {description.missing[name]}",
            where="--operation",
            hint="ask the agency for the whole WSDL",
        )
    raise UnknownName(
        f"there is no operation {name!r}", where="--operation", hint=f"there is: {', '.join(there) or 'none'}"
    )


def style_and_use(description: Description, binding: Any) -> tuple[str, str]:
    """Return how a binding's messages are written: ``document`` or ``rpc``, ``literal`` or ``encoded``."""
    styles = {operation.style for operation in binding.all().values()}
    name = str(binding.name).rpartition("}")[2]
    uses = {
        body.get("use", "literal")
        for root in description.roots.values()
        for element in root.iter(f"{{{WSDL}}}binding")
        if element.get("name") == name
        for body in element.iterfind(".//{*}body")
    }
    return "/".join(sorted(styles)), "/".join(sorted(uses)) or "literal"


def _words(description: Description, binding: Any) -> str:
    style, use = style_and_use(description, binding)
    return f"binding {str(binding.name).rpartition('}')[2]}, SOAP {version_of(binding)}, {style}/{use}"


class _Drawer:
    """Draws operations; what was drawn before is named, so that a tree is as long as its description."""

    def __init__(self, description: Description) -> None:
        self._contracts, self._originals = Contracts.of(description), description.overloads
        self._drawn: dict[int, tuple[Schema, str]] = {}

    def operation(self, branch: Tree, operation: Any) -> None:
        """Draw one operation with its request and answer."""
        from rich.markup import escape

        action = f'  SOAPAction "{escape(operation.soapaction)}"' if operation.soapaction else ""
        original = self._originals.get(operation.name, "")
        other = f"  [dim]one of several {escape(original)}[/]" if original else ""
        leaf = branch.add(f"operation [bold cyan]{escape(operation.name)}[/]{action}{other}")
        for word, message in (("request", operation.input), ("answer", operation.output)):
            name, schema = self._contracts.message(message)
            self._members(leaf.add(f"{word} {escape(name) or 'nothing'}"), schema, name)

    def _members(self, branch: Tree, schema: Schema, path: str) -> None:
        from rich.markup import escape

        for name, child in schema.get("properties", {}).items():
            inner = child.get("items", child)
            mark = "" if name in schema.get("required", ()) else "?"
            many = "[]" if "items" in child else ""
            words = in_words({word: value for word, value in inner.items() if word != "items"})
            before = self._seen(inner, f"{path}.{name}")
            like = f", as in {escape(before)}" if before else ""
            leaf = branch.add(f"{escape(name + many)}{mark}  [dim]{escape(words)}{like}[/]")
            if not before:
                self._members(leaf, inner, f"{path}.{name}")

    def _seen(self, schema: Schema, path: str) -> str:
        """Return where a schema with members of members was drawn before, empty where it was not."""
        properties = schema.get("properties", {})
        if not any(one.get("items", one).get("properties") for one in properties.values()):
            return ""
        before = self._drawn.get(id(properties))
        if before is None:
            self._drawn[id(properties)] = properties, path
        return before[1] if before else ""
