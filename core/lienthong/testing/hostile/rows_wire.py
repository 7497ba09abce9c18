"""Rows about the connection, the time, who answers, and the order of pages."""

from __future__ import annotations

from collections.abc import Mapping

from lienthong.errors import (
    Forbidden,
    OutcomeUnknown,
    ProtocolViolation,
    RateLimited,
    TimedOut,
    Unauthenticated,
)
from lienthong.testing.hostile.matrix import (
    DOUBTED,
    EXACT,
    STEADY,
    Outcome,
    Row,
    cut,
    ends,
    untrusted,
)

_HTTP = {"database": "there is no HTTP"}
_ONE_MESSAGE = dict.fromkeys(
    ("database/target", "database/lookup"), "a database answers it in one message: see 'cut-after-taken'"
)
_DATABASE_WAITS = {"database": "a driver that gets bytes waits for more; statement_timeout bounds the server"}


def _same(name: str, vi: str, en: str, end: Outcome, *, calls: int | None = None) -> Row:
    """Return a row of HTTP that ends alike for all roles."""
    return Row(name=name, vi=vi, en=en, source=end, target=end, lookup=end, calls=calls, without=_HTTP)


def _redirect(name: str, vi: str, en: str, *, calls: int = 1) -> Row:
    """Return a row of a redirect that is not followed; who redirects a delivery may have taken it."""
    end = ends(ProtocolViolation)
    return Row(
        name=name, vi=vi, en=en, source=end, target=ends(OutcomeUnknown), lookup=end, calls=calls,
        without=_HTTP,
    )  # fmt: skip


CUTS: tuple[Row, ...] = (
    cut(
        "cut-at-once",
        "nhận kết nối rồi ngắt ngay",
        "takes the connection and cuts it before it reads",
        without={"database": "that is a database which cannot be reached: see the fault 'unreachable'"},
    ),
    cut(
        "cut-in-request", "ngắt khi chưa đọc hết yêu cầu", "cuts while the request is on its way",
        without={"database": "a statement is one message: see the fault 'cut-before-taken'"},
    ),
    cut("cut-after-taken", "đã nhận và thực hiện, ngắt trước khi trả lời", "does as it is asked, then cuts"),
    cut("cut-in-head", "ngắt giữa phần đầu HTTP", "cuts in the middle of the answer's head", without=_HTTP),
    cut("cut-before-body", "ngắt sau phần đầu, trước nội dung", "cuts between head and body", without=_HTTP),
    cut("cut-in-body", "ngắt giữa nội dung", "cuts in the middle of the body",
        without=_ONE_MESSAGE),
    cut(
        "cut-in-chunks",
        "ngắt giữa các khối, không có khối cuối",
        "cuts a chunked body before its last chunk",
        without=_HTTP,
    ),
    _same("cut-after-body", "trả lời đủ rồi ngắt không báo trước",
          "answers in full and then cuts without a word", EXACT),
)  # fmt: skip

TIME: tuple[Row, ...] = (
    Row(
        name="slow-drip",
        vi="nhỏ giọt từng byte quá thời hạn",
        en="drips byte by byte, in the head or in the body, past the deadline",
        source=ends(TimedOut),
        target=ends(OutcomeUnknown),
        lookup=ends(TimedOut),
        without=_DATABASE_WAITS,
    ),
    _same("skewed-clock", "đồng hồ lệch một ngày ở các header",
          "writes headers by a clock that is a day off", EXACT),
    _same("skewed-wait", "báo quá tải, hẹn giờ theo đồng hồ lệch một ngày",
          "asks to wait until a moment of a clock that is a day off", ends(RateLimited)),
)  # fmt: skip

IDENTITY: tuple[Row, ...] = (
    untrusted("tls-other-name", "chứng thư mang tên khác", "shows a certificate for another name"),
    untrusted("tls-expired", "chứng thư đã hết hạn", "shows a certificate that has expired"),
    untrusted("tls-not-yet-valid", "chứng thư chưa có hiệu lực", "shows a certificate from the future"),
    untrusted("tls-unknown-issuer", "chứng thư của nơi cấp lạ", "shows one of an unknown authority"),
    _redirect("redirect-elsewhere", "chuyển hướng sang máy khác", "redirects to another host"),
    _redirect("redirect-private", "chuyển hướng vào địa chỉ nội bộ", "redirects to a private address"),
    _redirect("redirect-loop", "chuyển hướng vòng tròn", "redirects for ever", calls=10),
    _same("unauthorized-storm", "luôn trả 401 dù vừa cấp mã mới",
          "answers 401 to every credential, fresh ones too", ends(Unauthenticated), calls=2),
    _same("credential-quoted", "từ chối (403) và chép lại mật khẩu, mã truy cập đã nhận",
          "refuses (403) and quotes the credential that it was sent", ends(Forbidden)),
)  # fmt: skip


def _pages(
    name: str, vi: str, en: str, end: Outcome, without: Mapping[str, str], calls: int | None = None
) -> Row:
    reason = "only a source reads pages"
    return Row(
        name=name, vi=vi, en=en, source=end, target=None, lookup=None, no_role=reason, without=without,
        calls=calls,
    )  # fmt: skip


_KEYSET = {"database": "pages are found by key, in one state of the database"}

PAGES: tuple[Row, ...] = (
    _pages("endless-repeats", "trả mãi trang đầu tiên", "gives its first page for ever",
           ends(ProtocolViolation), _KEYSET, 60),
    _pages("endless-pages", "luôn có thêm trang mới", "has yet another page, for ever",
           ends(ProtocolViolation), _KEYSET, 60),
    _pages("growing-list", "danh sách dài thêm khi đang đọc", "lets the list grow meanwhile", STEADY, {}),
    _pages("shrinking-list", "danh sách ngắn đi khi đang đọc", "lets the list shrink meanwhile",
           STEADY, {}),
    _pages("sliding-list", "bản ghi đã đọc biến mất, phần sau trượt lên",
           "removes records that were read, so that later ones slide over a page's edge", DOUBTED, {}),
    _pages("reordering-list", "bản ghi đã đọc bị chuyển xuống cuối danh sách",
           "moves a record that was read to the end, so that later ones slide over a page's edge", DOUBTED,
           _KEYSET),
    _pages("capped-pages", "trả mỗi trang ít bản ghi hơn yêu cầu mà không báo",
           "gives fewer records a page than it was asked for, without a word", DOUBTED, _KEYSET),
    _pages("lost-link", "cổng trung gian làm mất thông tin dẫn tới trang sau",
           "is behind a gateway that takes out what leads to the next page", DOUBTED, _KEYSET),
    _pages("unmet-total", "báo nhiều bản ghi hơn số thực trả",
           "announces more records than it gives", DOUBTED,
           _KEYSET),
)  # fmt: skip
