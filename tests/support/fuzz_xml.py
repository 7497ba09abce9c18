"""Made-up XML documents, read by our reader in pieces of any size and by lxml at once: both must agree.

A seed says everything. `difference` tells how a seed's document is read differently, or nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from lienthong_connectors.xml.reader import RecordReader, XmlLimits

MSDATA: Final = "urn:schemas-microsoft-com:xml-msdata"
DIFFGRAM: Final = "urn:schemas-microsoft-com:xml-diffgram-v1"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
SPACES: Final = {"p": "urn:p", "q": "urn:q", "m": MSDATA, "d": DIFFGRAM, "i": XSI}
RECORD: Final = "r"
DEEPEST: Final = 8

_NAMES = ("a", "b", "c", "p:a", "q:b", "id", RECORD)
_ATTRIBUTES = ("x", "id", "p:id", "q:id", "a", "_text", "d:id", "m:rowOrder", "i:nil")
_LETTERS = "abé<>&\"' \n\r\t]-!?[ữ\U00010437"
_ODD = ("<!-- x -->", "]]", "<![CDATA[", "-->", "--", "]]>", "</r>", "&amp;", "\r\n", "é" * 20, "x" * 70)


@dataclass(frozen=True)
class Case:
    """A document, what of it is declared to be lists, and the sizes of the pieces in which it comes."""

    data: bytes
    lists: frozenset[str]
    sizes: tuple[int, ...]


def case_of(seed: int) -> Case:
    """Return the case that a seed stands for."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    writer = _Writer(rng)
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "iso-8859-1"))
    declared = "".join(f' xmlns:{prefix}="{space}"' for prefix, space in SPACES.items())
    inner = "".join(writer.part() for _ in range(rng.randint(1, 4)))
    text = f'<?xml version="1.0" encoding="{encoding}"?><w{declared}>{inner}<t>1</t></w>'
    data = text.encode(encoding, "xmlcharrefreplace")
    longest = rng.choice((1, 3, 20, 400))
    lists = frozenset(name for name in ("a", "b", "c", "id") if rng.random() < 0.2)
    return Case(data, lists, tuple(rng.randint(1, longest) for _ in range(20)))


class _Writer:
    """Writes what is legal XML, in the ways that are seldom seen."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def part(self) -> str:
        """Return a record, a rowset of DiffGrams, or a part of the frame with records in it."""
        kind = self._rng.random()
        if kind < 0.6:
            return self.element(RECORD, 1)
        inner = "".join(self.element(RECORD, 3) for _ in range(self._rng.randint(0, 3)))
        if kind < 0.8:
            return f"<d:diffgram><s>{inner}</s><d:before>{inner}</d:before><d:errors/></d:diffgram>"
        return f"<f>{inner}{self.text()}</f>"

    def element(self, name: str, depth: int) -> str:
        """Return an element with everything in it."""
        rng = self._rng
        tag = name + "".join(f" {one}" for one in self.attributes()) + self.declared(name)
        kind = rng.random()
        if depth < DEEPEST and kind < (0.85 if depth < 3 else 0.4):
            names = [rng.choice(_NAMES) for _ in range(rng.randint(1, 3))]
            names += rng.choices(names, k=rng.randint(0, 2))  # lists
            inner = self.gap().join(self.element(one, depth + 1) for one in names)
            return f"<{tag}>{self.gap()}{inner}{self.gap()}</{name}>"
        if kind > 0.9:
            return rng.choice((f"<{tag}/>", f"<{tag} />", f"<{tag}></{name} >"))
        return f"<{tag}>{self.text()}</{name}>"

    def attributes(self) -> list[str]:
        """Return attributes, the same name in several namespaces among them."""
        if self._rng.random() < 0.6:
            return []
        chosen = self._rng.sample(_ATTRIBUTES, self._rng.randint(1, 4))
        return [f'{name}="{_attribute(self.letters())}"' for name in chosen]

    def declared(self, name: str) -> str:
        """Return a namespace that holds from this element on."""
        if ":" in name or self._rng.random() < 0.85:
            return self._rng.choice(("", ' xmlns:p="urn:other"')) if self._rng.random() < 0.2 else ""
        return ' xmlns="urn:inner"' if name != RECORD else ""

    def gap(self) -> str:
        """Return what stands between tags and is no data."""
        return self._rng.choice(("", "", "\n  ", "<!-- <r> ]]> -->", "\r\n<!---->"))

    def letters(self) -> str:
        """Return text, and what looks like markup."""
        rng = self._rng
        return "".join(
            rng.choice(_ODD) if rng.random() < 0.2 else rng.choice(_LETTERS) for _ in range(rng.randint(0, 6))
        )

    def text(self) -> str:
        """Return text written in several ways one after the other."""
        return "".join(self._written(self.letters()) for _ in range(self._rng.randint(0, 3)))

    def _written(self, text: str) -> str:
        how = self._rng.randint(0, 3)
        if how == 0:
            return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"
        table = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
        if how == 1:
            table |= {"a": "&#97;", "é": "&#xE9;", "\r": "&#13;"}
        plain = "".join(table.get(letter, letter) for letter in text)
        return plain + ("<!-- </r><![CDATA[ & -->" if how == 2 else "")


def _attribute(text: str) -> str:
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), ('"', "&quot;"), ("\n", "&#10;")):
        text = text.replace(sign, written)
    return text


def ours(case: Case, **options: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return what our reader makes of a case: records and frame."""
    reader = RecordReader(RECORD, {}, XmlLimits(), lists=case.lists, envelope=False, **options)
    records: list[Any] = []
    at = turn = 0
    while at < len(case.data):
        size = case.sizes[turn % len(case.sizes)]
        records += reader.feed(case.data[at : at + size])
        at, turn = at + size, turn + 1
    return records, reader.close()


