"""The circuit breakers around every provider's operations, and what operators do to them.

One breaker an operation of a provider: a verification that hangs must not stop charges. What
operators want is written in rows that every process obeys, Redis or not.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from payments import signals
from payments.errors import NotSupported, UnknownBreaker
from payments.events import context, store
from payments.events.signal import Aggregate
from payments.gateways.client import CannotSay
from payments.gateways.guarded import breaker_names
from payments.gateways.registry import configured, gateway_named
from payments.gateways.wire import Crowded, TimedOut
from payments.models import BreakerControl
from payments.resilience import registry
from payments.resilience.breaker import Breaker
from payments.resilience.controls import Control, ControlsUnreadable, Mode
from payments.resilience.policy import Policy
from payments.resilience.report import Statistics
from payments.resilience.signals import BreakerChanged
from payments.resilience.storage import ChangeKind

# With which errors a call counts as one that took too long. A door that ends calls from outside,
# like the background worker, adds its own.
TIMEOUTS: list[type[Exception]] = [TimedOut]
_FORCED = signals.circuit_breaker_forced
_TIME_IS_OVER = "its time is over"
_TOLD = {
    ChangeKind.OPENED: signals.circuit_breaker_opened,
    ChangeKind.HALF_OPEN: signals.circuit_breaker_half_open,
    ChangeKind.CLOSED: signals.circuit_breaker_closed,
}


class _Rows:
    """Operators' words, as the machinery reads them."""

    def read(self, name: str) -> Control:
        try:
            row = BreakerControl.objects.filter(pk=name).first()
        except DatabaseTrouble as error:
            raise ControlsUnreadable from error
        return row.as_control() if row else Control()


def make_breaker(name: str) -> Breaker:
    """A breaker with its settings, its store, and the operators' words."""
    policy = policy_for(name)
    kept_in = registry.open_store(name, policy, settings.REDIS_URL, settings.REDIS_KEY_PREFIX)
    return Breaker(
        kept_in,
        policy,
        controls=_Rows(),
        ignore=[CannotSay, NotSupported, Crowded],
        timeouts=TIMEOUTS,
    )


def policy_for(name: str) -> Policy:
    """What is usual, what its provider's breakers have of their own, and what it has alone."""
    provider, told = provider_of(name), settings.CIRCUIT_BREAKERS
    facts: dict[str, Any] = dict(told.get("", {}))
    if provider in settings.PROVIDERS:
        facts["request_timeout"] = settings.PROVIDERS[provider]["timeout"]
    return Policy(**facts | told.get(provider, {}) | told.get(name, {}))


def all_breakers() -> Iterator[Breaker]:
    """Every breaker of the providers that are connected here, used yet or not."""
    for provider in configured():
        for name in breaker_names(gateway_named(provider)):
            yield registry.get(name)


def breaker_named(name: str) -> Breaker:
    """Raises UnknownBreaker where no provider that is connected here has it."""
    known = {breaker.name: breaker for breaker in all_breakers()}
    if name not in known:
        names = ", ".join(known) or "none"
        raise UnknownBreaker(f"There is no breaker {name!r}; there are: {names}.")
    return known[name]


def reset(name: str, *, reason: str) -> Breaker:
    """Close a breaker and let it begin anew, in every process. Raises UnknownBreaker."""
    return _order(name, Mode.AUTO, reason, epoch=F("epoch") + 1)


def force_open(name: str, *, reason: str, until: datetime | None = None) -> Breaker:
    """Let no call pass until further notice, or until then. Raises UnknownBreaker."""
    return _order(name, Mode.FORCED_OPEN, reason, until=until)


def disable(name: str, *, reason: str, until: datetime | None = None) -> Breaker:
    """Let every call pass, and only count. Raises UnknownBreaker."""
    return _order(name, Mode.DISABLED, reason, until=until)


def release(name: str, *, reason: str) -> Breaker:
    """Let the breaker decide for itself again. Raises UnknownBreaker."""
    return _order(name, Mode.AUTO, reason)


