"""Small edXML documents (QCVN 102:2016/BTTTT) for the simulated document bus."""

from __future__ import annotations

from xml.sax.saxutils import escape

LARGEST = 50 * 1024 * 1024
"""Bytes of the largest file that the bus takes."""

TITLES = (
    "Về việc kết nối hệ thống thông tin giải quyết thủ tục hành chính",
    "Ban hành kế hoạch chuyển đổi số năm 2026",
    "Về việc rà soát mã định danh điện tử của cơ quan",
    "Hướng dẫn số hóa kết quả giải quyết thủ tục hành chính",
    "Về việc báo cáo tình hình kết nối, chia sẻ dữ liệu",
    "Phê duyệt danh mục dữ liệu mở của tỉnh",
    "Về việc cập nhật danh mục đơn vị hành chính",
    "Mời họp triển khai trục liên thông văn bản",
    "Về việc bảo đảm an toàn thông tin cấp độ 3",
    "Thông báo bảo trì hệ thống",
    "Về việc cử cán bộ tham gia tập huấn",
    "Văn bản không có nơi gửi",
)
"""Subjects of the documents, one each."""


def document_text(code: str, title: str, sender: str, receiver: str) -> str:
    """Return a document's edXML text: who sends what to whom, without attachments."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<edXML:edXML xmlns:edXML="http://www.e-doc.vn/Schema/"><edXML:edXMLEnvelope><edXML:edXMLHeader>'
        f"<edXML:MessageHeader><edXML:From><edXML:OrganId>{escape(sender)}</edXML:OrganId></edXML:From>"
        f"<edXML:To><edXML:OrganId>{escape(receiver)}</edXML:OrganId></edXML:To>"
        f"<edXML:Code><edXML:CodeNotation>{escape(code)}</edXML:CodeNotation></edXML:Code>"
        f"<edXML:Subject>{escape(title)}</edXML:Subject></edXML:MessageHeader>"
        "</edXML:edXMLHeader></edXML:edXMLEnvelope></edXML:edXML>"
    )
