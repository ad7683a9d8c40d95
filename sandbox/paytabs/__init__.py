"""PayTabs PT2: its API, its hosted page, its callback, IPN and return.

Where PayTabs' own documents are silent, this is what is played here:

- an unknown `tran_ref` is a 404 with code 2; an unknown `cart_id` is an empty array
- a follow-up that the state forbids is a 400 with code 2
- a page not yet paid is an entry without `payment_result`
- plain http counts as https where it leads to this very machine; elsewhere it gets what PayTabs
  gives it: an empty body, an empty return
- the dashboard's export has one line a transaction that ended; its columns are our own guess
- a follow-up is told by IPN only, never by callback
"""

from django.urls import path

from sandbox.paytabs.api import query, request_payment
from sandbox.paytabs.dashboard import export
from sandbox.paytabs.page import VERBS, act, show_page
from sandbox.paytabs.transactions import NAME

__all__ = ["API_PATHS", "NAME", "VERBS", "act", "urlpatterns"]

API_PATHS = frozenset({"/payment/request", "/payment/query"})
urlpatterns = [
    path("payment/request", request_payment),
    path("payment/query", query),
    path("dashboard/transactions.csv", export),
    path("payment/page/<str:token>/start", show_page),
]
