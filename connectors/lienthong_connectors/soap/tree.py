"""A description as a tree for people: services, ports, bindings, operations, members and their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lienthong_connectors.soap.contract import Contracts, in_words
from lienthong_connectors.soap.documents import WSDL
from lienthong_connectors.soap.facets import Schema
from lienthong_connectors.soap.wsdl import Description, version_of
from lienthong_connectors.soap.xsd import Schemas

if TYPE_CHECKING:
    from rich.tree import Tree


def draw(description: Description, only: str = "") -> Tree:
    """Return the tree of a description; ``only`` limits it to operations of that name."""
    from rich.markup import escape
    from rich.tree import Tree

    documents = description.documents
    contracts = Contracts(Schemas(description.roots))
    root = Tree(f"[bold]{escape(documents.main)}[/]")
    root.add(f"{len(documents.files)} documents, digest {documents.digest}")
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
                    _add_operation(leaf, operation, contracts)
    return root


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


def _add_operation(branch: Tree, operation: Any, contracts: Contracts) -> None:
    from rich.markup import escape

    action = f'  SOAPAction "{escape(operation.soapaction)}"' if operation.soapaction else ""
    leaf = branch.add(f"operation [bold cyan]{escape(operation.name)}[/]{action}")
    for word, message in (("request", operation.input), ("answer", operation.output)):
        name, schema = contracts.message(message)
        _add_members(leaf.add(f"{word} {escape(name) or 'nothing'}"), schema)


def _add_members(branch: Tree, schema: Schema) -> None:
    from rich.markup import escape

    for name, child in schema.get("properties", {}).items():
        inner = child.get("items", child)
        mark = "" if name in schema.get("required", ()) else "?"
        many = "[]" if "items" in child else ""
        words = in_words({word: value for word, value in inner.items() if word != "items"})
        leaf = branch.add(f"{escape(name + many)}{mark}  [dim]{escape(words)}[/]")
        _add_members(leaf, inner)
