"""How many events stand where, for anybody who asks: counted once in a while, not at every call."""

from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import Count
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from payments.api.errors import ApiError, allow_only, error_body
from payments.api.limits import demand_patience
from webhooks.models import PaymentWebhookEvent

_GOOD_FOR = 5  # seconds


@csrf_exempt
@allow_only("GET", "POST")
def health(request: HttpRequest) -> JsonResponse:
    """The whole inbox by status, a few seconds old at most."""
    try:
        demand_patience(request)
        statistics = cache.get_or_set("webhook-statistics", _counted, _GOOD_FOR)
    except ApiError as error:
        return _refusal(error)
    except DatabaseError:
        return _refusal(ApiError(503, "service_unavailable", "The inbox cannot be counted now."))
    now = timezone.now().isoformat()
    return JsonResponse({"status": "ok", "timestamp": now, "statistics": statistics})


def _counted() -> dict[str, int]:
    rows = PaymentWebhookEvent.objects.order_by().values_list("status").annotate(Count("pk"))
    counts = dict(rows)
    statistics = {"total": sum(counts.values())}
    return statistics | {each.value: counts.get(each, 0) for each in PaymentWebhookEvent.Status}


def _refusal(error: ApiError) -> JsonResponse:
    code = str(error.get_codes())
    body = error_body(error.status_code, code, str(error.detail))
    response = JsonResponse(body, status=error.status_code)
    response["Retry-After"] = str(getattr(error, "wait", _GOOD_FOR))
    return response
