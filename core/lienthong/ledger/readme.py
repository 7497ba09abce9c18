"""The text that stands at the beginning of every bundle; part of its format, byte for byte.

A bundle with any statement of format 2 has the second text; a later text stands beside these.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from lienthong.ledger.fields import FORMAT_1

README_TEXT: Final = """\
lienthong-evidence/1

HỒ SƠ CHỨNG CỨ CỦA MỘT LƯỢT CHẠY
Kiểm tra ngoại tuyến:  lienthong verify <tệp này> --trust <chứng thư CA>

statements/   các tuyên bố đã ký (JWS, RFC 7515), mỗi bước một hoặc nhiều tuyên bố,
              tên tệp là số thứ tự trong sổ cái
documents/    thỏa thuận, hợp đồng dữ liệu, ánh xạ, giao nhận, cách ly; SHA-256 của từng
              tệp nằm trong tuyên bố của bước settle
leaves/       giá trị băm của từng bản ghi, 32 byte mỗi bản ghi: SHA-256(0x00 || bản ghi);
              gốc cây Merkle (RFC 9162 mục 2.1) của tệp nằm trong các tuyên bố
segments/     các bản ghi (NDJSON nén zstd), tên tệp là SHA-256 của tệp; có thể vắng mặt:
              phần còn lại vẫn kiểm tra được

EVIDENCE OF ONE RUN
Check it offline:  lienthong verify <this file> --trust <CA certificate>

statements/   signed statements (JWS, RFC 7515), one or more per step, named by their
              sequence in the ledger
documents/    agreement, data contracts, mapping, deliveries, quarantine; the SHA-256 of
              each stands in the statement of the settle step
leaves/       the hash of every record, 32 bytes each: SHA-256(0x00 || record); the
              Merkle root (RFC 9162 section 2.1) of each file stands in the statements
segments/     the records (NDJSON, zstd), named by the SHA-256 of the file; may be absent:
              the rest still verifies
""".encode()
"""Version 1 of the text, for bundles whose statements are all of format 1."""

README_TEXT_2: Final = """\
lienthong-evidence/2

HỒ SƠ CHỨNG CỨ CỦA MỘT LƯỢT CHẠY
Kiểm tra ngoại tuyến:  lienthong verify <tệp này> --trust <chứng thư CA>

statements/   các tuyên bố đã ký (JWS, RFC 7515), mỗi bước một hoặc nhiều tuyên bố, cùng
              việc do người vận hành làm (ai, vì sao, khi nào); tên tệp là số thứ tự trong
              sổ cái
documents/    thỏa thuận, hợp đồng dữ liệu, ánh xạ, giao nhận, cách ly; SHA-256 của từng
              tệp nằm trong tuyên bố của bước settle
leaves/       giá trị băm của từng bản ghi, 32 byte mỗi bản ghi: SHA-256(0x00 || bản ghi);
              gốc cây Merkle (RFC 9162 mục 2.1) của tệp nằm trong các tuyên bố
indexes/      chỉ mục khóa của các phân đoạn, 44 byte mỗi bản ghi: giá trị băm có khóa của
              khóa bản ghi (32), số phiên bản (8), dòng (4); mỗi mục nối với giá trị băm của
              bản ghi ở dòng đó (32) là một lá; gốc cây Merkle nằm trong các tuyên bố và là
              tên tệp; có thể vắng mặt
segments/     các bản ghi (NDJSON nén zstd), tên tệp là SHA-256 của tệp; có thể vắng mặt:
              phần còn lại vẫn kiểm tra được

EVIDENCE OF ONE RUN
Check it offline:  lienthong verify <this file> --trust <CA certificate>

statements/   signed statements (JWS, RFC 7515), one or more per step, and what operators
              did (who, why, when), named by their sequence in the ledger
documents/    agreement, data contracts, mapping, deliveries, quarantine; the SHA-256 of
              each stands in the statement of the settle step
leaves/       the hash of every record, 32 bytes each: SHA-256(0x00 || record); the
              Merkle root (RFC 9162 section 2.1) of each file stands in the statements
indexes/      the key indexes of segments, 44 bytes each record: keyed hash of its key (32),
              version number (8), line (4); each entry followed by the hash of the record at
              that line (32) is one leaf; the Merkle root stands in the statements and is the
              name of the file; may be absent
segments/     the records (NDJSON, zstd), named by the SHA-256 of the file; may be absent:
              the rest still verifies
""".encode()
"""Version 2 of the text."""


def text_of(formats: Collection[str]) -> bytes:
    """Return the text of a bundle whose statements have these formats."""
    return README_TEXT if set(formats) <= {FORMAT_1} else README_TEXT_2
