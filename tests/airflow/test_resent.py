"""A real Airflow: what a person asks for in the trigger form is signed once, or not done."""

from __future__ import annotations

from typing import Any

import pytest
from crates import Crates

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.xdist_group("airflow")]

WHY = "đích được khôi phục từ bản sao lưu"


def test_sending_again_is_signed_once_or_not_done(server: Any) -> None:
    """Without a reason pull fails at its first try; with one, who triggered is signed; a clear adds none."""
    crates = Crates(server, "resent")
    crates.offer("v1")
    ordinary = crates.trigger()
    assert crates.ended(ordinary) == "success"
    assert (crates.acts(ordinary), len(crates.effects())) == ([], 2)
    asked = {"resend": True, "since": "2020-01-01T00:00:00+07:00"}
    silent = crates.trigger(**asked)
    assert crates.ended(silent) == "failed"
    assert crates.tries(silent, "pull") == 1
    assert (crates.acts(silent), len(crates.effects())) == ([], 2)
    told = crates.trigger(**asked, why=WHY)
    assert crates.ended(told) == "success"
    assert len(crates.effects()) == 4
    act = {"name": "run.resend", "who": "admin", "why": WHY, "subject": {"since": asked["since"]}}
    assert crates.acts(told) == [act]
    crates.clear(told)
    crates.until("another try", lambda: crates.tries(told, "pull") > 1)
    assert crates.ended(told) == "success"
    assert (crates.acts(told), len(crates.effects())) == ([act], 4)
    assert "sent again" in crates.page(told)
