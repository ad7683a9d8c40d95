"""The control API: turn a company's dials, see its truth, act in the payer's place."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_http_methods

from sandbox.companies import COMPANIES
from sandbox.dials import DialRefused, shown, throw_away_dice, turn
from sandbox.mishaps import MISHAPS
from sandbox.models import ActRefused, Dials, Notice, Payment
from sandbox.notices import silence
from sandbox.server import obey

NOTICE_FIELDS = (
    "transaction_ref",
    "channel",
    "url",
    "status",
    "attempts",
    "forged",
    "last_answer",
    "due_at",
    "headers",
    "body",
)


def _problem(status: int, text: str) -> JsonResponse:
    return JsonResponse({"error": text}, status=status)


def _of_company(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Only companies that are played here."""

    @wraps(view)
    def wrapped(request: HttpRequest, company: str, **kwargs: str) -> HttpResponse:
        if company not in COMPANIES:
            return _problem(404, f"{company} is not played here; {', '.join(COMPANIES)} are")
        return view(request, company, **kwargs)

    return wrapped


@require_http_methods(["GET", "PUT"])
@_of_company
def dials(request: HttpRequest, company: str) -> HttpResponse:
    if request.method == "PUT":
        try:
            with transaction.atomic():
                turned = Dials.of(company)
                turn(turned, json.loads(request.body))
        except DialRefused as error:
            return _problem(400, str(error))
        except (ValueError, RecursionError):
            return _problem(400, "the body is not JSON")
        obey(company, turned.mode)
    return JsonResponse(shown(Dials.of(company)))


@require_http_methods(["GET"])
@_of_company
def payments(request: HttpRequest, company: str) -> HttpResponse:
    ours = Payment.objects.filter(company=company).order_by("id")
    return JsonResponse([payment.truth() for payment in ours], safe=False)


@require_http_methods(["GET"])
@_of_company
def notices(request: HttpRequest, company: str) -> HttpResponse:
    ours: Any = Notice.objects.filter(company=company).order_by("id").values(*NOTICE_FIELDS)
    return JsonResponse(list(ours), safe=False)


@require_http_methods(["POST"])
@_of_company
def act(request: HttpRequest, company: str, ref: str, verb: str) -> HttpResponse:
    player = COMPANIES[company]
    payment = Payment.objects.filter(company=company, transaction_ref=ref).first()
    if payment is None:
        return _problem(404, f"{company} knows no payment {ref}")
    if verb not in (known := player.VERBS | MISHAPS.keys()):
        return _problem(404, f"{verb} is not one of {', '.join(sorted(known))}")
    try:
        MISHAPS[verb](payment) if verb in MISHAPS else player.act(payment, verb)
    except ActRefused as error:
        return _problem(409, str(error))
    payment.refresh_from_db()
    return JsonResponse(payment.truth())


@require_http_methods(["POST"])
def reset(request: HttpRequest) -> HttpResponse:
    """Forget everything: payments, notices, dials and the state of the dice.

    What is being delivered right now is waited for: afterwards nobody hears of what was.
    """
    with silence(), transaction.atomic():
        for model in (Notice, Payment, Dials):
            model.objects.all().delete()
    throw_away_dice()
    for company in COMPANIES:
        obey(company, Dials.Mode.UP)
    return JsonResponse({"status": "reset"})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _problem(404, f"there is nothing at {request.path}")