def by_lxml(case: Case) -> tuple[list[Any], Any]:
    """Say independently what a document is worth: its records, and the last part of its frame."""
    tree = etree.fromstring(case.data, etree.XMLParser(remove_comments=True, huge_tree=True))
    for past in [one for one in tree.iter() if one.tag in (f"{{{DIFFGRAM}}}before", f"{{{DIFFGRAM}}}errors")]:
        past.getparent().remove(past)  # type: ignore[union-attr]
    found = {one: None for one in tree.iter() if _local(one) == RECORD}
    outer = [one for one in found if not any(above in found for above in one.iterancestors())]
    values = [_worth(one, case.lists) for one in outer]
    return [value if isinstance(value, dict) else {"_text": value} for value in values], tree.findtext("t")


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _worth(element: etree._Element, lists: frozenset[str]) -> Any:
    children: dict[str, list[Any]] = {}
    for child in element:
        children.setdefault(_local(child), []).append(_worth(child, lists))
    members = _attributes(element, children)
    for key, values in children.items():
        if len(values) > 1 or key in lists:
            members[key] = values
        elif values[0] is not None:
            members[key] = values[0]
    if len(element):
        return members
    text = element.text or None
    if not members:
        return text
    return members if text is None else members | {"_text": text}


def _attributes(element: etree._Element, children: dict[str, list[Any]]) -> dict[str, str]:
    """Name attributes by the rule: a child has a name before them, what has no namespace before the rest."""
    given = [(etree.QName(name), str(value)) for name, value in element.items()]
    given = [one for one in given if one[0].namespace not in (MSDATA, DIFFGRAM, XSI)]
    taken = set(children) | {"_text", "_type"}
    members: dict[str, str] = {}
    for qualified in (False, True):
        for name, value in given:
            if bool(name.namespace) is qualified:
                free = name.localname not in taken
                taken.add(name.localname)
                members[name.localname if free else name.text if qualified else f"@{name.localname}"] = value
    return members


def difference(seed: int) -> str:
    """Return how a seed's document is read otherwise than by lxml; empty where it is not."""
    case = case_of(seed)
    expected, last = by_lxml(case)
    records, frame = ours(case)
    if records == expected and frame.get("t") == last:
        return ""
    return f"seed {seed}: {case.data!r} in {case.sizes}:\n{records}\ninstead of\n{expected}"
