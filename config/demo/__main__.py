"""The start of the demo: prepare, start the processes, wait for their end."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from threading import Timer
from typing import Any, NoReturn

from config.demo import DATABASE, VAR, Refused, guide, settings
from config.demo.processes import Processes
from config.environment import ROOT


def main() -> int:
    """Answers the exit status; 0 when the end was asked for."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _demonstrate()
    except Refused as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _demonstrate() -> int:
    with _only_one_here():
        chosen = settings.prepare()
        environment = settings.environment_of(chosen)
        return _run(environment, guide.Guide(chosen, _credentials(environment)))


@contextmanager
def _only_one_here() -> Iterator[None]:
    """Two demos would share a database, a broker and a `demo.json`."""
    VAR.mkdir(exist_ok=True)
    with (VAR / "demo.lock").open("w") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise Refused("A demo runs in this folder already; end it, or use another.") from None
        yield


def _credentials(environment: dict[str, str]) -> dict[str, Any]:
    """Those of the last start, as long as its database is there."""
    credentials = guide.credentials_of_last_start()
    is_new = not DATABASE.exists()
    print("Preparing the database …", flush=True)
    _manage(environment, "migrate", "--verbosity", "0")
    if is_new or not credentials:
        credentials = json.loads(_manage(environment, "seed_demo", "--json").splitlines()[-1])
    return credentials


def _manage(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C is for us: we end it, and it need not say how
    )
    if done.returncode:
        raise Refused(f"manage.py {command[0]} failed; what it said is above.")
    return done.stdout


def _run(environment: dict[str, str], leader: guide.Guide) -> int:
    """Start everybody; the guide begins a moment later, when all forks are made."""
    print("Starting web, worker, beat and sandbox …", flush=True)
    processes = Processes(environment)
    watch = Timer(1.0, leader.lead, [processes.terminate])
    watch.daemon = True
    watch.start()
    return processes.run()


if __name__ == "__main__":
    sys.exit(main())
