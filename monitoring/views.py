"""Probes, figures, and the first page."""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from monitoring import health
from monitoring.collectors import Records
from monitoring.demo import facts_of_demo
from monitoring.metrics import counted
from payments.api.addresses import client_address, is_within
from payments.crypto.signatures import same


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers; a restart would not help."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Whether requests may be sent here: the database answers and is migrated."""
    status, checks = health.verdict()
    return JsonResponse(
        {"status": status, "checks": checks}, status=503 if status == "down" else 200
    )


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What runs here and where to go; in the demo, a walk through a first payment."""
    return render(request, "home.html", {"demo": facts_of_demo()})


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What is counted and read, as Prometheus wants it, for who bears the token or stands near."""
    if not settings.MONITORING_ENABLED:
        raise Http404("Monitoring is switched off.")
    if not _may_read_metrics(request):
        raise PermissionDenied("Bear METRICS_TOKEN, or come from one of METRICS_IP_WHITELIST.")
    records = CollectorRegistry()
    records.register(Records())
    told = generate_latest(counted()) + generate_latest(records)
    return HttpResponse(told, content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    if token and same(request.headers.get("Authorization", ""), f"Bearer {token}"):
        return True
    return is_within(client_address(request), settings.METRICS_IP_WHITELIST)
