"""The provincial gateway's token endpoint, ``POST /token`` (auth dialect A)."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from lienthong_sandbox.store import Store
from lienthong_sandbox.system import Call, System
from lienthong_sandbox.tokens import Issuer


class Gateway(System):
    """Grants the tokens that the national catalogue and the civil status service ask for."""

    name, prefix, title = "gateway", "/token", "Cổng API của tỉnh (cấp token)"

    def __init__(self, store: Store, issuer: Issuer) -> None:
        """Grant tokens out of ``issuer``."""
        self.issuer = issuer
        super().__init__(store)

    def seed(self) -> None:
        """Nothing to seed."""

    def operation(self, call: Call) -> str:  # noqa: ARG002 - one path, one operation
        """There is one operation."""
        return "token"

    def app(self) -> ASGIApp:
        """Return the app with its single path."""
        return Starlette(routes=[Route("/token", self.issuer.grant, methods=["POST"])])
