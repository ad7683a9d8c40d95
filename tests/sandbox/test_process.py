"""The process itself: how it starts, refuses to start, and ends."""

import ast
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.sandbox.merchant import Merchant
from tests.sandbox.process import PROFILE_ID, ROOT, SERVER_KEY, SandboxProcess, free_ports

SOURCES = sorted((ROOT / "sandbox").rglob("*.py"))


def start_refused(tmp_path: Path, **changes: str) -> str:
    """The one line that it says, having refused to start."""
    ports = free_ports(2)
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_DEBUG": "true",
        "SANDBOX_PORT": str(ports[0]),
        "SANDBOX_PAYTABS_PORT": str(ports[1]),
        "SANDBOX_DATA": str(tmp_path),
        "PAYTABS_PROFILE_ID": str(PROFILE_ID),
        "PAYTABS_SERVER_KEY": SERVER_KEY,
    } | changes
    done = subprocess.run(
        [sys.executable, "-m", "sandbox"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DJANGO_DEBUG", ""),
        ("DJANGO_DEBUG", "false"),
        ("DJANGO_DEBUG", "flase"),
        ("PAYTABS_SERVER_KEY", ""),
        ("PAYTABS_PROFILE_ID", ""),
        ("PAYTABS_PROFILE_ID", "mine"),
        ("SANDBOX_PORT", "eight"),
        ("SANDBOX_PAYTABS_PORT", "0"),
        ("SANDBOX_PAYTABS_PORT", "70000"),
        ("SANDBOX_RETRY_DELAYS", "1,x"),
        ("SANDBOX_RETRY_DELAYS", "-1"),
        ("SANDBOX_PAYTABS_IPN_URL", "127.0.0.1"),
        ("SANDBOX_DATA", "/dev/null/here"),
    ],
)
def test_a_bad_setting_is_one_clear_line(tmp_path: Path, variable: str, value: str) -> None:
    assert variable in start_refused(tmp_path, **{variable: value})


def test_two_ports_that_are_one_are_refused(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    line = start_refused(tmp_path, SANDBOX_PORT=str(port), SANDBOX_PAYTABS_PORT=str(port))
    assert "SANDBOX_PAYTABS_PORT" in line


@pytest.mark.parametrize("variable", ["SANDBOX_PORT", "SANDBOX_PAYTABS_PORT"])
@pytest.mark.parametrize("listening", [True, False])
def test_a_port_that_is_taken_is_named(tmp_path: Path, variable: str, listening: bool) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        if listening:
            stranger.listen()
        port = str(stranger.getsockname()[1])
        assert f"{variable}: port {port}" in start_refused(tmp_path, **{variable: port})


@pytest.mark.parametrize("ending", ["interrupt", "stop"])
def test_it_ends_cleanly_and_leaves_its_ports(tmp_path: Path, ending: str) -> None:
    sandbox = SandboxProcess(tmp_path)
    sandbox.start()
    with requests.Session() as session:
        session.get(f"{sandbox.control_url}/", timeout=30)
        assert getattr(sandbox, ending)() == 0
    assert "Traceback" not in sandbox.log
    for url in (sandbox.control_url, sandbox.provider_url("paytabs")):
        with pytest.raises(requests.ConnectionError, match="refused"):
            requests.get(url, timeout=5)


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_started_again_at_once_it_remembers_on_the_same_ports(tmp_path: Path, ending: str) -> None:
    with SandboxProcess(tmp_path) as sandbox:
        merchant = Merchant(sandbox.provider_url("paytabs"))
        sandbox.act(merchant.page()["tran_ref"], "approve")
        before = sandbox.truth()
        getattr(sandbox, ending)()
        sandbox.start()
        assert sandbox.truth() == before


def test_its_migrations_say_what_its_models_say(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_DEBUG": "true",
        "DJANGO_SETTINGS_MODULE": "sandbox.settings",
        "SANDBOX_DATA": str(tmp_path),
        "PAYTABS_PROFILE_ID": str(PROFILE_ID),
        "PAYTABS_SERVER_KEY": SERVER_KEY,
    }
    command = [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("source", SOURCES, ids=[str(each.relative_to(ROOT)) for each in SOURCES])
def test_nothing_is_imported_but_django_and_the_standard_library(source: Path) -> None:
    allowed = {"django", "sandbox", *sys.stdlib_module_names}
    for node in ast.walk(ast.parse(source.read_text())):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "sandbox"]
        assert {name.split(".")[0] for name in names} <= allowed
