"""`python -m bench.chaos`: one run, its verdict printed and in var/chaos.json."""

import secrets
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import Any, NoReturn

from bench.chaos import VAR, CannotStart, servers
from bench.chaos.forms import FORMS, FULL, SQLITE
from bench.chaos.run import chaos
from bench.chaos.verdict import in_words

_ONLY_SQLITE = 3


def main() -> int:
    """0 where nothing was lost, 1 where something was or too little was tried, 2 where it could
    not begin, 3 where all went well on SQLite because the servers are not installed."""
    signal.signal(signal.SIGTERM, _interrupt)
    wanted = _arguments()
    form, missing = FORMS[wanted.form], servers.missing()
    if stands_in := form is FULL and bool(missing):
        print(f"{' and '.join(missing)} cannot be found here: the SQLite form is run instead.")
        form = SQLITE
    form = form.lasting(wanted.minutes) if wanted.minutes else form
    form = form.by_workers() if wanted.by_workers else form
    how = f"Seed {wanted.seed}, form {form.name}, news applied by the {form.applied_by}"
    print(f"{how}; logs are in {VAR / 'chaos'}.", flush=True)
    try:
        with _only_one_here():
            said = chaos(form, wanted.seed, VAR / "chaos")
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    (VAR / "chaos.json").write_text(said.as_json())
    print(f"\n{in_words(said)}")
    return 1 if not said.is_good else _ONLY_SQLITE if stands_in else 0


@contextmanager
def _only_one_here() -> Iterator[None]:
    """Two runs would share a folder, and each begins by emptying it."""
    VAR.mkdir(exist_ok=True)
    with (VAR / "chaos.lock").open("w") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise CannotStart("A run is under way in this folder already.") from None
        yield


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--form", choices=sorted(FORMS), default=FULL.name)
    parser.add_argument("--by-workers", action="store_true", help="workers apply the news")
    parser.add_argument("--minutes", type=float, help="the whole run, recovery included")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
