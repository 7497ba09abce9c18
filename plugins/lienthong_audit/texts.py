"""The words of the pages, in Vietnamese and English."""

from __future__ import annotations

from typing import Final

from lienthong.ledger.terms import LAW_EN, LAW_VI, WORDS

LANGUAGES: Final = ("vi", "en")

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "title": ("Chứng cứ của lượt chạy", "Evidence of the run"),
    "run": ("Lượt chạy", "Run"),
    "exchange": ("Luồng trao đổi", "Exchange"),
    "other_language": ("English", "Tiếng Việt"),
    "none": (
        "Sổ cái chưa có phát biểu nào về lượt chạy này.",
        "The ledger holds no statement of this run.",
    ),
    "not_ours": (
        "Lượt chạy chưa bắt đầu, hoặc DAG này không phải là luồng trao đổi.",
        "The run has not begun, or this DAG is not an exchange.",
    ),
    "holds": ("Chứng cứ toàn vẹn", "The evidence holds"),
    "broken": ("CHỨNG CỨ KHÔNG TOÀN VẸN", "THE EVIDENCE DOES NOT HOLD"),
    "open": (
        "Lượt chạy chưa kết thúc: chưa thể xác minh đầy đủ",
        "The run has not settled: it cannot be verified in full yet",
    ),
    "not_settled": (
        "CHƯA KẾT SỔ: lượt chạy đã dừng, dù Airflow ghi trạng thái gì",
        "NOT SETTLED: the run has stopped, whatever state Airflow shows",
    ),
    "not_settled_next": (
        (
            "Chưa có gì chứng minh rằng mọi bản ghi đã đi tới đích, và mốc đọc chưa dời. "
            "Chạy tiếp: xoá trạng thái (Clear) các bước hỏng, bị bỏ qua và settle. "
            "Nếu không chạy tiếp, hãy đóng lượt chạy kèm tên và lý do:"
        ),
        (
            "Nothing proves that every record reached its end, and the cursor has not moved. "
            "Retry: clear the steps that failed or were skipped, and settle. "
            "Where it is not to go on, close it with name and reason:"
        ),
    ),
    "closed": (
        "Lượt chạy không kết sổ, đã có người đóng",
        "The run did not settle; a person closed it",
    ),
    "large": ("Lượt chạy có nhiều bản ghi.", "This run has many records."),
    "verify": ("Kiểm tra ngay", "Verify now"),
    "verified_at": (
        "Vừa được kiểm tra khi mở trang này",
        "Checked just now, while this page was opened",
    ),
    "not_asked": ("Tạm thời không gọi kết nối", "Not asked for now: connection"),
    "outside_hours": ("ngoài giờ phục vụ", "outside its service hours"),
    "failures_in_a_row": ("lần lỗi liên tiếp", "failures one after another"),
    "until": ("đến", "until"),
    "verified_then": ("Đã được kiểm tra lúc", "Checked at"),
    "agreement": ("Thoả thuận", "Agreement"),
    "provider": ("Bên cung cấp", "Provider"),
    "consumer": ("Bên nhận", "Consumer"),
    "legal_basis": ("Căn cứ pháp lý", "Legal basis"),
    "purpose": ("Mục đích", "Purpose"),
    "dataset": ("Bộ dữ liệu", "Dataset"),
    "mapping": ("Ánh xạ", "Mapping"),
    "source": ("Nguồn", "Source"),
    "target": ("Đích", "Target"),
    "digest": ("Mã băm thoả thuận", "Digest of the agreement"),
    "signer": ("Người ký chứng cứ", "Evidence signed by"),
    "code": ("Phiên bản phần mềm", "Software version"),
    "cursor": ("Mốc lấy mới", "Cursor"),
    "cursor_unplaced": (
        "giá trị mốc không hợp lệ hoặc không xếp được thứ tự",
        "cursor values that are not valid or have no place",
    ),
    "cursor_ahead": ("giá trị mốc ở tương lai", "cursor values that lie in the future"),
    "high_unplaced": (
        "Giá trị lớn nhất mà nguồn báo không xếp được thứ tự; lượt sau đọc lại từ trước mốc.",
        "What the source tells as its largest value has no place; the next run begins before the cursor.",
    ),
    "high_unseen": (
        "Không bản ghi nào có giá trị lớn nhất mà nguồn báo; lượt sau đọc lại từ trước mốc.",
        "No record has the largest value that the source tells; the next run begins before the cursor.",
    ),
    "high_behind": (
        "Giá trị lớn nhất mà nguồn báo nằm trước mốc đã lưu; mốc đứng yên.",
        "The largest value that the source tells lies before the cursor, which stays.",
    ),
    "counts": ("Số bản ghi", "Records"),
    "law": (LAW_VI, LAW_EN),
    **WORDS,
    "steps": ("Năm bước", "Five steps"),
    "step": ("Bước", "Step"),
    "pull": ("lấy", "pull"),
    "validate": ("kiểm tra", "validate"),
    "transform": ("chuyển đổi", "transform"),
    "push": ("giao", "push"),
    "settle": ("kết sổ", "settle"),
    "part": ("Phần", "Part"),
    "in": ("Vào", "In"),
    "out": ("Ra", "Out"),
    "time": ("Lúc", "At"),
    "seconds": ("Giây", "Seconds"),
    "entry": ("Mục sổ cái", "Ledger entry"),
    "hash": ("Giá trị băm", "Hash"),
    "root": ("Gốc Merkle đầu ra", "Merkle root of the output"),
    "replaced": ("đã được thay bằng mục sau", "superseded by a later entry"),
    "deliveries": ("Giao nhận", "Deliveries"),
    "delivery": ("Khoá giao nhận", "Delivery key"),
    "state": ("Trạng thái", "State"),
    "attempts": ("Lần gửi", "Attempts"),
    "records": ("Bản ghi", "Records"),
    "receipts": ("Biên nhận", "Receipts"),
    "intended": ("dự định", "intended"),
    "sent": ("đã gửi", "sent"),
    "unknown": ("chưa rõ", "unknown"),
    "signed_by": ("ký bởi", "signed by"),
    "acts": ("Việc người vận hành đã làm", "What operators did"),
    "who": ("Ai", "Who"),
    "why": ("Vì sao", "Why"),
    "act": ("Việc", "Act"),
    "subject": ("Về", "About"),
    "operator": ("Khoá của", "Key of"),
    "quarantine.repair": ("sửa bản ghi bị cách ly", "repaired a quarantined record"),
    "quarantine.release": ("giải phóng bản ghi bị cách ly", "released a quarantined record"),
    "quarantine.replay": ("chạy lại bản ghi đã sửa", "replayed repaired records"),
    "delivery.resolve": ("xác định kết quả giao nhận", "resolved a delivery"),
    "cursor.set": ("đặt lại điểm đọc", "set the cursor"),
    "cursor.rewind": ("lùi điểm đọc", "rewound the cursor"),
    "run.close": ("đóng lượt chạy", "closed the run"),
    "run.marked": ("đánh dấu lượt chạy bằng tay", "marked the run by hand"),
    "run.resend": ("gửi lại", "sent again"),
    "run.since": ("đọc từ một mốc tự chọn", "read from a chosen point"),
    "housekeeping": ("dọn dẹp", "housekeeping"),
    "hold.place": ("đặt lệnh giữ", "placed a legal hold"),
    "hold.lift": ("bỏ lệnh giữ", "lifted a legal hold"),
    "clock.back": ("vặn lại đồng hồ đã chạy nhanh", "put back a clock that was ahead"),
    "quarantine": ("Bản ghi bị cách ly", "Quarantined records"),
    "quarantine_note": (
        "Giá trị của trường cá nhân và trường chưa phân loại được che.",
        "Values of personal and unclassified fields are hidden.",
    ),
    "record": ("Bản ghi", "Record"),
    "reasons": ("Lý do", "Reasons"),
    "times": ("lần", "times"),
    "released": ("đã giải phóng", "released"),
    "repaired": ("đã sửa", "repaired"),
    "replayed": ("đã chạy lại", "replayed"),
    "verification": ("Kiểm tra", "Verification"),
    "check": ("Nội dung", "Check"),
    "result": ("Kết quả", "Result"),
    "yes": ("đúng", "holds"),
    "no": ("SAI", "FAILS"),
    "not_checked": ("Chưa kiểm tra được tại đây", "Not checked here"),
    "download": ("Tải hồ sơ chứng cứ", "Download the evidence bundle"),
    "download_note": (
        (
            "Chỉ gồm giá trị băm, phát biểu đã ký và biên nhận, không gồm bản ghi; kiểm tra ngoại tuyến: "
            "lienthong verify TỆP --trust CHỨNG_THƯ. Hồ sơ có cả bản ghi: lienthong evidence export."
        ),
        (
            "Digests, signed statements and receipts only, no records; check it offline: "
            "lienthong verify FILE --trust CERTIFICATES. With the records: lienthong evidence export."
        ),
    ),
    "more": ("mục nữa có trong hồ sơ chứng cứ", "more are in the bundle"),
    "error": ("Không đọc được chứng cứ", "The evidence cannot be read"),
}


class Texts:
    """The words in one language: ``texts["run"]``; an unknown word stands for itself."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._index = LANGUAGES.index(self.language)

    def __getitem__(self, word: str) -> str:
        pair = _TEXTS.get(word)
        return pair[self._index] if pair else word

    @property
    def other(self) -> str:
        """The other language's code."""
        return LANGUAGES[1 - self._index]

    def pick(self, vi: str, en: str) -> str:
        """Return the one of two sentences that is in this language."""
        return (vi, en)[self._index]


def language_of(accept: str) -> str:
    """Return ``en`` where a browser prefers English over Vietnamese, else ``vi``."""
    best, language = 0.0, LANGUAGES[0]
    for item in accept.split(","):
        name, _, quality = item.strip().partition(";q=")
        code = name.partition("-")[0].lower()
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if code in LANGUAGES and weight > best:
            best, language = weight, code
    return language
