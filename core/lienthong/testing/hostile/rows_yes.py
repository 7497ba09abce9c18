"""Rows about what a yes is: statuses, words of others, and rows that a database says it has taken."""

from __future__ import annotations

from lienthong.errors import OutcomeUnknown, Permanent, RequestRejected, Unavailable
from lienthong.testing.hostile.matrix import EXACT, ONE_REFUSED, Outcome, Row, ends, violation

_HTTP = {"database": "there is no HTTP"}
_TABLES = dict.fromkeys(("json", "xml"), "only tables have triggers, rules and collations")
_WRITES = "only a target writes rows"


def _answer(name: str, vi: str, en: str, *, read: Outcome, target: Outcome) -> Row:
    """Return a row of HTTP in which reads end alike."""
    return Row(name=name, vi=vi, en=en, source=read, target=target, lookup=read, without=_HTTP)


def _table(name: str, vi: str, en: str) -> Row:
    """Return a row of a table that does not take one of the rows."""
    return Row(
        name=name, vi=vi, en=en, source=None, target=ONE_REFUSED, lookup=None, no_role=_WRITES,
        without=_TABLES,
    )  # fmt: skip


YES: tuple[Row, ...] = (
    violation(
        "says-nothing",
        "trả lời 200, đúng cú pháp nhưng không nói gì về điều được hỏi",
        "answers 200 in sound JSON or XML that says nothing of what was asked",
        without=_HTTP,
    ),
    _answer(
        "failing-in-foreign-words",
        "trả 500, 502, 504 kèm nội dung của cổng, không phải của dịch vụ",
        "answers 500, 502 and 504 in a gateway's words, of the service's own content type",
        read=ends(Unavailable),
        target=ends(OutcomeUnknown),
    ),
    _answer(
        "busy",
        "trả 503 kèm Retry-After",
        "answers 503 and asks for a wait",
        read=ends(Unavailable),
        target=ends(OutcomeUnknown),
    ),
    _answer(
        "odd-status",
        "trả mã trạng thái không có trong chuẩn (600, 999)",
        "answers with statuses that no standard has (600, 999)",
        read=ends(Unavailable),
        target=ends(OutcomeUnknown),
    ),
    _answer(
        "proxy-refuses",
        "máy chủ trung gian đòi xác thực (407)",
        "has a proxy before it that wants to know who we are (407)",
        read=ends(RequestRejected),
        target=ends(OutcomeUnknown),
    ),
    _answer(
        "not-taken",
        "trả 405, 415: chắc chắn chưa nhận",
        "answers 405 and 415, by which it surely took nothing",
        read=ends(RequestRejected),
        target=ends(RequestRejected),
    ),
    Row(
        name="page-not-there",
        vi="trả 404 bằng trang HTML (ứng dụng phía sau không chạy)",
        en="answers 404 with an HTML page, as a server whose application is away",
        source=ends(RequestRejected),
        target=ends(RequestRejected),
        lookup=ends(Permanent),
        without=_HTTP,
    ),
    Row(
        name="interim-answers",
        vi="gửi 102, 103 trước câu trả lời thật",
        en="sends 102 and 103 before the answer",
        source=EXACT,
        target=EXACT,
        lookup=EXACT,
        without=_HTTP,
    ),
    _table(
        "swallowed-row",
        "trigger bỏ qua một dòng mà không báo lỗi",
        "has a trigger that swallows one row without a word",
    ),
    _table(
        "rule-of-a-row",
        "trigger từ chối một dòng bằng lời riêng, ngay hoặc ở cuối giao dịch",
        "has a trigger that refuses one row in its own words, at once or at the end of the transaction",
    ),
    _table(
        "merging-keys",
        "coi hai khóa khác nhau của một lô là một (collation)",
        "takes two different keys of one batch for one, by its collation",
    ),
)
