"""The error tree."""

from __future__ import annotations

import pickle
import re

import pytest

from lienthong import errors
from lienthong.errors import LienThongError, Permanent, Reason, Refused, Transient

ALL = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, LienThongError)]


def test_codes_are_stable_unique_and_follow_the_tree() -> None:
    """Scripts and dashboards key on codes: a child's code begins with its group's."""
    assert len({item.code for item in ALL}) == len(ALL)
    for item in ALL:
        if item not in (LienThongError, *LienThongError.__subclasses__()):
            assert item.code.startswith(f"{item.__mro__[1].code}.")


def test_the_drawing_shows_every_class() -> None:
    """The tree at the top of the module is complete."""
    drawn = set(re.findall(r"── (\w+)", errors.__doc__ or "")) | {"LienThongError"}
    assert drawn == {item.__name__ for item in ALL}


@pytest.mark.parametrize("cls", ALL)
def test_errors_survive_pickling_with_all_they_say(cls: type[LienThongError]) -> None:
    """Airflow moves errors between processes; place, advice and details arrive."""
    error = cls("something happened", where="exchange 'x'", hint="do that", status=418)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is cls
    assert str(again) == str(error) == "exchange 'x': something happened (do that)"
    assert again.details["status"] == 418


def test_what_a_group_carries_survives_too() -> None:
    """Waiting times and reasons are not lost on the way."""
    late = pickle.loads(pickle.dumps(Transient("later", retry_after=7.5)))  # noqa: S301 - our own bytes
    assert late.retry_after == 7.5
    why = (Reason("/a", "schema.type", "sai kiểu", "wrong type"),)
    assert pickle.loads(pickle.dumps(Refused(reasons=why))).reasons == why  # noqa: S301 - our own bytes
    assert not issubclass(Transient, Permanent)
