"""The pipeline: five steps over the protocols, each usable without Airflow."""

from lienthong.pipeline.bus import Bus
from lienthong.pipeline.parts import STEPS, Part, RunRequest, Settled
from lienthong.pipeline.plan import Plan, compile_plan
from lienthong.pipeline.pull import pull
from lienthong.pipeline.push import push
from lienthong.pipeline.runner import run_exchange
from lienthong.pipeline.settle import settle
from lienthong.pipeline.transform import transform
from lienthong.pipeline.validate import validate

__all__ = [
    "STEPS",
    "Bus",
    "Part",
    "Plan",
    "RunRequest",
    "Settled",
    "compile_plan",
    "pull",
    "push",
    "run_exchange",
    "settle",
    "transform",
    "validate",
]