def _order(name: str, mode: Mode, reason: str, **facts: Any) -> Breaker:
    breaker = breaker_named(name)
    told = {"mode": mode, "reason": reason[:255], "actor": context.current().actor}
    told |= {"until": None, "changed_at": timezone.now(), "version": F("version") + 1} | facts
    breaker.obey()  # a breaker that is new here hears first what was ordered before
    order = facts_of(breaker.statistics(), mode, reason)
    if until := facts.get("until"):
        order = replace(order, next_retry_at=until.isoformat())
    with transaction.atomic(durable=True):
        BreakerControl.objects.get_or_create(name=name)
        BreakerControl.objects.filter(name=name).update(**told)
        signal = signals.circuit_breaker_reset if "epoch" in facts else _FORCED
        store.record(signal, history_of(name), order)
    breaker.obey()
    return breaker


def history_of(name: str) -> Aggregate:
    """Whose history a breaker's events are."""
    return Aggregate("breaker", name)


def facts_of(now: Statistics, mode: Mode, reason: str) -> signals.BreakerFacts:
    """What an event that is no transition tells of a breaker."""
    return signals.BreakerFacts(
        name=now.name,
        provider=provider_of(now.name),
        state=now.state.value,
        previous_state=now.state.value,
        mode=mode.value,
        reason=reason,
        scope=now.scope.value,
        generation=now.generation,
        completed=now.rolling.completed,
        failures=now.rolling.failures,
        slow_calls=now.rolling.slow,
        error_rate=f"{now.error_rate:.1f}",
        slow_call_rate=f"{now.slow_rate:.1f}",
        next_retry_at=_spelled(now.next_retry_at),
        last_failure_at=_spelled(now.last_failure_at),
        configuration=configuration_of(now.policy),
    )


def keep_change(change: BreakerChanged) -> None:
    """Write a transition into its breaker's history; an operator's order stands there already.

    That an order's time is over, nobody has written down yet.
    """
    signal, facts = _TOLD.get(change.kind), _facts_of_change(change)
    if signal is None and _has_run_out(change):
        signal, facts = _FORCED, replace(facts, reason=_TIME_IS_OVER)
    if signal is None:
        return
    with transaction.atomic():
        store.record(signal, history_of(change.name), facts)
        if change.kind is ChangeKind.OPENED:
            store.record(signals.service_unavailable, history_of(change.name), facts)


def _has_run_out(change: BreakerChanged) -> bool:
    """Whether the breaker decides again because the time of an order is over."""
    if change.kind is not ChangeKind.FORCED or change.mode is not Mode.AUTO:
        return False
    return BreakerControl.objects.filter(pk=change.name, until__isnull=False).exists()


def _facts_of_change(change: BreakerChanged) -> signals.BreakerFacts:
    return signals.BreakerFacts(
        name=change.name,
        provider=provider_of(change.name),
        state=change.after.value,
        previous_state=change.before.value,
        mode=change.mode.value,
        reason=change.reason,
        scope=change.scope.value,
        generation=change.generation,
        completed=change.completed,
        failures=change.failures,
        slow_calls=change.slow,
        error_rate=f"{change.error_rate:.1f}",
        slow_call_rate=f"{change.slow_rate:.1f}",
        next_retry_at=(timezone.now() + change.retry_after).isoformat(),
        last_failure_at=_spelled(registry.get(change.name).statistics().last_failure_at),
        configuration=configuration_of(policy_for(change.name)),
    )


def _spelled(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def configuration_of(policy: Policy) -> dict[str, str]:
    """A policy as people write it."""
    facts = asdict(policy)
    return {
        name: f"{value.total_seconds():g} s" if isinstance(value, timedelta) else str(value)
        for name, value in facts.items()
        if value is not None
    }


def provider_of(name: str) -> str:
    """Whose breaker it is."""
    return name.partition("-")[0]
