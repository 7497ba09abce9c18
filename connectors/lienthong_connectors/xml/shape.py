"""What an element becomes in JSON: its member name, list or not, text or number.

A `Shape` is compiled from a schema once, or learned from the document itself where there is none
(everything is text then, and what repeats within its parent becomes a list). It is what makes
conversion cheap: one look-up by the element's full name tells all there is to know.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

from lienthong.errors import ProtocolViolation

Converter = Callable[[str], Any]

#: Member that holds an element's own text beside attributes or children.
TEXT_MEMBER = "_text"
#: Member that holds the name of an element's type, where it is not the declared one but derives from it.
TYPE_MEMBER = "_type"
#: Member that holds what stands for an attachment (XOP 1.0, section 2.1); no element's own name has a colon.
INCLUDE_MEMBER = "xop:Include"
_MOST_NAMES = 5_000
_EXACT = 2**53 - 1
# what int() takes beyond that (underscores, digits of other scripts) is no xsd:integer
_INTEGER = re.compile(r"[ \t\r\n]*[+-]?[0-9]{1,4000}[ \t\r\n]*")
_INCLUDE = "{http://www.w3.org/2001/XInclude}"
_XOP_INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"


class Shape:
    """One element of an answer.

    ``key``: member name in the record. ``many``: always a list. ``convert``: text to JSON value,
    None for text as it is. ``plain``: a simple type without attributes. ``kids`` are the children
    by Clark name (``{namespace}local``), ``attributes`` the converters of attributes. ``lists``
    are local names that are lists wherever they are learned, ``type`` is the Clark name of the type if
    others may stand in its place.
    """

    __slots__ = ("_learned", "attributes", "convert", "key", "kids", "lists", "many", "plain", "type")

    def __init__(
        self,
        key: str,
        *,
        many: bool = False,
        convert: Converter | None = None,
        plain: bool = False,
        lists: frozenset[str] = frozenset(),
    ) -> None:
        self.key, self.many, self.convert, self.plain, self.lists = key, many, convert, plain, lists
        self.kids: dict[str, Shape] = {}
        self.attributes: dict[str, Converter] = {}
        self.type = ""
        self._learned = [0]

    def typed(self, other: Shape) -> Shape:
        """Return the shape of this element where it says (xsi:type) that it is of another type."""
        made = Shape(self.key, many=self.many, convert=other.convert, plain=other.plain, lists=self.lists)
        made.kids, made.attributes, made._learned = other.kids, other.attributes, self._learned
        return made

    def learn(self, name: Any) -> Shape:
        """Return the shape of a child that is not known yet, and remember it.

        Raises `ProtocolViolation` for XInclude, and for a document with thousands of names.
        """
        if not isinstance(name, str) or name.startswith(_INCLUDE):
            refuse("the answer holds an inclusion, an entity or an instruction", "forbidden-node")
        self._learned[0] += 1
        if self._learned[0] > _MOST_NAMES:
            refuse(f"the answer has more than {_MOST_NAMES} element names", "names")
        key = member_of(name)
        kid = Shape(key, many=key in self.lists, lists=self.lists)
        kid._learned = self._learned
        self.kids[name] = kid
        return kid


def member_of(name: str) -> str:
    """Return the member that an element with this Clark name becomes."""
    return INCLUDE_MEMBER if name == _XOP_INCLUDE else local(name)


def local(name: str) -> str:
    """Return the local part of a Clark name."""
    return name.rpartition("}")[2]


def as_integer(text: str) -> int | str:
    """Return an xsd:integer as a number where JSON carries it exactly, else the text unchanged."""
    if not _INTEGER.fullmatch(text):
        return text
    number = int(text)
    return number if -_EXACT <= number <= _EXACT else text


def as_boolean(text: str) -> bool | str:
    """Return an xsd:boolean, or the text unchanged where it is none."""
    return _BOOLEANS.get(text.strip(), text)


def as_container(text: str) -> str | None:
    """Return the text of an element that should have had children: blanks between tags are none."""
    return None if text.isspace() else text


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def refuse(message: str, reason: str) -> NoReturn:
    """Raise the `ProtocolViolation` of a hostile or broken document; ``reason`` is a stable word."""
    raise ProtocolViolation(message, where="XML answer", hint="tell the agency", reason=reason)
