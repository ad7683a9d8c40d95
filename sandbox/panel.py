"""The control panel for people: the dials of every company and what happened lately."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from sandbox.companies import COMPANIES
from sandbox.models import Dials, Notice, Payment
from sandbox.server import LOOPBACK

SHOWN = 30
ACTIONS = ("approve", "decline", "insufficient_funds", "3ds", "authentication_failed", "cancel")


@require_safe
def panel(request: HttpRequest) -> HttpResponse:
    companies = [
        {
            "name": name,
            "url": f"http://{LOOPBACK}:{settings.COMPANY_PORTS[name]}",
            "dials": Dials.of(name),
            "modes": Dials.Mode.values,
            "payments": Payment.objects.filter(company=name).order_by("-id")[:SHOWN],
            "notices": Notice.objects.filter(company=name).order_by("-id")[:SHOWN],
            "actions": [verb for verb in ACTIONS if verb in COMPANIES[name].VERBS],
        }
        for name in COMPANIES
    ]
    return render(request, "sandbox/panel.html", {"companies": companies})
