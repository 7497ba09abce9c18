"""The text that stands at the beginning of every bundle; part of its format, byte for byte."""

from __future__ import annotations

from typing import Final

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
"""Version 1 of the text. A later text needs a later version of the format beside this one."""
