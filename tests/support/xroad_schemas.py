"""The schemas that X-Road publishes, from the files beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import etree

FILES = Path(__file__).parents[1] / "fixtures/xroad"
XML = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">
<xs:attribute name="lang" type="xs:language"/></xs:schema>"""


class Local(etree.Resolver):
    """Resolves what the published schemas import from the files beside them."""

    def resolve(self, url: str, _id: str, context: Any) -> Any:
        name = str(url).rpartition("/")[2]
        text = XML if name == "xml.xsd" else (FILES / name).read_text(encoding="utf-8")
        return self.resolve_string(text, context)


def schema(name: str) -> etree.XMLSchema:
    """Return a published schema."""
    parser = etree.XMLParser()
    parser.resolvers.add(Local())
    return etree.XMLSchema(etree.fromstring((FILES / name).read_bytes(), parser))
