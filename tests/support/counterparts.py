"""Servers, verifiers and tools that others wrote, for one test: Node servers, PHP, gSOAP, nginx, xmlsec1.

``tools/counterparts`` installs them. Where one is missing, the test that asks for it is skipped with the
reason; with ``LIENTHONG_COUNTERPARTS=required``, as in continuous integration, it fails instead.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "counterparts"
MODULES = FOLDER / "node_modules"
#: what ``tools/counterparts`` could not install, a line each: name, tab, reason
MISSING = ROOT / ".cache" / "counterparts" / "missing"
_SECONDS = 180.0  # Prism took more than thirty on two cores with a load of eight
#: Debian keeps servers where only root looks by itself
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr info;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port}{tls};
    {server}
  }}
}}
"""


def program(name: str) -> Path:
    """Return where a program is (``nginx``, ``xmlsec1``, ``node``, ``jq``), or skip the test in one line."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        _absent(name)
    return Path(found)


@contextlib.contextmanager
def node(script: str, *arguments: str | Path) -> Iterator[int]:
    """Run ``tests/counterparts/SCRIPT`` and yield the port that it listens on; end it afterwards.

    What it wrote to stderr is added to whatever error leaves the block.
    """
    interpreter = program("node")
    if not (MODULES / ".lienthong").exists():
        _absent("npm packages")
    command = [str(interpreter), str(FOLDER / script), *map(str, arguments)]
    with _started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield _port(process)


@contextlib.contextmanager
def python(script: str, *arguments: str | Path, needs: str) -> Iterator[int]:
    """Run ``tests/counterparts/SCRIPT`` with this interpreter and yield the port that it listens on.

    ``needs`` is the package that it serves with; without it the test is skipped.
    """
    if importlib.util.find_spec(needs) is None:
        _absent(needs)
    command = [sys.executable, "-W", "ignore", str(FOLDER / script), *map(str, arguments)]
    with _started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield _port(process)


@contextlib.contextmanager
def php(script: str) -> Iterator[int]:
    """Serve ``tests/counterparts/SCRIPT`` with PHP's own web server and yield its port."""
    interpreter = program("php")
    if "soap" not in _printed([str(interpreter), "-m"]).split():
        _absent("php-soap")
    command = [str(interpreter), "-S", "127.0.0.1:0", str(FOLDER / script)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stderr=log)  # noqa: S603 - ours
        try:
            yield _port_in(log, process)
        finally:
            _end(process)


def _port_in(log: IO[bytes], process: subprocess.Popen[bytes]) -> int:
    """Wait for the line "… Development Server (http://127.0.0.1:PORT) started", which PHP logs."""
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends and process.poll() is None:
        found = re.search(r"\(http://127\.0\.0\.1:(\d+)\) started", os.pread(log.fileno(), 4000, 0).decode())
        if found is not None:
            return int(found.group(1))
        time.sleep(0.02)
    raise RuntimeError(f"PHP does not serve:\n{_tail(log)}")


@contextlib.contextmanager
def perl(script: str, *, needs: str) -> Iterator[int]:
    """Run ``tests/counterparts/SCRIPT`` with Perl and yield the port that it listens on."""
    interpreter = program("perl")
    if not _works([str(interpreter), f"-M{needs}", "-e", "1"]):
        _absent(needs)
    command = [str(interpreter), str(FOLDER / script)]
    with _started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield _port(process)


@contextlib.contextmanager
def gsoap(service: str, folder: Path) -> Iterator[int]:
    """Make ``tests/counterparts/SERVICE.h`` and ``.c`` into a server in a folder; run it, yield its port.

    soapcpp2 writes the service's WSDL there, too.
    """
    generator, compiler = program("soapcpp2"), program("gcc")
    for ending in (".h", ".c"):
        shutil.copy(FOLDER / f"{service}{ending}", folder)
    made = folder / service
    for command in (
        [str(generator), "-c", "-S", "-x", "-I/usr/share/gsoap/import", f"{service}.h"],
        [str(compiler), "-O0", "-o", str(made), f"{service}.c", "soapC.c", "soapServer.c", "-lgsoap"],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode and "gsoap" in done.stderr and "No such file" in done.stderr:
            _absent("libgsoap")
        assert done.returncode == 0, done.stdout + done.stderr
    with _started([str(made)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield _port(process)


def _works(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - ours


def _printed(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - ours


@contextlib.contextmanager
def nginx(server: str, folder: Path, *, tls: bool = False) -> Iterator[int]:
    """Run nginx with one ``server`` block holding these directives, and yield its port.

    ``folder`` takes its temporary files. The socket is ours and inherited by nginx, so that nobody
    can take the port in between. What it logged is added to whatever error leaves the block.
    """
    command = [str(program("nginx")), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = int(listener.getsockname()[1])
        text = _NGINX.format(folder=folder, port=port, server=server, tls=" ssl" if tls else "")
        (folder / "nginx.conf").write_text(text)
        # NGINX names sockets to inherit: nginx's own way of handing over in an upgrade
        environment = os.environ | {"NGINX": f"{listener.fileno()};"}
        with _started(command, env=environment, pass_fds=(listener.fileno(),)):
            listener.close()  # a request to an nginx that ended is refused, and does not wait for ever
            yield port


@contextlib.contextmanager
def _started(command: list[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stderr=log, **options)  # type: ignore[call-overload]  # noqa: S603  # ours
        try:
            yield process
        except BaseException as error:
            error.add_note(f"--- {Path(command[0]).name} said:\n{_tail(log)}")
            raise
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _port(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        if not waiting.select(_SECONDS):
            raise TimeoutError(f"no port after {_SECONDS:.0f} s")
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"it ended with status {process.wait(_SECONDS)} before it listened")
    return int(json.loads(line)["port"])


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read()[-4000:].decode(errors="replace")


def _absent(name: str) -> NoReturn:
    reason = _reason(name)
    if os.environ.get("LIENTHONG_COUNTERPARTS") == "required":
        pytest.fail(f"required: {reason}", pytrace=False)
    pytest.skip(reason)


def _reason(name: str) -> str:
    with contextlib.suppress(OSError):
        for line in MISSING.read_text(encoding="utf-8").splitlines():
            found, _, reason = line.partition("\t")
            if found == name:
                return reason
    return f"{name}: not installed; run tools/counterparts"
