"""The circuit breakers from the shell."""

import json
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from payments.api.breakers import facts_of
from payments.errors import UnknownBreaker
from payments.events import context
from payments.management.commands.recover_stuck_payments import duration
from payments.resilience.breaker import Breaker
from payments.resilience.policy import Policy
from payments.resilience.storage import Scope
from payments.services import breaker_sweep, breakers
from payments.services.rehearsal import Findings, Rehearsal, recorded, rehearse

_DEEDS: dict[str, Callable[..., Breaker]] = {
    "reset": breakers.reset,
    "open": breakers.force_open,
    "disable": breakers.disable,
    "release": breakers.release,
}
_THRESHOLDS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "error_rate": (float, "50", "percent of failed calls at which it opens"),
    "slow_rate": (float, "50", "percent of slow calls at which it opens; over 100: never"),
    "minimum_requests": (int, "10", "so many calls must have ended before it is judged"),
    "window": (duration, "10s", "how far it looks back"),
    "buckets": (int, "10", "into how many pieces the window is cut"),
    "slow_call": (duration, "10s", "what takes longer is slow"),
    "reset_timeout": (duration, "30s", "for how long it stays open at first"),
}
_ALONE = (
    "Without Redis each process counts for itself, and this one has called nobody: the console"
    " shows what the web process sees."
)


def moment(text: str) -> datetime | timedelta:
    """`2026-01-31T00:00:00Z`, or a distance from now like `30m`."""
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        return duration(text)
    if timezone.is_naive(found):
        raise ArgumentTypeError(f"{text!r} has no zone; write it like 2026-01-31T00:00:00Z")
    return found


