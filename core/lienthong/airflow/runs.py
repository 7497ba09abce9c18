"""What a DAG run asks of the pipeline, and the name it has in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param

from lienthong.airflow.marks import operator_of
from lienthong.errors import Misconfigured
from lienthong.pipeline import Bus, Plan, RunRequest
from lienthong.pipeline.wishes import sign_wish, wish


def run_params() -> dict[str, Param]:
    """Return the parameters that the trigger form offers."""
    return {
        "since": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Từ thời điểm / Since",
            description_md=(
                "Lấy lại từ thời điểm này thay cho mốc của lượt chạy trước. Phải nêu lý do, trừ khi chạy thử "
                "hoặc giới hạn số bản ghi. / "
                "Read again from this moment instead of where the last run ended. Say why below, but for "
                "a dry run or a limit."
            ),
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Chạy thử / Dry run",
            description_md=(
                "Kiểm tra và chuyển đổi, không giao gì, không dời mốc. / "
                "Validate and transform, deliver nothing, move no cursor."
            ),
        ),
        "limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Số bản ghi tối đa / At most",
            description_md="Số bản ghi tối đa được lấy. / At most so many records.",
        ),
        "resend": Param(
            False,
            type="boolean",
            title="Gửi lại tất cả / Send again",
            description_md=(
                "Gửi cả những gì đích đã nhận theo chỉ mục của ta: "
                "dùng khi đích được khôi phục từ bản sao lưu. Phải nêu lý do. / "
                "Send also what the target has by our index: for a target restored from a backup. "
                "Say why below."
            ),
        ),
        "why": _why(),
    }


def _why() -> Param:
    return Param(
        None,
        type=["null", "string"],
        maxLength=1000,
        title="Lý do / Why",
        description_md=(
            "Bắt buộc khi gửi lại tất cả, nên ghi khi đọc từ một thời điểm; được ký vào sổ cái cùng tên "
            "của bạn, nên không ghi dữ liệu cá nhân. / Required to send again, good to have where you read "
            "since a moment; signed into the ledger with your name, so no personal data."
        ),
    )


def run_key(dag_id: str, run_id: str, exchange_id: str) -> str:
    """Return the run's name in staging, ledger and journal.

    Run ids are unique in their DAG only. The DAG of an exchange bears the exchange's id and needs
    no more; where the exchange is a group in another DAG, that DAG is named too. Airflow allows no
    ``@`` in run ids unless it is told to, so the two forms do not meet.
    """
    return run_id if dag_id == exchange_id else f"{run_id}@{dag_id}"


def run_request(context: Mapping[str, Any], exchange_id: str) -> RunRequest:
    """Return what this DAG run asks for: its name and the trigger form's parameters."""
    run, params = context["dag_run"], context["params"]
    return RunRequest(
        run=run_key(run.dag_id, run.run_id, exchange_id),
        since=params.get("since"),
        dry_run=bool(params.get("dry_run", False)),
        limit=params.get("limit"),
        resend=bool(params.get("resend", False)),
    )


def sign_asked(bus: Bus, plan: Plan, request: RunRequest, context: Mapping[str, Any]) -> None:
    """Sign what a person asked of this DAG run beyond the ordinary; nothing where nobody did.

    Who is the user who triggered the DAG run, why what the form says. It is signed once for a run, before
    anything is read or sent. Raises `Misconfigured` where one of the two is missing, and as `sign_wish`. A
    ``since`` without a reason is told by the settle statement's notes alone.
    """
    name = wish(request)
    why = str(context["params"].get("why") or "").strip()
    if not name or (not why and not request.resend):
        return
    run, asked = context["dag_run"], "resend" if request.resend else "since"
    who = str(getattr(run, "triggering_user_name", None) or "").strip()
    if not who:
        raise Misconfigured(
            f"{asked!r} is asked for, and Airflow names nobody who did",
            where=f"DAG run {run.run_id!r}",
            hint="trigger a run by hand; it is no parameter for a schedule",
        )
    if not why:
        raise Misconfigured(
            f"{asked!r} is asked for without a reason",
            where="parameter 'why'",
            hint="trigger a new run, and say why in the form",
        )
    sign_wish(bus, plan, request, who=who, why=why, operator=operator_of(bus), once=True)
