"""How fast new events are claimed, one after another.

`fill N` stores so many events first; `measure SECONDS` claims for so long, and then asks about
events that it knows.
"""

import time
from collections.abc import Callable
from uuid import uuid4

from django.conf import settings
from django.core.cache import cache
from django.db import connection

from bench.speed.inside.copies import copy_statement
from bench.speed.notices import FIRST_NUMBER
from payments.gateways.messages import Family, GatewayEvent
from webhooks import roads, seen
from webhooks.inbox import Delivery
from webhooks.models import PaymentWebhookEvent

_DELIVERY = Delivery("stripe", b'{"object": "event"}', {"Stripe-Signature": "t=1,v1=2"})
_LOOKS = 500


def _claim(event_id: str) -> None:
    """An event that changes no payment: the claim is all there is to it."""
    roads.take_in(_DELIVERY, GatewayEvent(event_id, "payout.paid", "", None, Family.TRANSFER))


def fill(count: int) -> None:
    """Store so many events, by copying one that was claimed."""
    tail = uuid4().hex[-12:]
    _claim(f"evt_{tail}")
    row = PaymentWebhookEvent.objects.get(event_id=f"evt_{tail}")
    copy = copy_statement(row, [tail, str(row.pk)[-12:]])
    with connection.cursor() as cursor:
        first = FIRST_NUMBER
        cursor.execute(copy.replace("{first}", str(first)).replace("{last}", str(first + count)))
        cursor.execute("VACUUM ANALYZE payment_webhook_events")


def measure(seconds: float) -> dict[str, float]:
    """Claims a second; milliseconds of a look that Redis answers, and of one that it does not."""
    known, gives_up_at = [], time.perf_counter() + seconds
    while time.perf_counter() < gives_up_at:
        known.append(f"evt_{uuid4().hex}")
        _claim(known[-1])
    some = known[:_LOOKS]
    seen.start_anew()
    with_redis = _milliseconds(lambda name: seen.is_settled("stripe", name), some)
    settings.WEBHOOK_FAST_LOOK = False
    without = _milliseconds(lambda name: seen.is_settled("stripe", name), some)
    return {"rate": len(known) / seconds, "look": with_redis, "read": without}


def _milliseconds(look: Callable[[str], bool], names: list[str]) -> float:
    cache.get("anything")  # opens the connection
    began = time.perf_counter()
    if not all(look(name) for name in names):
        raise RuntimeError("an event that was claimed is not known")
    return (time.perf_counter() - began) / len(names) * 1000


def main(what: str, amount: str) -> dict[str, float]:
    """Fill, or measure."""
    if what == "fill":
        fill(int(amount))
        return {}
    return measure(float(amount))
