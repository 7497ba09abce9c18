"""Bodies with their personal values replaced: JSON, XML, forms; of anything else only its size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from lxml import etree

from lienthong.recording.masks import Masks

Masked = dict[str, Any]
"""A body as it is recorded: ``{"json": …}``, ``{"text": …}`` or ``{"left_out": bytes}``; empty for none."""


def masked_body(body: bytes, media: str, masks: Masks) -> Masked:
    """Return a body fit for a recording."""
    if not body:
        return {}
    kind = media.partition(";")[0].strip().lower()
    if kind.endswith("json") and "ndjson" not in kind:
        value = _json(body)
        return {"left_out": len(body)} if value is _BROKEN else {"json": masked_value(value, masks)}
    if "ndjson" in kind or kind == "application/jsonl":
        return _lines(body, masks)
    if kind.endswith("xml"):
        return _xml(body, masks)
    if kind == "application/x-www-form-urlencoded":
        return {"text": masked_pairs(body.decode("utf-8", "replace"), masks)}
    if kind == "text/plain":
        return {"text": masks.free(body.decode("utf-8", "replace"))}
    return {"left_out": len(body)}


def masked_value(value: Any, masks: Masks, name: str = "", *, within: bool = False) -> Any:
    """Return a JSON value with what is personal replaced, whatever lies below a personal name included."""
    if isinstance(value, Mapping):
        inside = within or (bool(name) and masks.is_personal(name))
        return {
            masks.free(str(key)): masked_value(item, masks, str(key), within=inside)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [masked_value(item, masks, name, within=within) for item in value]
    if (
        isinstance(value, str)
        and value.startswith(("{", "[", "<"))
        and (inner := _nested(value, masks)) is not None
    ):
        return inner
    return masks.leaf(name, value, within=within)


def masked_pairs(query: str, masks: Masks) -> str:
    """Return a query or form with its values replaced by name."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, str(masks.leaf(name, value))) for name, value in pairs])


class _Broken:
    """What stands for a text that is no JSON."""


_BROKEN = _Broken()


def _json(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return _BROKEN


def _nested(text: str, masks: Masks) -> str | None:
    """Return a document inside a text, masked in its own way; None where the text is no document."""
    if text[0] == "<":
        found = _xml(text.encode(), masks)
        return found.get("text")
    value = _json(text)
    return None if value is _BROKEN else json.dumps(masked_value(value, masks), ensure_ascii=False)


def _lines(body: bytes, masks: Masks) -> Masked:
    made = []
    for line in body.splitlines():
        value = _json(line) if line.strip() else ""
        if value is _BROKEN:
            return {"left_out": len(body)}
        made.append(json.dumps(masked_value(value, masks), ensure_ascii=False) if line.strip() else "")
    return {"text": "\n".join(made) + "\n"}


def _xml(body: bytes, masks: Masks) -> Masked:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return {"left_out": len(body)}
    _element(root, masks, within=False)
    return {"text": etree.tostring(root, encoding="unicode")}


def _element(element: etree._Element, masks: Masks, *, within: bool) -> None:
    name = str(element.tag)
    inside = within or masks.is_personal(name)
    if element.text and element.text.strip():
        element.text = str(masked_value(element.text, masks, name.rpartition("}")[2], within=within))
    for key, value in element.attrib.items():
        if not str(key).startswith("{http://www.w3.org/"):
            element.set(key, str(masks.leaf(str(key), str(value), within=within)))
    for child in list(element):
        if child.tail and child.tail.strip():  # text between elements belongs to the one around them
            child.tail = str(masks.leaf(name.rpartition("}")[2], child.tail, within=within))
        if isinstance(child.tag, str):
            _element(child, masks, within=inside)
        elif child.tag is etree.Comment or child.tag is etree.ProcessingInstruction:
            _without(element, child)


def _without(element: etree._Element, note: etree._Element) -> None:
    """Take a comment or an instruction out and leave the text behind it."""
    before = note.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (note.tail or "")
    else:
        element.text = (element.text or "") + (note.tail or "")
    note.tail = None
    element.remove(note)
