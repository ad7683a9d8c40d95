"""PayPal: orders, payments, its approval page, its signed notifications.

Where PayPal's own documents are silent, or too wide for a sandbox, this is what is played here:

- the page only approves: the money moves when the merchant captures or authorizes, and whether
  the card is good shows then. `decline` and `insufficient_funds` complete the order with a
  capture that is DECLINED; `authentication_failed` and `instrument_declined` refuse the capture
  with a 422 and open the page again
- a payer who cancels goes back by `cancel_url`; the order stays as it was, and nobody is told
- `expire` removes an order that nobody approved: it is not found any more
- the report of transactions is up to date at once (at PayPal it takes up to three hours)
- a refund succeeds at once; `refund` at the control panel is one made by hand
- whoever has logged in may log in again: a token is good until it ends

The key in `key.json` is for play and known to all: nobody may trust `root.pem` but a developer.
"""

from django.urls import path

from sandbox.notices import HABITS, Habits
from sandbox.paypal.access import token
from sandbox.paypal.follow_ups import (
    capture_authorization,
    read_authorization,
    read_capture,
    read_dispute,
    read_refund,
    refund_capture,
    void_authorization,
)
from sandbox.paypal.news import certificate, judge_notification
from sandbox.paypal.objects import NAME
from sandbox.paypal.orders import authorize_order, capture_order, create_order, read_order
from sandbox.paypal.page import VERBS, act, show_page
from sandbox.paypal.reports import transactions

__all__ = ["API_PATHS", "NAME", "VERBS", "act", "urlpatterns"]


class _ApiPaths:
    """Orders, payments, disputes and reports: most addresses there have an id in them."""

    def __contains__(self, path: object) -> bool:
        return str(path).startswith(("/v2/", "/v1/customer/", "/v1/reporting/"))


API_PATHS = _ApiPaths()
HABITS[NAME] = Habits(is_heard=lambda status: 200 <= status < 300)
urlpatterns = [
    path("v1/oauth2/token", token),
    path("v1/notifications/certs/<str:name>", certificate),
    path("v1/notifications/verify-webhook-signature", judge_notification),
    path("v1/customer/disputes/<str:ref>", read_dispute),
    path("v1/reporting/transactions", transactions),
    path("v2/checkout/orders", create_order),
    path("v2/checkout/orders/<str:ref>", read_order),
    path("v2/checkout/orders/<str:ref>/capture", capture_order),
    path("v2/checkout/orders/<str:ref>/authorize", authorize_order),
    path("v2/payments/authorizations/<str:ref>", read_authorization),
    path("v2/payments/authorizations/<str:ref>/capture", capture_authorization),
    path("v2/payments/authorizations/<str:ref>/void", void_authorization),
    path("v2/payments/captures/<str:ref>", read_capture),
    path("v2/payments/captures/<str:ref>/refund", refund_capture),
    path("v2/payments/refunds/<str:ref>", read_refund),
    path("checkoutnow", show_page),
]
