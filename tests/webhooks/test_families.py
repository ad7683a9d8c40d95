"""News of every family, from every provider, signed its own way and delivered over HTTP.

What concerns no payment is kept as it came and announced, so that others can act upon it.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from payments.crypto.signatures import hmac_hex
from payments.gateways.messages import Family
from payments.gateways.registry import gateway_named
from payments.models import Discrepancy, Dispute
from tests.webhooks.providers import SECRET, all_connected, body_of, signed
from webhooks import signals
from webhooks.models import PaymentWebhookEvent

F = Family
# At least one of each family that a provider has.
NEWS = [
    ("paytabs", "Sale", F.PAYMENT),
    ("paytabs", "Refund", F.REFUND),
    ("stripe", "payment_intent.succeeded", F.PAYMENT),
    ("stripe", "checkout.session.completed", F.PAYMENT),
    ("stripe", "charge.refunded", F.REFUND),
    ("stripe", "refund.updated", F.REFUND),
    ("stripe", "charge.dispute.created", F.DISPUTE),
    ("stripe", "customer.subscription.deleted", F.SUBSCRIPTION),
    ("stripe", "invoice.payment_failed", F.INVOICE),
    ("stripe", "payout.paid", F.TRANSFER),
    ("stripe", "transfer.created", F.TRANSFER),
    ("stripe", "account.updated", F.OTHER),
    ("paypal", "CHECKOUT.ORDER.APPROVED", F.PAYMENT),
    ("paypal", "PAYMENT.CAPTURE.COMPLETED", F.PAYMENT),
    ("paypal", "PAYMENT.CAPTURE.REFUNDED", F.REFUND),
    ("paypal", "PAYMENT.REFUND.FAILED", F.REFUND),
    ("paypal", "CUSTOMER.DISPUTE.CREATED", F.DISPUTE),
    ("paypal", "BILLING.SUBSCRIPTION.CANCELLED", F.SUBSCRIPTION),
    ("paypal", "PAYMENT.SALE.COMPLETED", F.SUBSCRIPTION),
    ("paypal", "INVOICING.INVOICE.PAID", F.INVOICE),
    ("paypal", "PAYMENT.PAYOUTSBATCH.SUCCESS", F.TRANSFER),
    ("paypal", "PAYMENT.PAYOUTS-ITEM.FAILED", F.TRANSFER),
    ("paypal", "VAULT.PAYMENT-TOKEN.CREATED", F.OTHER),
    ("flutterwave", "charge.completed", F.PAYMENT),
    ("flutterwave", "refund.completed", F.REFUND),
    ("flutterwave", "chargeback.initiated", F.DISPUTE),
    ("flutterwave", "subscription.cancelled", F.SUBSCRIPTION),
    ("flutterwave", "transfer.completed", F.TRANSFER),
    ("flutterwave", "virtualaccount.created", F.OTHER),
    ("paystack", "charge.success", F.PAYMENT),
    ("paystack", "preauthorization.capture.success", F.PAYMENT),
    ("paystack", "refund.processed", F.REFUND),
    ("paystack", "charge.dispute.create", F.DISPUTE),
    ("paystack", "subscription.disable", F.SUBSCRIPTION),
    ("paystack", "invoice.payment_failed", F.INVOICE),
    ("paystack", "paymentrequest.success", F.INVOICE),
    ("paystack", "transfer.reversed", F.TRANSFER),
    ("paystack", "customeridentification.failed", F.OTHER),
]
OURS = (F.PAYMENT, F.REFUND, F.DISPUTE)
OTHERS = [row for row in NEWS if row[2] not in OURS]


@pytest.fixture(autouse=True)
def _connected(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with all_connected(settings, tmp_path, monkeypatch):
        yield


@pytest.fixture
def processed() -> Iterator[list[PaymentWebhookEvent]]:
    """What a receiver of `webhook.processed` is given."""
    heard: list[PaymentWebhookEvent] = []

    def receiver(event: PaymentWebhookEvent, **_: Any) -> None:
        heard.append(event)

    signals.webhook_processed.connect(receiver)
    yield heard
    signals.webhook_processed.disconnect(receiver)


def deliver(provider: str, body: bytes) -> Any:
    path, headers = f"/webhooks/payments/{provider}", signed(provider, body)
    return Client().post(path, body, "application/json", headers=headers)


@pytest.mark.parametrize(("provider", "event", "family"), NEWS)
def test_every_piece_of_news_has_its_family(provider: str, event: str, family: Family) -> None:
    (told,) = gateway_named(provider).events_in(body_of(provider, event))
    assert told.family is family


@pytest.mark.parametrize("provider", ["paytabs", "stripe", "paypal", "flutterwave", "paystack"])
def test_no_provider_is_left_out(provider: str) -> None:
    assert {row[2] for row in NEWS if row[0] == provider} >= {F.PAYMENT, F.REFUND}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("provider", "event", "family"), OTHERS)
def test_what_concerns_no_payment_is_kept_and_announced_for_others_to_act_upon(
    processed: list[PaymentWebhookEvent], provider: str, event: str, family: Family
) -> None:
    body = body_of(provider, event)
    response = deliver(provider, body)
    assert (response.status_code, response.json()["status"]) == (200, "ignored")
    row = PaymentWebhookEvent.objects.get()
    assert (row.status, row.type.lower(), row.body) == ("ignored", event.lower(), body)
    assert row.payment is None
    assert [(each.pk, each.type, each.status) for each in processed] == [
        (row.pk, row.type, "ignored")
    ]


@pytest.mark.django_db(transaction=True)
def test_a_v4_signature_is_believed_to_be_theirs_and_never_taken_for_proof() -> None:
    body = json.dumps({"webhook_id": "w", "type": "chargeback.lost", "data": {"id": 7}}).encode()
    digest = base64.b64encode(bytes.fromhex(hmac_hex(SECRET.encode(), body))).decode()
    for signature, status in ((digest, 200), (digest[::-1], 401), ("", 400)):
        headers = {"flutterwave-signature": signature, "verif-hash": SECRET}
        path = "/webhooks/payments/flutterwave"
        assert Client().post(path, body, "application/json", headers=headers).status_code == status
    # Its key is the word that v3 sends in clear: who heard that word can sign whatever he likes.
    assert not PaymentWebhookEvent.objects.get().is_proven
    assert not Dispute.objects.exists()
    assert not Discrepancy.objects.exists()
