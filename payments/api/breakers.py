"""The circuit breakers, for operators: every one with its figures; reset, force, release."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from payments.api.permissions import caller_of
from payments.api.views import PaymentsApi
from payments.events import context
from payments.resilience.breaker import Breaker
from payments.resilience.controls import Mode
from payments.resilience.report import Statistics
from payments.services import breakers
from payments.services.breaker_sweep import obey_operators

_MAY_END = ("force-open", "disable")
_DEEDS: dict[str, Callable[..., Breaker]] = {
    "reset": breakers.reset,
    "force-open": breakers.force_open,
    "disable": breakers.disable,
    "release": breakers.release,
}


class SnapshotSerializer(serializers.Serializer[Any]):
    """The rolling window: counts, and latencies in milliseconds."""

    rolling_count_failure = serializers.IntegerField()
    rolling_count_success = serializers.IntegerField()
    rolling_count_timeout = serializers.IntegerField()
    rolling_count_short_circuited = serializers.IntegerField()
    latency_execute_mean = serializers.FloatField()
    latency_total_mean = serializers.FloatField()
    latency_p50 = serializers.FloatField()
    latency_p95 = serializers.FloatField()
    latency_p99 = serializers.FloatField()


class BreakerSerializer(serializers.Serializer[Any]):
    """One breaker. Counts are of its life, rates and uptime percentages."""

    name = serializers.CharField()
    group = serializers.CharField(help_text="The provider.")
    scope = serializers.ChoiceField(["process", "shared"])
    state = serializers.ChoiceField(["CLOSED", "OPEN", "HALF_OPEN"])
    forced = serializers.ChoiceField(["forced-open", "disabled"], allow_null=True)
    failures = serializers.IntegerField()
    successes = serializers.IntegerField()
    rejects = serializers.IntegerField()
    fires = serializers.IntegerField()
    opens = serializers.IntegerField()
    half_opens = serializers.IntegerField()
    closes = serializers.IntegerField()
    fallbacks = serializers.IntegerField()
    fallback_failures = serializers.IntegerField()
    lease_expired = serializers.IntegerField(help_text="Trials whose process died.")
    timeouts = serializers.IntegerField()
    slow_calls = serializers.IntegerField()
    late = serializers.IntegerField()
    ignored = serializers.IntegerField()
    error_rate = serializers.FloatField()
    success_rate = serializers.FloatField()
    slow_call_rate = serializers.FloatField()
    uptime = serializers.FloatField()
    throughput = serializers.FloatField(help_text="Completed calls a second.")
    last_failure_at = serializers.DateTimeField(allow_null=True)
    next_retry_at = serializers.DateTimeField(allow_null=True)
    snapshot = SnapshotSerializer()
    configuration = serializers.DictField(child=serializers.CharField())


class DeedSerializer(serializers.Serializer[Any]):
    """Why; the history keeps it. And until when, where it is an order that may end by itself."""

    reason = serializers.CharField(max_length=255, default="asked for through the API")
    until = serializers.DateTimeField(
        required=False, help_text="`force-open` and `disable` alone; else until further notice."
    )

    def validate_until(self, until: datetime) -> datetime:
        if self.context["deed"] not in _MAY_END:
            raise serializers.ValidationError("This is done at once and has no end.")
        if until <= timezone.now():
            raise serializers.ValidationError("This is over already.")
        return until


def facts_of(breaker: Breaker) -> dict[str, Any]:
    """What INTERFACE and health pages tell of one breaker."""
    now = breaker.statistics()
    totals = now.totals
    return {
        "name": now.name,
        "group": breakers.provider_of(now.name),
        "scope": now.scope.value,
        "state": now.state.name,
        "forced": None if now.mode is Mode.AUTO else now.mode.value,
        "failures": totals.failures,
        "successes": totals.successes,
        "rejects": totals.rejects,
        "fires": totals.fires,
        "opens": totals.opens,
        "half_opens": totals.half_opens,
        "closes": totals.closes,
        "fallbacks": totals.fallbacks,
        "fallback_failures": totals.fallback_failures,
        "lease_expired": totals.lease_expired,
        "timeouts": totals.timeouts,
        "slow_calls": totals.slow,
        "late": totals.late,
        "ignored": totals.ignored,
        "error_rate": now.error_rate,
        "success_rate": now.success_rate,
        "slow_call_rate": now.slow_rate,
        "uptime": now.uptime,
        "throughput": now.throughput,
        "last_failure_at": now.last_failure_at,
        "next_retry_at": now.next_retry_at,
        "snapshot": _snapshot_of(now),
        "configuration": breakers.configuration_of(now.policy),
    }


def _snapshot_of(now: Statistics) -> dict[str, Any]:
    mean = _milliseconds(now.latency.mean)
    return {
        "rolling_count_failure": now.rolling.failures,
        "rolling_count_success": now.rolling.successes,
        "rolling_count_timeout": now.rolling.timeouts,
        "rolling_count_short_circuited": now.rolling.rejects,
        # What a call waits for is the provider: the breaker's own part is not worth a figure.
        "latency_execute_mean": mean,
        "latency_total_mean": mean,
        "latency_p50": _milliseconds(now.latency.p50),
        "latency_p95": _milliseconds(now.latency.p95),
        "latency_p99": _milliseconds(now.latency.p99),
    }


def _milliseconds(span: timedelta) -> float:
    return span / timedelta(milliseconds=1)


class BreakersView(PaymentsApi):
    """`GET /circuit-breaker/stats`, `POST /circuit-breaker/{name}/{deed}`."""

    scope = "operator"
    serializer_class = BreakerSerializer

    @extend_schema(responses=BreakerSerializer(many=True))
    def stats(self, request: Request) -> Response:
        """Every breaker."""
        obey_operators()
        told = [facts_of(breaker) for breaker in breakers.all_breakers()]
        return Response(BreakerSerializer(told, many=True).data)

    @extend_schema(responses=BreakerSerializer)
    def read(self, request: Request, name: str) -> Response:
        """One breaker."""
        breaker = breakers.breaker_named(name)
        breaker.obey()
        return Response(BreakerSerializer(facts_of(breaker)).data)

    @extend_schema(request=DeedSerializer, responses=BreakerSerializer)
    def act(self, request: Request, name: str, deed: str) -> Response:
        """Close it and let it begin anew, force it open, disable it, or let it decide again."""
        body = DeedSerializer(data=request.data, context={"deed": deed})
        body.is_valid(raise_exception=True)
        with context.bound(actor=caller_of(request)):
            done = _DEEDS[deed](name, **body.validated_data)
        return Response(BreakerSerializer(facts_of(done)).data)
