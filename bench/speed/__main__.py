"""`python -m bench.speed`: one run, printed and kept in var/bench.json."""

import signal
import sys
from argparse import ArgumentParser, Namespace
from typing import Any, NoReturn

from bench.chaos import CannotStart
from bench.chaos.servers import missing
from bench.speed import FOLDER, REPORT, CannotMeasure
from bench.speed.report import Report, machine
from bench.speed.rounds import Rounds
from bench.speed.stage import Stage


def main() -> int:
    """0 where every floor holds, 1 where one is missed, 2 where it could not be measured."""
    signal.signal(signal.SIGTERM, _interrupt)
    wanted = _arguments()
    try:
        report = _measured(wanted.rounds, wanted.seconds)
    except (CannotMeasure, CannotStart) as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    report.write(REPORT)
    print(report.as_text())
    return 0 if report.is_good else 1


def _measured(rounds: int, seconds: int) -> Report:
    if lacking := missing():
        raise CannotMeasure(f"{' and '.join(lacking)} cannot be found here.")
    print(f"{rounds} rounds of {seconds} s a figure; logs are in {FOLDER}.", flush=True)
    _show("servers")
    with Stage() as stage:
        told = machine(stage.database_facts())
        bench = Rounds(stage, seconds, _show)
        bench.warm_up()
        found = []
        for number in range(rounds):
            _show.prefix = f"round {number + 1} of {rounds}: "
            found.append(bench.measure(is_first=number == 0))
    _show("")
    return Report(told, seconds, bench.statements, found)


class _Progress:
    """One line that changes, where somebody looks on."""

    prefix = ""

    def __call__(self, what: str) -> None:
        if sys.stdout.isatty():
            line = f"{self.prefix}{what} …" if what else ""
            print(f"\r\033[K{line}", end="", flush=True)


_show = _Progress()


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="for each figure of a round")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
