"""A SOAP service of the library spyne: ``python spyne_service.py 1.1|1.2``; prints its port, ends with stdin.

It is a process of its own, so that its warnings are not the tests'.
"""

from __future__ import annotations

import json
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

from spyne import Application, Array, ComplexModel, Fault, Integer, ServiceBase, Unicode, rpc
from spyne.protocol.soap import Soap11, Soap12
from spyne.server.wsgi import WsgiApplication

SPACE = "urn:spyne:people"


class Person(ComplexModel):
    """A made-up person."""

    __namespace__ = SPACE
    _type_info = [("id", Unicode(min_occurs=1, nullable=False)), ("name", Unicode), ("age", Integer)]


class Result(ComplexModel):
    """What became of a person."""

    __namespace__ = SPACE
    _type_info = [("code", Unicode), ("text", Unicode)]


class Caller(ComplexModel):
    """The header of a request."""

    __namespace__ = SPACE
    _type_info = [("agency", Unicode(min_occurs=1, nullable=False)), ("officer", Unicode)]


class People(ServiceBase):
    """Wrapped and bare operations."""

    kept: dict[str, Person] = {}

    @rpc(Integer, _returns=Array(Person))
    def listPeople(self, count):  # noqa: N802 - spyne reads the signature
        return [
            Person(id=f"{number:05}", name=f"Nguyễn Văn {number} & <con>", age=number)
            for number in range(count)
        ]

    @rpc(Array(Person), _returns=Result)
    def putPeople(self, people):  # noqa: N802 - spyne reads the signature
        People.kept.update({one.id: one for one in people})
        return Result(code="1", text=f"{len(People.kept)}")

    @rpc(Person, _returns=Result, _body_style="bare")
    def putPerson(self, person):  # noqa: N802 - spyne reads the signature
        if not (person.id or "").isdigit():
            raise Fault("Client.BadId", "mã số không hợp lệ", detail={"maLoi": "DL01"})
        if person.name == "crash":
            raise Fault("Server", "hỏng")
        return Result(code="1", text=f"{person.id}|{person.name}|{person.age}")


class Known(ServiceBase):
    """An operation that asks who calls."""

    __in_header__ = Caller

    @rpc(_returns=Result)
    def whoAmI(self):  # noqa: N802 - spyne reads the signature
        header = self.in_header
        return Result(code="1", text=f"{header.agency}|{header.officer}")


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    protocol = {"1.1": Soap11, "1.2": Soap12}[sys.argv[1]]
    application = Application(
        [People, Known], tns=SPACE, in_protocol=protocol(validator="lxml"), out_protocol=protocol()
    )
    server = make_server("127.0.0.1", 0, WsgiApplication(application), handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
