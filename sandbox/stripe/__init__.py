"""Stripe: its API, its hosted Checkout page, charges by token, its signed events.

Where Stripe's own documents are silent, or too wide for a sandbox, this is what is played here:

- a declined card leaves the page open, and so does the payer who leaves it or goes back
- a page whose time is over is closed, and told of, when somebody next looks at it
- what the merchant noted first on an intent that a token pays is its reference
- card refunds succeed at once; `refund_fails` at the control panel sends the last one back
- an event is rendered in the pinned version, whatever version the caller asks for
"""

from django.urls import path

from sandbox.stripe.api import (
    create_session,
    expire_session,
    not_there,
    read_intent,
    read_session,
)
from sandbox.stripe.follow_ups import cancel_intent, capture_intent, read_refund, refunds
from sandbox.stripe.intents import intents, show_challenge
from sandbox.stripe.objects import NAME
from sandbox.stripe.page import VERBS, act, show_page

__all__ = ["API_PATHS", "NAME", "VERBS", "act", "urlpatterns"]


class _ApiPaths:
    """Everything below /v1: most addresses there have an id in them."""

    def __contains__(self, path: object) -> bool:
        return str(path).startswith("/v1/")


API_PATHS = _ApiPaths()
urlpatterns = [
    path("v1/checkout/sessions", create_session),
    path("v1/checkout/sessions/<str:ref>", read_session),
    path("v1/checkout/sessions/<str:ref>/expire", expire_session),
    path("v1/payment_intents", intents),
    path("v1/payment_intents/<str:ref>", read_intent),
    path("v1/payment_intents/<str:ref>/capture", capture_intent),
    path("v1/payment_intents/<str:ref>/cancel", cancel_intent),
    path("v1/refunds", refunds),
    path("v1/refunds/<str:ref>", read_refund),
    path("v1/<path:rest>", not_there),
    path("c/pay/<str:token>", show_page),
    path("3ds/<str:token>", show_challenge),
]
