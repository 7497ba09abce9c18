"""Whatever happens, the command line says a sentence with a code, and never a record or a secret."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from memory_bus import memory_bench, unit
from sqlalchemy import text

from lienthong.cli import main
from lienthong.config import Config, load_config
from lienthong.errors import Misconfigured
from lienthong.pipeline import RunRequest, run_exchange


def _broken(fault: BaseException) -> Callable[[object], int]:
    def handler(_args: object) -> int:
        raise fault

    return handler


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (KeyError("Nguyễn Văn A"), 70, "KeyError"),
        (RecursionError("Nguyễn Văn A"), 70, "RecursionError"),
        (MemoryError(), 70, "MemoryError"),
        (OSError(28, "No space left on device", "/x/y"), 75, "[transient.unavailable]"),
        (PermissionError(13, "Permission denied", "/x/y"), 2, "/x/y"),
    ],
)
def test_what_no_command_expects(
    fault: Exception,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line with a code; the traceback, which may hold a record's values, only where it is asked for."""
    monkeypatch.setattr("lienthong.cli.codes._codes", _broken(fault))
    assert main(["codes"]) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert "Nguyễn" not in err
    assert main(["--debug", "codes"]) == code
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_behind_stdout() -> None:
    """What a command prints may fail to be written too."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lienthong.cli", "codes"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 75
    assert "make room" in done.stderr
    assert "Traceback" not in done.stderr


def test_export_of_a_run_with_a_damaged_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The entry is named, and the exit code is the alarm's."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path / "home"))
    with memory_bench(tmp_path / "home") as bench:
        bench.source.offers = [unit(1)]
        run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
        with bench.bus.database.write() as one:
            one.execute(text("DROP TRIGGER lt_statement_no_update"))
            one.execute(text("UPDATE lt_statement SET token = 'eyJ.x.y' WHERE sequence = 3"))
        assert main(["evidence", "export", "--run", "r1", "-o", str(tmp_path / "b.zip")]) == 4
    err = capsys.readouterr().err
    assert "ledger entry 3" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("output", ["/proc/none/b.zip", "/dev/null/b.zip", "{home}"])
def test_a_bundle_that_cannot_be_written(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong output is a sentence."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path / "home"))
    with memory_bench(tmp_path / "home") as bench:
        bench.source.offers = [unit(1)]
        run_exchange(bench.bus, bench.plan(), RunRequest("r1"))
        wanted = output.format(home=tmp_path / "home")
        assert main(["evidence", "export", "--run", "r1", "-o", wanted]) == 2
    assert "the bundle cannot be written" in capsys.readouterr().err
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_files_that_people_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Records, connections and settings nested without end, not in UTF-8, or not there."""
    deep, odd = tmp_path / "deep.json", tmp_path / "odd.json"
    deep.write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8")
    odd.write_bytes(b"\xff\xfe\x00{")
    for file in (deep, odd, tmp_path / "none.json", tmp_path):
        given = ["quarantine", "repair", "0000-0000-0000", "--file", str(file), "--by", "a", "--why", "b"]
        assert main(given) == 2
        assert main(["connector", "check", "dags/dossier_sync.py", "--connections", str(file)]) == 2
    assert "Traceback" not in capsys.readouterr().err
    secret = tmp_path / "c.yaml"
    secret.write_text("rest:\n  password: 'geheim\n", encoding="utf-8")
    assert main(["connector", "check", "dags/dossier_sync.py", "--connections", str(secret)]) == 2
    err = capsys.readouterr().err
    assert "line 3" in err
    assert "geheim" not in err


def test_the_settings_file_and_the_hash_key(tmp_path: Path) -> None:
    """Unreadable, not TOML, not UTF-8, empty, in a place where nothing can be made: misconfigured."""
    for content in (b"x = ", b"\xff\xfe", b"a = " + b"[" * 50_000):
        (tmp_path / "c.toml").write_bytes(content)
        with pytest.raises(Misconfigured):
            load_config({"LIENTHONG_CONFIG": str(tmp_path / "c.toml")})
    with pytest.raises(Misconfigured):
        load_config({"LIENTHONG_CONFIG": str(tmp_path)})
    (tmp_path / "empty").touch()
    for key in (tmp_path / "empty", tmp_path, Path("/proc/none/hash.key"), Path("/dev/null/hash.key")):
        with pytest.raises(Misconfigured) as caught:
            Config(tmp_path, "sqlite:///x", "x", key).hash_key()
        assert caught.value.where == str(key)
