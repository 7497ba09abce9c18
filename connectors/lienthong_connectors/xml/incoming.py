"""Bytes of a document become text that is proved to be well-formed XML, and cannot do harm.

expat (from the standard library) proves every piece, with namespaces and without a document type, and
builds nothing. Bytes that are not in the document's encoding do not stop it: each becomes a lone
surrogate in the text, which no other text holds, so that the record that holds it can be set aside.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import Any, Final, NoReturn
from xml.parsers import expat

from lienthong_connectors.xml.encodings import accepted, without_lead
from lienthong_connectors.xml.hidden import Hidden
from lienthong_connectors.xml.shape import refuse

_DECLARED: Final = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_PROLOG: Final = re.compile(rb"(?:\s++|<!--.*?-->|<\?.*?\?>)*+<([^?!]|!D)", re.DOTALL)
_LONGEST_PROLOG: Final = 16_384
_LONGEST_COMMENT: Final = 4 << 20
_ESCAPED: Final = re.compile("[\udc80-\udcff]")


class Incoming:
    """Takes bytes, gives text: line ends as LF, CDATA as escaped text, no comments.

    ``encoding`` is the transport's word, which goes before the document's own. ``broken`` tells whether
    any byte so far was not in the encoding (it is a lone surrogate in the text).
    """

    def __init__(self, encoding: str | None = None) -> None:
        self._encoding = encoding
        self._head: bytes | None = b""
        self._decoder: io.IncrementalNewlineDecoder | None = None
        self._expat = _checker()
        self._hidden = Hidden()
        self.broken = False

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """Return the text of the next bytes, as far as it is certain.

        Raises `ProtocolViolation` (``reason``: encoding, dtd, xml, forbidden-node, prolog, size).
        """
        if self._head is not None:
            if final:
                refuse("the answer does not start as XML does", "prolog")
            data = self._begin(data)
        if self._decoder is None:
            return ""
        text: str = self._decoder.decode(data, final)
        try:
            proved = text.encode()
        except UnicodeEncodeError:
            self.broken = True
            proved = _ESCAPED.sub("\ufffd", text).encode()
        try:
            self._expat.Parse(proved, final)
            said = self._hidden.feed(text, final=final)
        except expat.ExpatError as error:
            refuse(f"the answer is not well-formed XML (line {error.lineno})", "xml")
        except ValueError:
            refuse("the answer is not well-formed XML", "xml")
        if self._hidden.comment > _LONGEST_COMMENT:
            refuse(f"a comment is longer than {_LONGEST_COMMENT} characters", "size")
        return said

    def _begin(self, data: bytes) -> bytes:
        """Hold the document back until its prolog is known to be harmless."""
        head = (self._head or b"") + data
        bare = without_lead(head)
        found = _PROLOG.match(bare)
        if found is None:
            if len(head) > _LONGEST_PROLOG or bare[:1] not in (b"<", b"", b"\xef"):
                refuse("the answer does not start as XML does", "prolog")
            self._head = head
            return b""
        if found.group(1) == b"!D":
            refuse("the answer has a document type declaration", "dtd")
        declared = _DECLARED.match(bare)
        name = accepted(self._encoding or (declared.group(1).decode() if declared else "utf-8"))
        if not name:
            refuse("the answer's character encoding is not accepted", "encoding")
        decoder = codecs.getincrementaldecoder(name)("surrogateescape")
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._head = None
        return bare


def _checker() -> expat.XMLParserType:
    """Return a parser that builds nothing and refuses document types and instructions."""
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.ProcessingInstructionHandler = _no_instruction
    if hasattr(parser, "SetReparseDeferralEnabled"):
        parser.SetReparseDeferralEnabled(False)
    return parser


def _no_doctype(*_: Any) -> NoReturn:
    refuse("the answer has a document type declaration", "dtd")


def _no_instruction(*_: Any) -> NoReturn:
    refuse("the answer holds a processing instruction", "forbidden-node")
