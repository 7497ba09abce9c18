"""The little of SOAP that the simulated services need: read, check, answer, describe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from xml.sax.saxutils import escape

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
_TYPES = {SOAP11: "text/xml", SOAP12: "application/soap+xml"}


@dataclass
class SoapError(Exception):
    """A refusal that travels as a SOAP fault; ``code`` and ``text`` are the service's own."""

    code: str
    text: str
    status: int = 500
    sender: bool = True


def parse(raw: bytes, namespace: str) -> etree._Element:
    """Return the one element inside the Body of an envelope of the given SOAP version.

    Entities are not resolved and nothing is fetched. Raises :class:`SoapError` when the bytes are
    no such envelope.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise SoapError("DL00", "Nội dung không phải XML hợp lệ", 400) from error
    bodies = root.findall(f"{{{namespace}}}Body")
    if root.tag != f"{{{namespace}}}Envelope" or len(bodies) != 1:
        raise SoapError("DL00", "Sai phiên bản SOAP hoặc thiếu Body", 400)
    return only_child(bodies[0], namespace)


def only_child(body: etree._Element, namespace: str) -> etree._Element:
    """Return the one element inside a Body; refuse a Body of another SOAP version or shape."""
    children = [child for child in body if isinstance(child.tag, str)]
    if body.tag != f"{{{namespace}}}Body" or len(children) != 1:
        raise SoapError("DL00", "Body phải có đúng một phần tử", 400)
    return children[0]


def operation_of(raw: bytes) -> str:
    """Return the local name of the first element in the Body, or ``unknown``; never raises."""
    try:
        root = etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True))
        body = next(child for child in root if etree.QName(child).localname == "Body")
        return str(etree.QName(body[0]).localname)
    except (etree.XMLSyntaxError, StopIteration, ValueError, IndexError):
        return "unknown"


def text(element: etree._Element, name: str) -> str:
    """Return the text of a child by local name, or an empty string."""
    for child in element:
        if isinstance(child.tag, str) and etree.QName(child).localname == name:
            return child.text or ""
    return ""


@cache
def _schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(wsdl_file(name)))


def check(element: etree._Element, schema: str) -> None:
    """Check a request against a shipped schema, element order included.

    Raises :class:`SoapError` DL01 with the schema's own words.
    """
    validator = _schema(schema)
    if not validator.validate(etree.fromstring(etree.tostring(element))):
        raise SoapError("DL01", f"Thông điệp không đúng cấu trúc: {validator.error_log}")


def wsdl_file(name: str) -> bytes:
    """Return a WSDL or XSD that ships with the sandbox."""
    return files("lienthong_sandbox").joinpath("wsdl", name).read_bytes()


def wrap(inner: str, namespace: str) -> bytes:
    """Return an envelope around an XML text."""
    return (head(namespace) + inner + TAIL).encode()


def head(namespace: str) -> str:
    """Return the envelope up to the content of its Body."""
    return f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{namespace}"><s:Body>'


TAIL = "</s:Body></s:Envelope>"
"""The rest of an envelope that :func:`head` began."""


def media_type(namespace: str) -> str:
    """Return the content type of a SOAP version."""
    return f"{_TYPES[namespace]}; charset=utf-8"


def fault_xml(fault: SoapError, namespace: str) -> str:
    """Return a fault in the words of its SOAP version; the service's code stands in the detail."""
    detail = (
        f'<e:LoiNghiepVu xmlns:e="http://dancuquocgia.bca"><e:MaLoi>{escape(fault.code)}</e:MaLoi>'
        f"<e:MoTa>{escape(fault.text)}</e:MoTa></e:LoiNghiepVu>"
    )
    if namespace == SOAP11:
        code = "s:Client" if fault.sender else "s:Server"
        inner = f"<faultcode>{code}</faultcode><faultstring>{escape(fault.text)}</faultstring>"
        return f"<s:Fault>{inner}<detail>{detail}</detail></s:Fault>"
    code = "s:Sender" if fault.sender else "s:Receiver"
    reason = f'<s:Reason><s:Text xml:lang="vi">{escape(fault.text)}</s:Text></s:Reason>'
    return (
        f"<s:Fault><s:Code><s:Value>{code}</s:Value></s:Code>{reason}<s:Detail>{detail}</s:Detail></s:Fault>"
    )


def fault_response(fault: SoapError, namespace: str) -> Response:
    """Return a fault as an HTTP answer."""
    return Response(
        wrap(fault_xml(fault, namespace), namespace), fault.status, media_type=media_type(namespace)
    )


def description(request: Request, service: str) -> Response:
    """Answer ``?wsdl`` and ``?xsd=<file>`` of a service, with addresses of this server.

    ``service`` is the stem of the WSDL file; only the files of the package are served.
    """
    name = request.query_params.get("xsd", f"{service}.wsdl")
    if "xsd" not in request.query_params and "wsdl" not in {k.lower() for k in request.query_params}:
        return Response("POST a SOAP envelope, or GET ?wsdl", 405, media_type="text/plain")
    known = {f.name for f in files("lienthong_sandbox").joinpath("wsdl").iterdir()}
    if name not in known:
        return Response("no such file", 404, media_type="text/plain")
    content = wsdl_file(name).decode()
    if name.endswith(".wsdl"):
        content = content.replace('schemaLocation="', 'schemaLocation="?xsd=')
        content = content.replace("http://127.0.0.1:18080/", str(request.base_url))
    return Response(content, media_type="text/xml; charset=utf-8")
