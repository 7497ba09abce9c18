"""CDATA sections and comments taken out of a text that arrives in pieces, in one pass."""

from __future__ import annotations

from typing import Final

_CDATA: Final = "<![CDATA["
_COMMENT: Final = "<!--"


class Hidden:
    """Writes CDATA sections as escaped text and leaves comments out.

    Both begin with ``<!``, which nothing else does in a well-formed document without a document type,
    and neither holds the other, wherever a piece ends. ``comment`` is how long the comment under way is.
    """

    def __init__(self) -> None:
        self.comment = 0
        self._end = ""
        self._held = ""

    def feed(self, text: str, *, final: bool = False) -> str:
        """Return what a piece says; what may be the beginning of a sign is held back.

        Raises `ValueError` for another declaration.
        """
        if not self._end and not self._held and "<!" not in text and text[-1:] != "<":
            return text
        text, self._held = self._held + text, ""
        said: list[str] = []
        at = 0
        while at < len(text):
            at = self._inside(text, at, said) if self._end else self._outside(text, at, said, final=final)
        return "".join(said)

    def _outside(self, text: str, at: int, said: list[str], *, final: bool) -> int:
        """Take the text up to the next section; return where it goes on."""
        begin = text.find("<!", at)
        if begin < 0:
            held = text[-1] == "<" and not final
            said.append(text[at : len(text) - held])
            self._held = "<" if held else ""
            return len(text)
        said.append(text[at:begin])
        for sign, end in ((_CDATA, "]]>"), (_COMMENT, "-->")):
            if text.startswith(sign, begin):
                self._end = end
                return begin + len(sign)
        if final or (not _CDATA.startswith(text[begin:]) and not _COMMENT.startswith(text[begin:])):
            raise ValueError
        self._held = text[begin:]
        return len(text)

    def _inside(self, text: str, at: int, said: list[str]) -> int:
        """Take what is inside a section; two characters may be the beginning of its end."""
        stop = text.find(self._end, at)
        upto = stop if stop >= 0 else max(at, len(text) - 2)
        if self._end == "]]>":
            said.append(escape(text[at:upto]))
        else:
            self.comment += upto - at
        if stop < 0:
            self._held = text[upto:]
            return len(text)
        self._end, self.comment = "", 0
        return stop + 3


def escape(text: str) -> str:
    """Return a text as it stands in XML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
