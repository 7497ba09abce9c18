"""One operation of a WSDL, compiled: all that requests and answers need, without zeep.

A compiled operation is plain data. It is kept as JSON (see `descriptions`), so that a process that
reads a large answer, or writes a large request, neither parses schemas nor loads what parses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

ANY: Final = -1
"""The kind of an element whose content the schema leaves open (xsd:anyType)."""

VALUE: Final = "_value_1"
"""Member that holds what has no name: a text beside attributes, the turns of a repeated group."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element: Clark name, the member that gives its value, index of its kind, how often it comes.

    ``most`` 0 means without bound.
    """

    name: str
    member: str
    kind: int = ANY
    least: int = 1
    most: int = 1
    nillable: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A content model (XML Schema 1.0, part 1, section 3.8); ``member`` names the turns of a repeated one."""

    order: Literal["sequence", "choice", "all"]
    items: tuple[Element | Group, ...]
    least: int = 1
    most: int = 1
    member: str = ""

    def elements(self, *, many: bool = False) -> Iterator[tuple[Element, bool]]:
        """Yield all elements, and whether each, or something around it, repeats."""
        many = many or self.most != 1
        for item in self.items:
            if isinstance(item, Group):
                yield from item.elements(many=many)
            else:
                yield item, many or item.most != 1


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: Clark name, member, ``text`` as in `Kind`."""

    name: str
    member: str
    text: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: ``text`` is None without text content, else ``integer``, ``boolean`` or empty for all else.

    ``open``: it has room for elements that the schema does not name (xsd:any). ``base`` is the type of XML
    Schema that its text is, or is derived from, without a prefix.
    """

    text: str | None = None
    content: Group | None = None
    attributes: tuple[Attribute, ...] = ()
    open: bool = False
    base: str = ""
    names: dict[str, Element | Attribute] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[str, Element | Attribute] = {one.member: one for one in self.attributes}
        if self.content is not None:
            found |= {one.member: one for one, _ in self.content.elements()}
        object.__setattr__(self, "names", found)


@dataclass(frozen=True, slots=True)
class Message:
    """What a message consists of: the Body's elements, and header blocks that the WSDL declares."""

    body: tuple[Element, ...] = ()
    headers: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class Described:
    """An operation: its names, its style, its messages and the kinds of their elements.

    ``addressing`` is the WS-Addressing action of the request, empty where none is declared.
    ``answer`` is None where there is no answer. ``encoded``: messages are in SOAP encoding. ``derived`` are
    the types that xsi:type may name in the answer in place of a declared one, by Clark name.
    """

    name: str
    version: str
    style: Literal["document", "rpc"]
    action: str
    addressing: str
    request: Message
    answer: Message | None
    kinds: tuple[Kind, ...] = field(default=(), repr=False)
    encoded: bool = False
    derived: dict[str, int] = field(default_factory=dict, repr=False)

    @property
    def one_way(self) -> bool:
        """Whether there is no answer."""
        return self.answer is None

    def kind(self, element: Element) -> Kind | None:
        """Return an element's kind, None where the schema leaves it open."""
        return None if element.kind == ANY else self.kinds[element.kind]


def dump(described: Described) -> bytes:
    """Return an operation as JSON."""
    return orjson.dumps(described, default=vars)


def restore(found: Mapping[str, Any]) -> Described:
    """Return the operation that `dump` wrote; raises ``KeyError`` and ``TypeError`` for anything else."""
    return Described(
        **{
            **found,
            "request": _message(found["request"]),
            "answer": None if found["answer"] is None else _message(found["answer"]),
            "kinds": tuple(_kind(one) for one in found["kinds"]),
        }
    )


def _message(found: Mapping[str, Any]) -> Message:
    body, headers = (tuple(Element(**one) for one in found[name]) for name in ("body", "headers"))
    return Message(body, headers)


def _kind(found: Mapping[str, Any]) -> Kind:
    content, attributes = found["content"], tuple(Attribute(**one) for one in found["attributes"])
    group = None if content is None else _group(content)
    return Kind(found["text"], group, attributes, found["open"], found["base"])


def _group(found: Mapping[str, Any]) -> Group:
    items = tuple(_group(one) if "items" in one else Element(**one) for one in found["items"])
    return Group(**{**found, "items": items})
