"""The counterparts themselves: they start, check what they promise to check, and end."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import counterparts
import pytest
import requests
from _pytest.outcomes import Failed, Skipped

HELLO = Path(__file__).parent / "fixtures" / "hello.wsdl"
GRANT = {"grant_type": "client_credentials"}
HEADER = {"client_id": "header", "client_secret": "s3cret", "scope": "read write"}
FORM = {"client_id": "form", "client_secret": "s3cret", "scope": "read"}


def test_versions_are_exact_and_locked_with_digests() -> None:
    """Every npm package is pinned by its hash; where it comes from is the installer's matter."""
    wanted = json.loads((counterparts.FOLDER / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    packages = json.loads((counterparts.FOLDER / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, name


def test_a_soap_service_answers_and_remembers(tmp_path: Path) -> None:
    import zeep

    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"Greet": {"text": "xin chào"}}))
    with counterparts.node("soap.mjs", HELLO, answers) as port, requests.Session() as session:
        base = f"http://127.0.0.1:{port}"
        with zeep.Client(f"{base}/service?wsdl") as client:
            service = client.create_service("{urn:hello}HelloBinding", f"{base}/service")
            assert service.Greet(name="An") == "xin chào"
        assert session.get(f"{base}/calls", timeout=60).json() == [["Greet", {"name": "An"}]]


def test_the_authorization_server_checks_credentials_and_scopes(tmp_path: Path) -> None:
    """A wrong secret, a secret in the wrong place and a scope that the client lacks are refused."""
    clients = tmp_path / "clients.json"
    clients.write_text(
        json.dumps(
            [
                HEADER | {"token_endpoint_auth_method": "client_secret_basic"},
                FORM | {"token_endpoint_auth_method": "client_secret_post"},
            ]
        )
    )
    with counterparts.node("oauth2.mjs", clients) as port, requests.Session() as session:
        base = f"http://127.0.0.1:{port}"

        def token(*, auth: tuple[str, str] | None = None, **form: str) -> requests.Response:
            return session.post(f"{base}/token", data=GRANT | form, auth=auth, timeout=60)

        granted = token(auth=("header", "s3cret"), scope="read")
        assert granted.status_code == 200
        assert token(client_id="form", client_secret="s3cret").status_code == 200
        assert token(auth=("header", "wrong")).status_code == 401
        assert token(auth=("form", "s3cret")).status_code == 401
        assert token(client_id="header", client_secret="s3cret").status_code == 401
        assert token(auth=("header", "s3cret"), scope="admin").json() == {"error": "invalid_scope"}
        bearer = {"Authorization": f"Bearer {granted.json()['access_token']}"}
        statuses = [
            session.get(f"{base}/protected/{scope}", headers=bearer, timeout=60).status_code
            for scope in ("read", "write")
        ]
        assert statuses == [200, 403]


def test_prism_checks_requests_against_a_document(tmp_path: Path) -> None:
    operation = {
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
        "responses": {"200": {"description": "ok", "content": {"application/json": {"example": {"a": 1}}}}},
    }
    document = tmp_path / "api.json"
    info = {"title": "t", "version": "1"}
    document.write_text(
        json.dumps({"openapi": "3.0.3", "info": info, "paths": {"/a/{id}": {"get": operation}}})
    )
    with counterparts.node("prism.mjs", document) as port, requests.Session() as session:
        base = f"http://127.0.0.1:{port}"
        assert session.get(f"{base}/a/1", timeout=60).json() == {"a": 1}
        assert session.get(f"{base}/a/x", timeout=60).status_code == 422


def test_nginx_runs_on_a_socket_of_ours_and_ends(tmp_path: Path) -> None:
    with counterparts.nginx("location / { return 200 hello; }", tmp_path) as port:
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=60).text == "hello"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/", timeout=60)


def test_a_counterpart_that_cannot_start_says_why() -> None:
    """Its own words are in the error."""
    with pytest.raises(RuntimeError, match="before it listened") as error, counterparts.node("prism.mjs"):
        pass  # pragma: no cover
    assert "prism.mjs" in "".join(error.value.__notes__)


def test_it_ends_with_its_standard_input(tmp_path: Path) -> None:
    """A test run that is killed leaves no server behind: the pipe's end is the signal."""
    import subprocess

    node = counterparts.program("node")
    command = [str(node), str(counterparts.FOLDER / "soap.mjs"), str(HELLO), str(tmp_path / "answers.json")]
    (tmp_path / "answers.json").write_text("{}")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  # ours
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert json.loads(process.stdout.readline())["port"] > 0
        process.stdin.close()
        began = time.monotonic()
        assert process.wait(60) == 0
    assert time.monotonic() - began < 60


def test_what_is_missing_skips_with_its_reason_or_fails_where_it_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing"
    monkeypatch.setattr(counterparts, "MISSING", missing)
    monkeypatch.delenv("LIENTHONG_COUNTERPARTS", raising=False)
    with pytest.raises(Skipped, match=r"no-such-program: not installed; run tools/counterparts"):
        counterparts.program("no-such-program")
    missing.write_text("no-such-program\tno-such-program: there is no network\n")
    with pytest.raises(Skipped, match="there is no network"):
        counterparts.program("no-such-program")
    monkeypatch.setenv("LIENTHONG_COUNTERPARTS", "required")
    with pytest.raises(Failed, match="required: no-such-program: there is no network"):
        counterparts.program("no-such-program")
