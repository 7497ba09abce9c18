"""A document as a tree for people: server, operations, parameters, members and their types, paging."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lienthong_connectors.openapi.contract import Contracts
from lienthong_connectors.openapi.credentials import connection_of
from lienthong_connectors.openapi.documents import Documents
from lienthong_connectors.openapi.finding import asks, listing, pages_of
from lienthong_connectors.openapi.operations import Description, Operation
from lienthong_connectors.openapi.resolving import Schema
from lienthong_connectors.soap.contract import in_words

if TYPE_CHECKING:
    from rich.tree import Tree

_MEMBERS = 300


def draw(documents: Documents, said: Description, only: str = "") -> Tree:
    """Return the tree of a description; ``only`` limits it to one operation, whose members are then shown."""
    from rich.markup import escape
    from rich.tree import Tree

    version = said.root.get("openapi") or said.root.get("swagger")
    root = Tree(f"[bold]{escape(said.title or documents.main)}[/]  {escape(str(version))}")
    root.add(f"{len(documents.files)} documents, digest {documents.digest}")
    root.add(f"server {escape(said.server) or 'not named'}")
    for one in said.operations:
        if only in ("", one.name):
            _add(root, said, one, whole=bool(only))
    return root


def _add(root: Tree, said: Description, one: Operation, *, whole: bool) -> None:
    from rich.markup import escape

    old = "  [dim]deprecated[/]" if one.deprecated else ""
    leaf = root.add(f"{one.method.upper()} {escape(one.path)}  [bold cyan]{escape(one.name)}[/]{old}")
    if one.summary and whole:
        leaf.add(escape(one.summary))
    found = listing(said, one) if asks(said.resolver, one) else None
    if found is not None:
        pages = pages_of(said.resolver, one)
        leaf.add(
            f"records at {escape(found[0]) or 'the answer itself'}; paging {pages.kind}: {escape(pages.why)}"
        )
    if not whole:
        return
    connection, remarks = connection_of(said, one)
    leaf.add(
        f"authentication {connection['extra']['auth']}{''.join(f'; {escape(said)}' for said in remarks)}"
    )
    for part in one.parameters:
        mark = "" if part.required else "?"
        leaf.add(
            f"{part.place} {escape(part.name)}{mark}  [dim]{escape(in_words(_plain(dict(part.schema))))}[/]"
        )
    for word, schema, media in (("request", one.asked, one.asked_media), ("answer", one.answered, one.media)):
        if schema is not None:
            made = Contracts(said.resolver, asked=word == "request").of(schema)
            branch = leaf.add(f"{word} {escape(media)}  [dim]{escape(in_words(made))}[/]")
            add_members(branch, made)


def add_members(branch: Tree, schema: Schema) -> None:
    """Add the members of a schema and their types, down to the last but not without end."""
    _members(branch, schema, [_MEMBERS])


def _members(branch: Tree, schema: Schema, left: list[int]) -> None:
    from rich.markup import escape

    schema = _inner(schema)
    for name, child in schema.get("properties", {}).items():
        if left[0] <= 0:
            branch.add("[dim]and more[/]")
            return
        left[0] -= 1
        inner = _inner(child)
        mark = "" if name in schema.get("required", ()) else "?"
        many = "[]" if "items" in child else ""
        leaf = branch.add(f"{escape(name + many)}{mark}  [dim]{escape(in_words(_plain(inner)))}[/]")
        _members(leaf, inner, left)


def _inner(schema: Schema) -> Schema:
    items = schema.get("items")
    return items if isinstance(items, dict) else schema


def _plain(schema: Schema) -> Schema:
    unsaid = ("items", "properties", "example", "examples", "default", "title")
    return {word: value for word, value in schema.items() if word not in unsaid}
