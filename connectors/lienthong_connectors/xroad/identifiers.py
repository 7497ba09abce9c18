"""X-Road identifiers: members, subsystems, services (PR-MESS section 2.1, PR-REST section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from lienthong.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Member:
    """A member or one of its subsystems. ``str()`` is the path of its percent-encoded parts."""

    instance: str
    member_class: str
    member_code: str
    subsystem: str = ""

    @classmethod
    def parse(cls, text: str, *, where: str) -> Member:
        """Read ``instance/class/member[/subsystem]``; raise `Misconfigured` where it is none."""
        return cls(*parts_of(text, 3, 4, where=where, form="instance/class/member/subsystem"))

    @property
    def parts(self) -> tuple[str, ...]:
        """Its parts in their order, as they are."""
        every = (self.instance, self.member_class, self.member_code, self.subsystem)
        return tuple(part for part in every if part)

    @property
    def object_type(self) -> str:
        """The protocol's word for what this is."""
        return "SUBSYSTEM" if self.subsystem else "MEMBER"

    def __str__(self) -> str:
        return encoded(self.parts)


@dataclass(frozen=True, slots=True)
class ServiceId:
    """A service of a provider; ``version`` exists in the SOAP protocol only."""

    provider: Member
    code: str
    version: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the REST protocol's service id."""
        return (*self.provider.parts, self.code)

    def __str__(self) -> str:
        return encoded(self.parts)


def encoded(parts: tuple[str, ...]) -> str:
    """Return parts as a path, each percent-encoded by itself in UTF-8 (PR-REST section 4.2)."""
    return "/".join(quote(part, safe="") for part in parts)


def parts_of(text: str, least: int, most: int, *, where: str, form: str) -> tuple[str, ...]:
    """Return the decoded parts of an identifier; raise `Misconfigured` where it has not that form."""
    parts = tuple(unquote(part) for part in text.strip().split("/"))
    sound = all(part.isprintable() and part.strip() for part in parts)
    if not least <= len(parts) <= most or not sound:
        raise Misconfigured(
            "an X-Road identifier is malformed",
            where=where,
            hint=f"give {form}, with a slash inside a part written %2F",
        )
    return parts
