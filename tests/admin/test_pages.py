"""What the console shows, what it hides, and what it costs."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from payments import lifecycle, signals
from payments.gateways.messages import DisputeNews, DisputeStatus
from payments.models import Dispute, IdempotencyKey, Payment, StoredEvent
from payments.services.disputes import record_dispute
from payments.statuses import Outcome, PaymentStatus
from tests.factories import (
    ApiKeyFactory,
    DiscrepancyFactory,
    GatewayOperationFactory,
    OperatorFactory,
    PaymentFactory,
    PaymentWebhookEventFactory,
)
from tests.lives import begun, charge_of, heard

LISTS = (
    "payments_payment",
    "payments_discrepancy",
    "payments_storedevent",
    "payments_delivery",
    "payments_sagarun",
    "payments_apikey",
    "payments_idempotencykey",
    "webhooks_paymentwebhookevent",
    "auth_user",
    "auth_group",
)


def list_of(model: str) -> str:
    return reverse(f"admin:{model}_changelist")


def page_of(row: Any) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def text_of(console: Client, address: str) -> str:
    answer = console.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def with_history(payment: Payment) -> Payment:
    with lifecycle.hold(payment.id) as held:
        lifecycle.note(held, signals.payment_created)
        lifecycle.advance(held, PaymentStatus.PROCESSING, signals.payment_initiated)
    return payment


def furnish() -> Payment:
    operation = GatewayOperationFactory.create(current=True)
    with_history(operation.payment)
    DiscrepancyFactory.create(operation=operation)
    PaymentWebhookEventFactory.create(payment=operation.payment)
    ApiKeyFactory.create()
    IdempotencyKey.objects.create(
        caller="key:1", method="POST", path="/x", key="k", answer={"a": 1}
    )
    payment: Payment = operation.payment
    return payment


def test_the_first_page_counts_what_waits_for_a_person(console: Client) -> None:
    calm = text_of(console, reverse("admin:index"))
    assert calm.count('class="console-card concern is-calm"') == 6
    DiscrepancyFactory.create()
    PaymentWebhookEventFactory.create(status="parked")
    longer_ago = timezone.now() - timedelta(hours=1)
    GatewayOperationFactory.create(next_check_at=longer_ago, payment__reference="needle")
    page = text_of(console, reverse("admin:index"))
    assert page.count('class="console-card concern is-calm"') == 3
    assert "needle" in page
    PaymentFactory.create(reference="haystack")
    overdue = text_of(console, f"{list_of('payments_payment')}?checks=overdue")
    assert "needle" in overdue
    assert "haystack" not in overdue


@pytest.mark.django_db
@pytest.mark.parametrize("is_proven", [True, False])
def test_a_dispute_that_nobody_proved_says_so(console: Client, is_proven: bool) -> None:
    payment = heard(begun(), Outcome.SUCCEEDED)
    told = DisputeNews("D1", DisputeStatus.LOST, payment.money)
    record_dispute(charge_of(payment), told, is_proven=is_proven)
    for address in (list_of("payments_dispute"), page_of(Dispute.objects.get()), page_of(payment)):
        assert ("not proven" in text_of(console, address)) is not is_proven


def test_the_first_page_tells_strangers_to_the_money_nothing(db: None) -> None:
    PaymentFactory.create(reference="needle")
    client = Client()
    client.force_login(OperatorFactory.create(is_superuser=False))
    assert "needle" not in text_of(client, reverse("admin:index"))


@pytest.mark.parametrize("model", LISTS)
def test_every_list_opens(console: Client, model: str) -> None:
    furnish()
    assert console.get(list_of(model)).status_code == 200


def test_the_first_page_opens_and_says_that_this_is_no_production(
    console: Client, settings: Any
) -> None:
    settings.DEBUG = True
    page = text_of(console, reverse("admin:index"))
    assert "Ballast" in page
    assert "Demo" in page


def test_every_record_has_a_page_on_which_nothing_can_be_edited(console: Client) -> None:
    payment = furnish()
    rows = [
        payment,
        payment.discrepancies.get(),
        payment.webhook_events.get(),
        StoredEvent.objects.first(),
        ApiKeyFactory.create(),
        IdempotencyKey.objects.get(),
    ]
    for row in rows:
        page = text_of(console, page_of(row))
        assert 'name="_save"' not in page
        assert console.post(page_of(row), {}).status_code == 403


@pytest.mark.parametrize("model", [model for model in LISTS if not model.startswith("auth")])
def test_nothing_is_added_or_deleted_by_hand(console: Client, model: str) -> None:
    assert console.get(reverse(f"admin:{model}_add")).status_code == 403
    payment = furnish()
    delete = reverse("admin:payments_payment_delete", args=[payment.pk])
    assert console.post(delete, {"post": "yes"}).status_code == 403
    assert Payment.objects.filter(pk=payment.pk).exists()


def test_strangers_are_sent_to_the_login(db: None) -> None:
    answer = Client().get(list_of("payments_payment"))
    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def test_staff_without_permissions_see_no_payment(db: None) -> None:
    client = Client()
    client.force_login(OperatorFactory.create(is_superuser=False))
    assert client.get(page_of(PaymentFactory.create())).status_code == 403


def test_amounts_are_in_the_currencys_own_decimals(console: Client) -> None:
    PaymentFactory.create(amount=3125, currency="KWD")
    PaymentFactory.create(amount=1200, currency="JPY")
    page = text_of(console, list_of("payments_payment"))
    assert "3.125 KWD" in page
    assert "1200 JPY" in page


def test_a_payment_shows_its_customer_and_a_list_does_not(console: Client) -> None:
    payment = PaymentFactory.create()
    assert "amal@example.com" in text_of(console, page_of(payment))
    assert "amal@example.com" not in text_of(console, list_of("payments_payment"))


def test_a_customer_whose_key_is_gone_does_not_hide_the_payment(
    console: Client, settings: Any
) -> None:
    payment = PaymentFactory.create()
    settings.KEY_RING = "another:" + "ab" * 32
    page = text_of(console, page_of(payment))
    assert "not in the key ring" in page
    assert "125.50 AED" in page


def test_the_timeline_tells_what_happened_in_order(console: Client) -> None:
    payment = with_history(PaymentFactory.create())
    page = text_of(console, page_of(payment))
    timeline = page[page.index('class="timeline"') :]
    assert timeline.index("payment.created") < timeline.index("payment.initiated")
    assert "created →" in timeline


def test_a_payment_shows_its_attempts_contradictions_and_webhooks(console: Client) -> None:
    payment = furnish()
    page = text_of(console, page_of(payment))
    attempt = payment.operations.get()
    assert attempt.gateway_reference in page
    assert payment.discrepancies.get().heard in page
    assert payment.webhook_events.get().event_id in page


@pytest.mark.parametrize("model", LISTS[:6])
def test_a_list_costs_the_same_however_many_rows_it_has(console: Client, model: str) -> None:
    furnish()
    text_of(console, list_of(model))  # fills the caches of content types and permissions
    few = queries_of(console, list_of(model))
    for number in range(8):
        payment = with_history(PaymentFactory.create())
        DiscrepancyFactory.create(operation__payment=payment)
        PaymentWebhookEventFactory.create(payment=payment)
        ApiKeyFactory.create()
        named = {"caller": "key:2", "method": "POST", "path": "/x", "payment": payment}
        IdempotencyKey.objects.create(key=f"k{number}", **named)
    assert queries_of(console, list_of(model)) == few


def test_a_payments_page_costs_the_same_however_long_its_history(console: Client) -> None:
    payment = furnish()
    text_of(console, page_of(payment))
    few = queries_of(console, page_of(payment))
    for _ in range(5):
        with_lookup = GatewayOperationFactory.create(payment=payment, outcome="declined")
        DiscrepancyFactory.create(operation=with_lookup)
        PaymentWebhookEventFactory.create(payment=payment)
        with lifecycle.hold(payment.id) as held:
            lifecycle.note(held, signals.payment_verified, with_lookup)
    assert queries_of(console, page_of(payment)) == few


def queries_of(console: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        text_of(console, address)
    return len(queries)


@pytest.mark.parametrize("term", ["reference", "id", "gateway_reference", "operation"])
def test_a_payment_is_found_by_any_of_its_names(console: Client, term: str) -> None:
    operation = GatewayOperationFactory.create(current=True, payment__reference="needle")
    PaymentFactory.create(reference="haystack")
    payment = operation.payment
    terms = {
        "reference": "needle",
        "id": str(payment.id),
        "gateway_reference": operation.gateway_reference,
        "operation": operation.key,
    }
    page = text_of(console, f"{list_of('payments_payment')}?q={terms[term]}")
    assert "needle" in page
    assert "haystack" not in page


def test_payments_are_filtered(console: Client) -> None:
    PaymentFactory.create(reference="needle", status="completed")
    PaymentFactory.create(reference="haystack", currency="USD")
    address = list_of("payments_payment")
    for query in ("status__exact=completed", "currency=AED&provider=paytabs"):
        page = text_of(console, f"{address}?{query}")
        assert "needle" in page
        assert "haystack" not in page


def test_days_are_whole_and_nonsense_filters_nothing(console: Client) -> None:
    PaymentFactory.create(reference="needle", created_at=datetime(2026, 3, 8, 23, 59, tzinfo=UTC))
    address = list_of("payments_payment")
    assert "needle" in text_of(console, f"{address}?created_at_to=2026-03-08")
    assert "needle" in text_of(console, f"{address}?created_at_from=yesterday")
    assert "needle" not in text_of(console, f"{address}?created_at_from=2026-03-09")
    assert "needle" not in text_of(console, f"{address}?created_at_to=2026-03-07")


def test_open_contradictions_come_first(console: Client) -> None:
    DiscrepancyFactory.create(heard="1.00 AED")
    DiscrepancyFactory.create(heard="2.00 AED", resolved_at=timezone.now(), resolved_by="user:1")
    page = text_of(console, list_of("payments_discrepancy"))
    assert page.index("1.00 AED") < page.index("2.00 AED")
    assert "2.00 AED" not in text_of(console, f"{list_of('payments_discrepancy')}?state=open")


BODY = {
    "tran_ref": "TST0000000000009",
    "customer_details": {"name": "Layla Nasser", "email": "layla@example.com"},
    "token": "a-token-of-a-card",
    "payment_info": {"card_number": "4111 1111 1111 1111"},
}


def test_a_webhooks_body_is_shown_without_secrets_and_persons(console: Client) -> None:
    event = PaymentWebhookEventFactory.create(body=json.dumps(BODY).encode())
    page = text_of(console, page_of(event))
    assert "TST0000000000009" in page
    for hidden in ("Layla", "layla@example.com", "a-token-of-a-card", "4111"):
        assert hidden not in page


def test_a_body_that_cannot_be_read_is_told_by_its_size(console: Client) -> None:
    event = PaymentWebhookEventFactory.create(body=b"\xff\xfe secret bytes", status="parked")
    page = text_of(console, page_of(event))
    assert "15 bytes that are no JSON" in page
    assert "secret bytes" not in page


def test_neither_digest_nor_kept_answer_is_ever_shown(console: Client) -> None:
    key = ApiKeyFactory.create()
    named = IdempotencyKey.objects.create(
        caller="key:1", method="POST", path="/x", key="k", answer={"kept": "answer-of-mine"}
    )
    assert key.digest not in text_of(console, page_of(key))
    assert "answer-of-mine" not in text_of(console, page_of(named))


def test_an_event_is_found_by_its_payment_or_its_conversation(console: Client) -> None:
    payment = with_history(PaymentFactory.create())
    address = list_of("payments_storedevent")
    assert "payment.initiated" in text_of(console, f"{address}?q={payment.id}")
    assert "payment.initiated" not in text_of(console, f"{address}?q=nobody").partition("<table")[2]
