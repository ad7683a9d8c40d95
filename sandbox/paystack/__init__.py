"""Paystack: its API, its hosted page, its card reservations, refunds and disputes.

Where Paystack's own documents are silent, this is what is played here:

- a page takes one card after another under one reference; the transaction is `failed` meanwhile
- a page that was cancelled is an `abandoned` transaction, as one that nobody touched
- a reservation's page that nobody finished is `abandoned` too
- a refund is answered as `pending` and has been `processed` by the time one asks again
- a transaction whose money all went back is `reversed`
- a dispute is opened and resolved at the control panel only
"""

from django.urls import path

from sandbox.bearer import Addresses
from sandbox.paystack import api, lists
from sandbox.paystack.page import VERBS, act, show_page
from sandbox.paystack.records import NAME

__all__ = ["API_PATHS", "NAME", "VERBS", "act", "urlpatterns"]

API_PATHS = Addresses("/transaction", "/preauthorization/", "/refund")
urlpatterns = [
    path("transaction", api.served(GET=lists.transactions)),
    path("transaction/initialize", api.served(POST=api.initialize)),
    path("transaction/verify/<str:reference>", api.served(GET=api.verify)),
    path("transaction/<int:number>", api.served(GET=api.fetch)),
    path("preauthorization/initialize", api.served(POST=api.initialize_reservation)),
    path("preauthorization/capture", api.served(POST=api.capture)),
    path("preauthorization/release", api.served(POST=api.release)),
    path("preauthorization/<str:reference>", api.served(GET=api.reservation)),
    path("refund", api.served(GET=lists.refunds, POST=api.refund)),
    path("refund/<int:number>", api.served(GET=api.fetch_refund)),
    path("checkout/<str:token>", show_page),
]
