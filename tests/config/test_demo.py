"""`make demo`, really started: in a copy of the tree, so that nobody's own demo is touched."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from config.environment import ROOT

_NOT_COPIED = shutil.ignore_patterns(".*", "var", "tests", "__pycache__")
_PATIENCE_SECONDS = 100

# What a developer's shell may hold; none of it is for the demo.
_FOREIGN = {
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "PAYTABS_SERVER_KEY": "a-live-key",
    "DJANGO_DEBUG": "false",
}

# Whatever runs in the background of a shell was told to overhear Ctrl-C, and so are its children.
_AS_AT_A_TERMINAL = ("env", "--default-signal=INT")

pytestmark = pytest.mark.embedded


class Demo:
    """One clone, and the demo that is started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=_NOT_COPIED)
        shutil.copy(ROOT / ".env.example", folder)
        self.ports = {"PORT": _free_port(), "SANDBOX_PORT": _free_port()}

    def start(self) -> None:
        ports = {name: str(port) for name, port in self.ports.items()}
        with (self.folder / "output").open("w") as output:
            self.process = subprocess.Popen(
                [*_AS_AT_A_TERMINAL, sys.executable, "-m", "config.demo"],
                cwd=self.folder,
                env={**os.environ, **_FOREIGN, **ports},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < end, self.output
            time.sleep(0.02)

    def start_and_wait(self) -> dict[str, Any]:
        self.start()
        self.wait_for(lambda: "Ctrl-C ends everything" in self.output)
        facts: dict[str, Any] = json.loads((self.folder / "var" / "demo.json").read_text())
        return facts

    def end(self) -> int:
        """The exit status, once it has ended by itself; and nobody may be left."""
        status = self.process.wait(30)
        assert self.living() == [], self.output
        return status

    def living(self) -> list[str]:
        """The commands of all processes that work in this clone."""
        return [
            Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in self._pids("")
        ]

    def kill_one(self, command: str) -> None:
        os.kill(self._pids(command)[0], signal.SIGKILL)

    def kill_all(self) -> None:
        for pid in self._pids(""):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def _pids(self, command: str) -> list[int]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                works_here = (entry / "cwd").readlink() == self.folder
                if works_here and command in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "clone")
    yield demo
    demo.kill_all()


def test_the_demo_tells_where_to_look_and_comes_back_with_the_same_key(demo: Demo) -> None:
    facts = demo.start_and_wait()

    assert set(facts) == {"base_url", "sandbox_url", "providers", "api_key", "operator"}
    assert set(facts["operator"]) == {"username", "password"}
    assert requests.get(f"{facts['base_url']}/health/ready", timeout=10).status_code == 200
    assert requests.get(f"{facts['sandbox_url']}/control/paytabs", timeout=10).status_code == 200
    assert (demo.folder / "var" / "demo.env").stat().st_mode & 0o077 == 0

    os.killpg(demo.process.pid, signal.SIGINT)  # as a terminal does on Ctrl-C
    assert demo.end() == 0

    assert demo.start_and_wait() == facts
    demo.process.send_signal(signal.SIGTERM)
    assert demo.end() == 0


@pytest.mark.parametrize("victim", ["granian", "beat"])
def test_all_end_when_one_dies(demo: Demo, victim: str) -> None:
    demo.start_and_wait()
    demo.kill_one(victim)
    assert demo.end() != 0


@pytest.mark.parametrize(
    ("stage", "delay"),
    [("Preparing", 0.1), ("Preparing", 0.5), ("Starting", 0.0), ("Starting", 0.1)],
)
def test_an_impatient_ctrl_c_leaves_nothing_behind(demo: Demo, stage: str, delay: float) -> None:
    demo.start()
    demo.wait_for(lambda: stage in demo.output)
    time.sleep(delay)
    os.killpg(demo.process.pid, signal.SIGINT)
    assert demo.end() == 0
    assert "Traceback" not in demo.output


@pytest.mark.parametrize("name", ["PORT", "SANDBOX_PORT"])
def test_a_port_that_is_taken_is_named(demo: Demo, name: str) -> None:
    with socket.create_server(("127.0.0.1", demo.ports[name])):
        demo.start()
        assert demo.end() == 2
    assert f"{name}: {demo.ports[name]} is taken by another program" in demo.output


def test_a_port_that_is_no_port_is_refused(demo: Demo) -> None:
    demo.ports["PORT"] = 80000
    demo.start()
    assert demo.end() == 2
    assert "PORT: '80000' is not a port" in demo.output
