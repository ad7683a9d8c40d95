"""Where the payer's browser comes back. A hint: answered by a lookup, believed in nothing."""

from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from payments.api import limits
from payments.api.addresses import counted_address
from payments.api.errors import allow_only
from payments.errors import DomainError
from payments.gateways.contract import SignatureInvalid
from payments.gateways.registry import gateway_named
from payments.models import Payment
from payments.services import payments as service
from payments.services.return_addresses import is_our_return

log = structlog.get_logger("security")
_OWN_FIELDS = ("payment", "s")


@csrf_exempt  # a provider's page posts here; the address itself is signed
@never_cache
@allow_only("GET", "POST")
def come_back(request: HttpRequest) -> HttpResponse:
    """Look the payment up, then send the payer to the stored `return_url` and nowhere else."""
    payment_id = _payment_id(request)
    if payment_id is None:
        return render(request, "return.html", {"payment": None}, status=400)
    payment = service.payment_with(payment_id)
    if _is_plausible(request, payment) and not _is_too_often(request, payment):
        payment = _looked_up(payment)
    if payment.return_url:
        return HttpResponseRedirect(payment.return_url)
    return render(request, "return.html", {"payment": payment})


def _payment_id(request: HttpRequest) -> UUID | None:
    try:
        payment_id = UUID(request.GET.get("payment", ""))
    except ValueError:
        return None
    is_ours = is_our_return(payment_id, request.GET.get("s", ""))
    is_known = is_ours and Payment.objects.filter(pk=payment_id).exists()
    return payment_id if is_known else None


def _is_plausible(request: HttpRequest, payment: Payment) -> bool:
    """Whether what the browser carries is the provider's own, where it is signed at all."""
    fields = {**request.GET.dict(), **request.POST.dict()}
    told = {name: str(value) for name, value in fields.items() if name not in _OWN_FIELDS}
    if not told.get("signature"):
        return True
    try:
        gateway_named(payment.provider).verify_return(told)
    except (SignatureInvalid, DomainError) as error:
        log.warning("return_not_believed", payment_id=str(payment.id), reason=str(error))
        return False
    return True


def _is_too_often(request: HttpRequest, payment: Payment) -> bool:
    """A lookup costs the provider a call; who comes back again and again is only redirected."""
    who = (f"return:{payment.id}", f"return:{counted_address(request)}")
    return any(limits.seconds_to_wait(request, "verify", each) for each in who)


def _looked_up(payment: Payment) -> Payment:
    try:
        return service.note_return(payment_id=payment.id)
    except DomainError as error:
        # The payer must not suffer for it: recovery asks again.
        log.warning("return_lookup_failed", payment_id=str(payment.id), error=error.detail)
        return payment