class Command(BaseCommand):
    """List the circuit breakers, act on one, or play its recorded calls to other thresholds."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = ("list", *_DEEDS, "simulate")
        parser.add_argument("deed", nargs="?", default="list", choices=deeds)
        parser.add_argument("name", nargs="?", default="", help="whose; list alone can do without")
        parser.add_argument("--json", action="store_true", help="print JSON")
        acting = parser.add_argument_group("reset, open, disable, release")
        acting.add_argument("--reason", default="asked for from the shell", help="kept for good")
        acting.add_argument(
            "--until", type=moment, metavar="30m", help="open, disable: until then, or for so long"
        )
        rehearsing = parser.add_argument_group("simulate", "what is not said is as it is set")
        rehearsing.add_argument("--since", type=moment, metavar="2d", help="calls since then only")
        for threshold, (kind, example, meaning) in _THRESHOLDS.items():
            flag = f"--{threshold.replace('_', '-')}"
            rehearsing.add_argument(flag, type=kind, metavar=example, help=meaning)

    def handle(self, *args: Any, **options: Any) -> None:
        deed, name = options["deed"], options["name"]
        if deed == "list":
            breaker_sweep.obey_operators()
            self._list([_named(name)] if name else list(breakers.all_breakers()), options["json"])
        elif deed == "simulate":
            self._simulate(_named(name), options)
        else:
            self._act(deed, _named(name), options)

    def _list(self, shown: list[Breaker], as_json: bool) -> None:
        if as_json:
            self.stdout.write(_as_json([facts_of(breaker) for breaker in shown]))
            return
        for line in _in_columns(shown):
            self.stdout.write(line)
        if any(breaker.statistics().scope is Scope.PROCESS for breaker in shown):
            self.stderr.write(_ALONE)

    def _act(self, deed: str, breaker: Breaker, options: dict[str, Any]) -> None:
        told = {"reason": options["reason"]}
        if options["until"] is not None:
            if deed not in ("open", "disable"):
                raise CommandError(f"--until does not go with {deed}.")
            told["until"] = _end_of(options["until"])
        with context.bound(actor="shell"):
            done = _DEEDS[deed](breaker.name, **told)
        if options["json"]:
            self.stdout.write(_as_json(facts_of(done)))
        else:
            now = done.statistics()
            self.stdout.write(f"{now.name} is {now.state}, its mode {now.mode}.")

    def _simulate(self, breaker: Breaker, options: dict[str, Any]) -> None:
        given = {name: options[name] for name in _THRESHOLDS if options[name] is not None}
        policy = _changed(breaker.policy, given)
        since = options["since"]
        since = timezone.now() - since if isinstance(since, timedelta) else since
        findings = self._rehearsed(breaker.name, policy, since)
        if options["json"]:
            told = asdict(findings) | {"open_for": findings.open_for.total_seconds()}
            thresholds = breakers.configuration_of(policy)
            told |= {"name": breaker.name, "configuration": thresholds}
            self.stdout.write(_as_json(told))
            return
        for line in _in_words(findings):
            self.stdout.write(line)

    def _rehearsed(self, name: str, policy: Policy, since: datetime | None) -> Findings:
        calls, rehearsal = recorded(name, since), Rehearsal(name, policy)
        is_watched = self.stderr.isatty()
        total = calls.count() if is_watched else 0
        for number in rehearse(calls, rehearsal):
            if is_watched and (number % 1000 == 0 or number == total):
                self.stderr.write(f"\r{number}/{total}", ending="")
        return rehearsal.finish()


def _named(name: str) -> Breaker:
    try:
        return breakers.breaker_named(name)
    except UnknownBreaker as error:
        raise CommandError(error.detail) from None


def _end_of(until: datetime | timedelta) -> datetime:
    end = timezone.now() + until if isinstance(until, timedelta) else until
    if end <= timezone.now():
        raise CommandError(f"--until: {end} is over already.")
    return end


def _changed(policy: Policy, given: dict[str, Any]) -> Policy:
    if "minimum_requests" in given:
        given["volume_threshold"] = None  # the larger of the two would win
    try:
        return replace(policy, **given)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _as_json(told: Any) -> str:
    return json.dumps(told, cls=DjangoJSONEncoder)


def _in_columns(shown: list[Breaker]) -> Iterator[str]:
    line = "{:28} {:10} {:12} {:14} {:14} {:>6} {:>8}  {}"
    yield line.format("NAME", "STATE", "MODE", "FAILED", "SLOW", "CALLS", "REFUSED", "NEXT TRY")
    for breaker in shown:
        now = breaker.statistics()
        failed = f"{now.error_rate:.0f} % of {now.policy.error_rate:.0f}"
        slow = f"{now.slow_rate:.0f} % of {now.policy.slow_rate:.0f}"
        again = f"{now.next_retry_at:%H:%M:%S} UTC" if now.next_retry_at else ""
        counts = (now.rolling.completed, now.rolling.rejects)
        yield line.format(now.name, now.state, now.mode, failed, slow, *counts, again).rstrip()


def _in_words(found: Findings) -> Iterator[str]:
    if not found.first_at or not found.last_at:
        yield "No call of it is recorded."
        return
    yield f"{found.calls} calls from {_second(found.first_at)} to {_second(found.last_at)}:"
    yield f"  {found.failed} failed, {found.refused_then} were refused then."
    yield f"Times it would have opened: {len(found.outages)}, for {_length(found.open_for)} in all."
    for outage in found.outages:
        end = outage.closed_at or found.last_at
        until = f"for {_length(end - outage.opened_at)}" if outage.closed_at else "and stayed open"
        trials = f", {outage.failed_trials} failed trials" if outage.failed_trials else ""
        yield f"  {_second(outage.opened_at)}  {outage.reason}, {until}{trials}"
    yield f"Failing calls it would have spared: {found.saved}."
    refused = f"Answered calls it would have refused: {found.lost}, declined ones included;"
    yield f"{refused} payments among them that succeeded: {found.lost_payments}."


def _second(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _length(span: timedelta) -> str:
    return str(timedelta(seconds=round(span.total_seconds())))
