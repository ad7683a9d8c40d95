"""Flutterwave v3: its API, its hosted page, refunds, chargebacks.

Where Flutterwave's own documents are silent, this is what is played here:

- a page takes one card after another, each a transaction of its own, until one pays
- a page that was paid can be paid again (`pay_again` at the control panel): a second transaction
- a refund is `completed` at once
- a chargeback's notification is named by its status, and names its charge by `flw_ref` alone
"""

from django.urls import path

from sandbox.bearer import Addresses
from sandbox.flutterwave import api
from sandbox.flutterwave.page import VERBS, act, show_page
from sandbox.flutterwave.records import NAME

__all__ = ["API_PATHS", "NAME", "VERBS", "act", "urlpatterns"]

API_PATHS = Addresses("/v3/")
urlpatterns = [
    path("v3/payments", api.served(POST=api.create)),
    path("v3/transactions", api.served(GET=api.transactions)),
    path("v3/transactions/verify_by_reference", api.served(GET=api.verify_by_reference)),
    path("v3/transactions/<int:number>/verify", api.served(GET=api.verify)),
    path("v3/transactions/<int:number>/refund", api.served(POST=api.refund)),
    path("v3/refunds", api.served(GET=api.refunds)),
    path("v3/refunds/<int:number>", api.served(GET=api.fetch_refund)),
    path("v3/chargebacks", api.served(GET=api.chargebacks)),
    path("hosted/pay/<str:token>", show_page),
]
