"""A recording whose disk is full: the run goes on, and the end says that the file is not whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from lienthong.connector import Connection, Spoken
from lienthong.errors import Unavailable
from lienthong.recording import Recorder
from lienthong.recording.masks import Masks


def test_listening_in_disturbs_nothing(tmp_path: Path) -> None:
    """An error out of the listener would reach a delivery, which then would count as not taken."""
    file = tmp_path / "traffic.ndjson"
    spoken = Spoken("POST", "https://x/y", 200, {}, b"{}", {}, b"{}")

    def record() -> None:
        with Recorder(file, "units", Masks()) as recorder:
            recorder._file.close()
            recorder._file = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - it closes it
            recorder.tap(Connection("c", "lienthong_rest", host="https://x"))(spoken)

    with pytest.raises(Unavailable, match="not whole") as caught:
        record()
    assert caught.value.where == str(file)
