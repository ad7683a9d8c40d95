"""Probes, and the first page."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitoring import health
from monitoring.demo import facts_of_demo


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
