"""What a DAG run asks of the pipeline, and the name it has in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param

from lienthong.pipeline import RunRequest


def run_params() -> dict[str, Param]:
    """Return the parameters that the trigger form offers."""
    return {
        "since": Param(
            None,
            type=["null", "string"],
            format="date-time",
            title="Từ thời điểm / Since",
            description_md=(
                "Lấy lại từ thời điểm này thay cho mốc của lượt chạy trước. / "
                "Read again from this moment instead of where the last run ended."
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
                "dùng khi đích được khôi phục từ bản sao lưu. / "
                "Send also what the target has by our index: for a target restored from a backup."
            ),
        ),
    }


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
