"""The script that installs the counterparts: nothing done twice, one sentence for what is missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: what the script calls besides the programs that it installs
TOOLS = ("sh", "cat", "cksum", "cut", "dirname", "grep", "id", "mkdir", "paste", "rm", "sed", "sort")
#: what an auditor takes a bundle apart with, as the script names it
TOOLS_OF_AUDITORS = "unzip openssl xxd jq zstd"
#: what the tests of SOAP stacks need: programs, and libraries by their packages
SOAP_STACKS = ("php", "perl", "soapcpp2", "gcc"), ("php-soap", "SOAP::Lite", "libgsoap")
SOAP_PACKAGES = "php-cli perl gsoap gcc php-soap libsoap-lite-perl libgsoap-dev"
#: writes its arguments down; "ci" leaves what npm leaves
FAKE = """#!/bin/sh
echo "$(basename "$0") $*" >>"{log}"
case "$1" in ci) mkdir -p "$3/node_modules" ;; esac
exit {status}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with the script, locked packages, and a PATH of its own without any counterpart."""
    for folder in ("tools", "tests/counterparts", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    text = (ROOT / "tools" / "counterparts").read_text()
    # no folder of this machine behind the PATH that the test gives
    script = tmp_path / "tools" / "counterparts"
    text = text.replace("PATH=$PATH:/usr/sbin:/sbin", "")
    # nor the file that another run of the script on this machine may have there
    script.write_text(text.replace("/usr/sbin/policy-rc.d", str(tmp_path / "policy-rc.d")))
    script.chmod(0o755)
    for name in ("package.json", "package-lock.json"):
        (tmp_path / "tests/counterparts" / name).write_text("{}")
    (tmp_path / "tests/test_a.py").write_text("with counterparts.nginx(text, tmp_path) as port:")
    (tmp_path / "tests/test_b.py").write_text('counterparts.program("xmlsec1")')
    (tmp_path / "tests/test_c.py").write_text("nothing")
    (tmp_path / "tests/test_e.py").write_text("with counterparts.php(script) as port:")
    (tmp_path / "tests/test_d.py").write_text('AUDITORS_TOOLS = ("bash", "unzip", "xxd")')
    for name in (*TOOLS, "basename"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    _fake(tmp_path, "id", "echo 1000")
    return tmp_path


def _fake(project: Path, name: str, text: str = "", status: int = 0) -> None:
    path = project / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n" if text else FAKE.format(log=project / "calls", status=status))
    path.chmod(0o755)


def _install(project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(project / "bin")} | variables
    script = str(project / "tools" / "counterparts")
    return subprocess.run([script], env=env, capture_output=True, text=True, check=False)  # noqa: S603  # ours


def _all_there(project: Path) -> None:
    for name in ("nginx", "xmlsec1", "node", "npm", *TOOLS_OF_AUDITORS.split(), *SOAP_STACKS[0]):
        _fake(project, name)
    _fake(project, "php", "echo soap")


def test_packages_are_installed_once_and_again_when_the_lock_changes(project: Path) -> None:
    _all_there(project)
    assert _install(project).returncode == 0
    calls = (project / "calls").read_text()
    assert "npm ci --prefix tests/counterparts --ignore-scripts" in calls
    again = _install(project)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    (project / "tests/counterparts/package-lock.json").write_text("{ }")
    assert "Installing the packages" in _install(project).stdout


def test_without_root_one_line_says_what_to_install(project: Path) -> None:
    """The tests that need it are skipped with the same reason, so the set-up itself succeeds."""
    done = _install(project)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert (
        "nginx: not installed (Debian 12: apt-get install nginx xmlsec1 nodejs npm "
        f"{TOOLS_OF_AUDITORS} {SOAP_PACKAGES})" in done.stderr
    )
    assert "npm packages: not installed, because there is no node or no npm" in done.stderr
    assert (
        "Tests that therefore do not run: tests/test_a.py tests/test_b.py tests/test_d.py tests/test_e.py."
        in done.stderr
    )
    missing = (project / ".cache/counterparts/missing").read_text().splitlines()
    assert [line.split("\t")[0] for line in missing] == [
        *("nginx", "xmlsec1", "node", "npm", *TOOLS_OF_AUDITORS.split()), *SOAP_STACKS[0], *SOAP_STACKS[1],
        "npm packages",
    ]  # fmt: skip


def test_where_counterparts_are_required_a_missing_one_is_a_failure(project: Path) -> None:
    assert _install(project, LIENTHONG_COUNTERPARTS="required").returncode == 1
    _all_there(project)
    assert _install(project, LIENTHONG_COUNTERPARTS="required").returncode == 0


def test_a_library_that_is_missing_is_named_with_its_tests(project: Path) -> None:
    """A PHP without its soap extension is no counterpart."""
    _all_there(project)
    _fake(project, "php", "echo xml")
    done = _install(project)
    assert "php-soap: not installed (Debian 12: apt-get install php-soap)" in done.stderr
    assert done.stderr.endswith("do not run: tests/test_e.py.\n")


def test_no_network_is_one_sentence_and_is_tried_again(project: Path) -> None:
    _all_there(project)
    _fake(project, "npm", status=1)
    done = _install(project)
    assert done.returncode == 0
    assert "npm packages: could not be downloaded" in done.stderr
    _fake(project, "npm")
    assert _install(project).stderr == ""
    assert (project / ".cache/counterparts/missing").read_text() == ""


def test_an_old_node_is_named(project: Path) -> None:
    _all_there(project)
    _fake(project, "node", status=1)
    assert "because node is older than 18.20" in _install(project).stderr


def test_as_root_the_debian_packages_are_installed_and_no_service_starts(project: Path) -> None:
    """Exactly what is missing is asked for, while the file that forbids services is there."""
    _all_there(project)
    (project / "bin" / "nginx").unlink()
    _fake(project, "id", "echo 0")
    for name in ("chmod", "printf"):
        (project / "bin" / name).symlink_to(shutil.which(name) or "")
    apt = (
        f'echo "apt $*" >>"{project}/calls"; test -e "{project}/policy-rc.d" && echo held >>"{project}/calls"'
    )
    _fake(project, "apt-get", apt)
    done = _install(project)
    calls = (project / "calls").read_text()
    assert "install --yes --no-install-recommends nginx\nheld" in calls
    assert done.stderr.endswith("do not run: tests/test_a.py.\n")
    assert "nginx: could not be installed, see .cache/counterparts/install.log" in done.stderr
    assert not (project / "policy-rc.d").exists()
