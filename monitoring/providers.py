"""What our own records tell of each provider's health; nobody is dialled for it."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Avg, Count, Q, QuerySet
from django.utils import timezone

from payments.gateways.contract import Gateway
from payments.gateways.guarded import breaker_names
from payments.gateways.registry import configured, gateway_named
from payments.models import GatewayCall
from payments.resilience import registry
from payments.resilience.controls import Mode
from payments.resilience.report import Statistics
from payments.resilience.storage import BreakerState, Outcome
from webhooks.models import PaymentWebhookEvent

_LOOKED_BACK = timedelta(hours=1)
_KEPT_FOR = 10  # seconds: anybody may ask, and an hour may hold many calls
_MILLISECOND = timedelta(milliseconds=1)
_ENDED = (Outcome.SUCCESS, Outcome.EXCLUDED, Outcome.FAILURE, Outcome.TIMEOUT)


def health_of_all() -> list[dict[str, Any]]:
    """Every provider that is connected here."""
    return [health_of(gateway_named(name)) for name in configured()]


def health_of(gateway: Gateway) -> dict[str, Any]:
    """`down` while new payments are turned away, `degraded` while any other call may be."""
    breakers = [registry.get(name).statistics() for name in breaker_names(gateway)]
    return {
        "provider": gateway.name,
        "status": _status_of(breakers),
        **_recorded(gateway),
        "circuit_breakers": [_state_of(now) for now in breakers],
        "webhooks": _webhooks_of(gateway.name),
        "timestamp": timezone.now(),
    }


def _status_of(breakers: list[Statistics]) -> str:
    """The first breaker is that of new payments."""
    if _refuses(breakers[0]):
        return "down"
    calm = all(now.state is BreakerState.CLOSED and now.mode is Mode.AUTO for now in breakers)
    return "ok" if calm else "degraded"


def _refuses(now: Statistics) -> bool:
    is_open = now.state is BreakerState.OPEN and now.mode is not Mode.DISABLED
    return is_open or now.mode is Mode.FORCED_OPEN


def _state_of(now: Statistics) -> dict[str, Any]:
    forced = None if now.mode is Mode.AUTO else now.mode.value
    return {"name": now.name, "state": now.state.name, "forced": forced}


def _recorded(gateway: Gateway) -> dict[str, Any]:
    key = f"provider-health:{gateway.name}"
    told: dict[str, Any] | None = cache.get(key)
    if told is None:
        names = list(breaker_names(gateway))
        told = {"last_success_at": _last_success(names), "last_hour": _last_hour(names)}
        cache.set(key, told, _KEPT_FOR)
    return told


def _last_success(names: list[str]) -> datetime | None:
    """One look a breaker, each at the end of its own index."""
    calls = GatewayCall.objects.filter(outcome=Outcome.SUCCESS).order_by("-started_at")
    latest = [calls.filter(breaker=n).values_list("started_at", flat=True).first() for n in names]
    return max((at for at in latest if at), default=None)


def _last_hour(names: list[str]) -> dict[str, Any]:
    since = timezone.now() - _LOOKED_BACK
    calls = GatewayCall.objects.filter(breaker__in=names, started_at__gte=since).order_by()
    ended = calls.filter(outcome__in=_ENDED)
    good = Count("pk", filter=Q(outcome__in=(Outcome.SUCCESS, Outcome.EXCLUDED)))
    told = ended.aggregate(calls=Count("pk"), good=good, mean=Avg("duration"))
    count = told["calls"]
    return {
        "calls": count,
        "refused": calls.filter(outcome=Outcome.REFUSED).count(),
        "success_rate": 100 * told["good"] / count if count else None,
        "latency_mean": told["mean"] / _MILLISECOND if count else None,
        "latency_p95": _p95(ended, count) if count else None,
    }


def _p95(ended: QuerySet[GatewayCall], count: int) -> float:
    place = -(-95 * count // 100) - 1
    durations = ended.order_by("duration").values_list("duration", flat=True)
    return durations[place] / _MILLISECOND


def _webhooks_of(provider: str) -> dict[str, Any]:
    facts = settings.PROVIDERS[provider]
    received = PaymentWebhookEvent.objects.filter(provider=provider).order_by("-received_at")
    return {
        # Who has no secret of its own for them signs with the key that connected it.
        "configured": bool(facts.get("webhook_secrets", True)),
        "generic_configured": bool(facts["generic_webhook_secrets"]),
        "addresses_listed": bool(facts["ip_whitelist"]),
        "last_received_at": received.values_list("received_at", flat=True).first(),
    }
