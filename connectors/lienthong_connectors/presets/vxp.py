"""The national document bus (Trục liên thông văn bản quốc gia), auth dialect E."""

from __future__ import annotations

from collections.abc import Mapping

from lienthong_connectors.rest import Envelope, RestSource, RestTarget

#: The bus's envelope: ``ErrorCode`` 0 is a success, 100 an exception told in ``ErrorDesc``.
VXP_ANSWER = Envelope(code_path="ErrorCode", ok_values=("0",), message_path="ErrorDesc")

_EDOC = {"servicetype": "eDoc", "messagetype": "edoc"}


def vxp_received() -> RestSource:
    """Return the source of the documents that wait for us; those done with are not listed again."""
    return RestSource(path="/getReceivedEdocList", records="data", headers=_EDOC, envelope=VXP_ANSWER)


def vxp_status(status: str = "done", *, document: str = "docId") -> RestTarget:
    """Return the target that tells the bus what became of each document (``processing``, ``done``, ``fail``).

    ``document`` names the record's field with the bus's number. Saying the same again changes nothing.
    """
    return _action("updateStatus", {"docId": f"$record.{document}", "status": status}, text="")


def vxp_send(*, sender: str, file: str) -> RestTarget:
    """Return the target that sends one edXML file per record, of at most 50 MB.

    ``sender`` and ``file`` name the record's fields with the sending agency's code and the file's
    text; the connection's authentication adds the file's hash.
    """
    return _action("sendEdoc", {**_EDOC, "from": f"$record.{sender}"}, text=file)


def _action(name: str, headers: Mapping[str, str], *, text: str) -> RestTarget:
    return RestTarget(
        path=f"/{name}",
        mode="single",
        text=text,
        headers=headers,
        key_header="",
        envelope=VXP_ANSWER,
        reference="DocId",
        repeatable=name == "updateStatus",
    )
