"""Health beyond the probes, with the API's manners: each provider's, and all for operators."""

from typing import Any

from django.http import Http404
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring import health, providers
from payments.api.breakers import BreakerSerializer, facts_of
from payments.api.views import PaymentsApi
from payments.gateways.registry import configured, gateway_named
from payments.services import breaker_sweep, breakers

_STATUSES = ["ok", "degraded", "down"]


class LastHourSerializer(serializers.Serializer[Any]):
    """The recorded calls of the last hour; latencies in milliseconds, the rate in percent."""

    calls = serializers.IntegerField(help_text="That ended; refused ones are counted apart.")
    refused = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)
    latency_mean = serializers.FloatField(allow_null=True)
    latency_p95 = serializers.FloatField(allow_null=True)


class BreakerStateSerializer(serializers.Serializer[Any]):
    """One breaker in three words."""

    name = serializers.CharField()
    state = serializers.ChoiceField(["CLOSED", "OPEN", "HALF_OPEN"])
    forced = serializers.ChoiceField(["forced-open", "disabled"], allow_null=True)


class WebhooksSerializer(serializers.Serializer[Any]):
    """Whether its notices can be believed here, and when the last one came."""

    configured = serializers.BooleanField()
    generic_configured = serializers.BooleanField()
    addresses_listed = serializers.BooleanField()
    last_received_at = serializers.DateTimeField(allow_null=True)


class ProviderHealthSerializer(serializers.Serializer[Any]):
    """One provider, as our own records tell of it."""

    provider = serializers.CharField()
    status = serializers.ChoiceField(_STATUSES)
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_hour = LastHourSerializer()
    circuit_breakers = BreakerStateSerializer(many=True)
    webhooks = WebhooksSerializer()
    timestamp = serializers.DateTimeField()


class BreakersHealthSerializer(serializers.Serializer[Any]):
    """Every circuit breaker with its figures."""

    status = serializers.ChoiceField(_STATUSES)
    circuit_breakers = BreakerSerializer(many=True)


class DetailedHealthSerializer(serializers.Serializer[Any]):
    """This service, and everybody it stands on."""

    status = serializers.ChoiceField(_STATUSES)
    checks = serializers.DictField(child=serializers.CharField())
    providers = ProviderHealthSerializer(many=True)


@method_decorator(never_cache, name="dispatch")
class ProviderHealthView(PaymentsApi):
    """`GET /health/{provider}`: open to everybody, so it dials nobody and tells no secret."""

    is_probe = True
    scope = None
    authentication_classes: Any = []
    serializer_class = ProviderHealthSerializer

    @extend_schema(responses=ProviderHealthSerializer, auth=[])
    def retrieve(self, request: Request, provider: str) -> Response:
        """What our own records tell of a provider. 503 while new payments are turned away."""
        if provider not in configured():
            raise Http404(f"No provider {provider!r} is connected here.")
        told = providers.health_of(gateway_named(provider))
        return Response(ProviderHealthSerializer(told).data, _http_status(told["status"]))


@method_decorator(never_cache, name="dispatch")
class OperatorsHealthView(PaymentsApi):
    """`GET /health/circuit-breakers`, `GET /health/detailed`."""

    is_probe = True
    scope = "operator"
    serializer_class = DetailedHealthSerializer

    @extend_schema(responses=BreakersHealthSerializer)
    def circuit_breakers(self, request: Request) -> Response:
        """Every circuit breaker."""
        breaker_sweep.obey_operators()
        told = [facts_of(breaker) for breaker in breakers.all_breakers()]
        calm = all(each["state"] == "CLOSED" and not each["forced"] for each in told)
        status = "ok" if calm else "degraded"
        body = {"status": status, "circuit_breakers": told}
        return Response(BreakersHealthSerializer(body).data)

    @extend_schema(responses=DetailedHealthSerializer)
    def detailed(self, request: Request) -> Response:
        """This service, and every provider. 503 while requests cannot be served."""
        status, checks = health.verdict()
        told = providers.health_of_all() if status != "down" else []
        if status == "ok" and any(each["status"] != "ok" for each in told):
            status = "degraded"
        body = {"status": status, "checks": checks, "providers": told}
        return Response(DetailedHealthSerializer(body).data, _http_status(status))


def _http_status(status: str) -> int:
    return 503 if status == "down" else 200
