"""A provider's notification: verified on its raw bytes, applied once, marked in the same commit."""

import json
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from payments import outcomes
from payments.crypto.signatures import hmac_hex
from payments.gateways.paytabs import PayTabs
from payments.models import Discrepancy, GatewayOperation, Payment, StoredEvent
from tests.fakes import FakeTransport, notification
from tests.webhooks.deliveries import KEY, deliver, news, open_page
from webhooks import inbox
from webhooks.models import PaymentWebhookEvent

GENERIC = "generic-secret-for-tests-only"


@pytest.fixture
def operation(transactional_db: None, provider: FakeTransport) -> GatewayOperation:
    """A payment of 125.50 AED whose page is open."""
    return open_page()


def payment() -> Payment:
    return Payment.objects.get()


def test_signed_news_is_applied_and_marked(operation: GatewayOperation) -> None:
    response = deliver(news(operation), **{"X-Correlation-ID": "hook-1"})
    assert (response.status_code, response.json()["status"]) == (200, "processed")
    assert payment().status == "completed"
    row = PaymentWebhookEvent.objects.get()
    assert (row.status, row.event_id) == ("completed", response.json()["event_id"])
    assert row.payment == payment()
    assert row.processed_at is not None
    last = StoredEvent.objects.last()
    assert last is not None
    assert (last.correlation_id, last.causation_id) == ("hook-1", str(row.id))


def test_an_answer_says_how_long_it_is(operation: GatewayOperation) -> None:
    for answer in (deliver(news(operation)), deliver(b"{}")):
        assert answer["Content-Length"] == str(len(answer.content))


def test_the_second_delivery_is_a_duplicate_and_adds_nothing(operation: GatewayOperation) -> None:
    deliver(news(operation))
    before = list(StoredEvent.objects.values_list("id", flat=True))
    response = deliver(news(operation, ipn_trace="IPNS2"))
    assert (response.status_code, response.json()["status"]) == (200, "duplicate")
    assert list(StoredEvent.objects.values_list("id", flat=True)) == before
    assert PaymentWebhookEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("signature", "answer"),
    [
        ("", (400, "missing_header")),
        ("0" * 64, (401, "invalid_signature")),
        ("nonsense", (401, "invalid_signature")),
        ("ünï", (401, "invalid_signature")),
    ],
)
def test_a_body_that_does_not_verify_changes_nothing(
    operation: GatewayOperation, signature: str, answer: tuple[int, str]
) -> None:
    response = deliver(news(operation), signature)
    assert (response.status_code, response.json()["errors"][0]["code"]) == answer
    assert KEY not in response.content.decode()
    assert payment().status == "requires_action"
    assert not PaymentWebhookEvent.objects.exists()


def test_a_forgery_cannot_take_the_place_of_the_true_news(operation: GatewayOperation) -> None:
    assert deliver(news(operation, "D"), "0" * 64).status_code == 401
    assert deliver(news(operation)).json()["status"] == "processed"
    assert payment().status == "completed"


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({"tran_total": "125.49"}, "amount_differs"),
        ({"tran_total": "12550"}, "amount_differs"),
        ({"tran_total": "many"}, "amount_differs"),
        ({"tran_currency": "USD"}, "currency_differs"),
        ({"tran_ref": "TSTOTHER"}, "reference_differs"),
    ],
)
def test_a_mismatch_is_a_contradiction_and_never_a_completed_payment(
    operation: GatewayOperation, facts: dict[str, Any], kind: str
) -> None:
    response = deliver(news(operation, **facts))
    assert (response.status_code, response.json()["status"]) == (200, "processed")
    assert payment().status == "requires_action"
    assert Discrepancy.objects.get().kind == kind
    last = StoredEvent.objects.last()
    assert last is not None
    assert last.type == "payment.contradicted"


def test_a_refund_made_in_the_dashboard_waits_for_a_person(operation: GatewayOperation) -> None:
    deliver(news(operation))
    assert deliver(news(operation, tran_type="Refund", tran_ref="TSTR")).status_code == 200
    assert payment().status == "completed"
    assert Discrepancy.objects.get().kind == "unknown_refund"


def test_news_of_what_we_do_not_know_is_parked_and_acknowledged(
    operation: GatewayOperation,
) -> None:
    for key in ("order-of-another-system", "f" * 32):
        response = deliver(notification(key, "TST9" + key))
        assert (response.status_code, response.json()["status"]) == (200, "accepted")
    assert set(PaymentWebhookEvent.objects.values_list("status", flat=True)) == {"parked"}
    assert payment().status == "requires_action"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b'{"a":1}'])
def test_what_is_signed_but_unreadable_is_parked(operation: GatewayOperation, body: bytes) -> None:
    first, second = deliver(body), deliver(body)
    assert (first.status_code, first.json()["status"]) == (200, "accepted")
    assert second.json()["status"] == "duplicate"
    assert PaymentWebhookEvent.objects.get().body == body


def test_what_breaks_while_it_is_verified_is_not_kept_as_if_it_were_signed(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: Any) -> None:
        raise RecursionError

    monkeypatch.setattr(PayTabs, "verify", break_off)
    response = deliver(news(operation), "0" * 64)
    code = response.json()["errors"][0]["code"]
    assert (response.status_code, code) == (500, "processing_failed")
    assert not PaymentWebhookEvent.objects.exists()


def test_the_body_is_sealed_as_it_came_and_headers_are_redacted(
    operation: GatewayOperation,
) -> None:
    deliver(news(operation))
    row = PaymentWebhookEvent.objects.get()
    assert row.body == news(operation)
    assert row.headers["Signature"] == "[hidden]"
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM payment_webhook_events")
        assert b"amal@example.test" not in bytes(cursor.fetchone()[0])


def test_a_failure_rolls_back_is_written_down_and_the_next_try_succeeds(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("in the middle of settling")

    with monkeypatch.context() as broken:
        broken.setattr(outcomes, "apply", die)
        response = deliver(news(operation))
    assert (response.status_code, response.json()["errors"][0]["code"]) == (
        500,
        "processing_failed",
    )
    assert payment().status == "requires_action"
    operation.refresh_from_db()
    assert operation.outcome == "action_required"
    assert PaymentWebhookEvent.objects.get().status == "failed"
    assert deliver(news(operation)).json()["status"] == "processed"
    row = PaymentWebhookEvent.objects.get()
    assert (row.status, row.attempts, row.error) == ("completed", 2, "")
    assert payment().status == "completed"


def test_a_body_over_the_limit_is_refused(transactional_db: None, settings: Settings) -> None:
    settings.WEBHOOK_MAX_BODY = 1000
    assert deliver(b"x" * 1001).status_code == 413
    assert deliver(b"x" * 1000).status_code == 200


@pytest.mark.parametrize(
    ("source", "status"),
    [("203.0.113.7", 200), ("203.0.114.1", 403), ("2001:db8::7", 200), ("::ffff:203.0.113.9", 200)],
)
def test_where_addresses_are_listed_nobody_else_is_let_in(
    operation: GatewayOperation, settings: Settings, source: str, status: int
) -> None:
    listed = {"ip_whitelist": ["203.0.113.0/24", "2001:db8::/32"]}
    settings.PROVIDERS = {"paytabs": settings.PROVIDERS["paytabs"] | listed}
    body = news(operation)
    response = Client(REMOTE_ADDR=source).post(
        "/webhooks/payments/paytabs",
        body,
        "application/json",
        headers={"Signature": hmac_hex(KEY.encode(), body), "X-Forwarded-For": "203.0.113.1"},
    )
    assert response.status_code == status


def test_behind_a_trusted_proxy_the_last_address_that_it_did_not_write_counts(
    operation: GatewayOperation, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    listed = {"ip_whitelist": ["203.0.113.7"]}
    settings.PROVIDERS = {"paytabs": settings.PROVIDERS["paytabs"] | listed}
    body = news(operation)
    told = {"Signature": hmac_hex(KEY.encode(), body)}
    for hops, status in [
        ("203.0.113.7, 198.51.100.1, 10.1.1.1", 403),
        ("6.6.6.6, 203.0.113.7", 200),
    ]:
        response = Client(REMOTE_ADDR="10.0.0.1").post(
            "/webhooks/payments/paytabs",
            body,
            "application/json",
            headers=told | {"X-Forwarded-For": hops},
        )
        assert response.status_code == status


ODD = ["\\u0000", "\\ud800", "\\u0000\\ud800x"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["tran_ref", "cart_id", "tran_type", "response_message"])
def test_characters_that_no_database_keeps_stop_nothing(
    operation: GatewayOperation, odd: str, name: str
) -> None:
    body = json.dumps({"payment_result": {}} | json.loads(news(operation, "D")))
    body = body.replace('"response_code"', '"response_message": "no", "response_code"')
    marked = body.replace(f'"{name}": "', f'"{name}": "{odd}').encode()
    assert deliver(marked).status_code == 200


def test_a_body_nested_as_deep_as_json_goes_stops_nothing(operation: GatewayOperation) -> None:
    for depth in (100, 300, 450, 900):
        nested = "[" * depth + "]" * depth
        body = news(operation).decode()[:-1] + f', "deep{depth}": {nested}}}'
        assert deliver(body.encode()).status_code == 200


def test_a_provider_that_shares_its_address_with_a_forger_is_still_heard(
    operation: GatewayOperation, settings: Settings
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"webhook_rejected": "3/m"}
    assert [deliver(b"{}", "0" * 64).status_code for _ in range(5)][-1] == 429
    assert deliver(news(operation)).json()["status"] == "processed"


def test_an_amount_beyond_all_arithmetic_is_a_contradiction(operation: GatewayOperation) -> None:
    assert deliver(news(operation, tran_total="1e999999")).status_code == 200
    assert Discrepancy.objects.get().kind == "amount_differs"


def test_no_repr_of_a_delivery_shows_what_it_carries() -> None:
    shown = repr(inbox.Delivery("paytabs", b"amal@example.test", {"Signature": "abc123"}))
    assert "amal" not in shown
    assert "abc123" not in shown


def test_a_provider_that_is_not_connected_is_a_404(transactional_db: None) -> None:
    assert Client().post("/webhooks/payments/nobody", b"", "text/plain").status_code == 404
    assert Client().get("/webhooks/payments/paytabs").status_code == 405


@pytest.mark.parametrize(("signature", "refusal"), [("0" * 64, 401), ("", 400)])
def test_only_refused_deliveries_are_counted_and_the_count_ends_in_a_429(
    operation: GatewayOperation, settings: Settings, signature: str, refusal: int
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"webhook_rejected": "3/m"}
    assert {deliver(news(operation)).status_code for _ in range(10)} == {200}
    statuses = [deliver(b"{}", signature).status_code for _ in range(6)]
    assert statuses[:3] == [refusal] * 3
    assert statuses[-1] == 429


def test_refused_deliveries_of_one_household_are_counted_together(
    operation: GatewayOperation, settings: Settings
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"webhook_rejected": "3/m"}
    path, headers = "/webhooks/payments/paytabs", {"Signature": "0" * 64}
    sources = [Client(REMOTE_ADDR=f"2001:db8::{n}") for n in range(4)]
    answers = [each.post(path, b"{}", "application/json", headers=headers) for each in sources]
    assert [each.status_code for each in answers] == [401, 401, 401, 429]


# The generic webhook.


def generic(body: bytes, headers: dict[str, str] | None = None, at: float | None = None) -> Any:
    timestamp = str(int(at or time.time()))
    signature = hmac_hex(GENERIC.encode(), timestamp.encode() + b"." + body)
    told = {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": signature} | (headers or {})
    return Client().post("/payments/v2/webhook", body, "application/json", headers=told)


@pytest.fixture(autouse=True)
def _generic_secret(settings: Settings) -> None:
    paytabs = settings.PROVIDERS["paytabs"] | {"generic_webhook_secrets": ["older", GENERIC]}
    settings.PROVIDERS = settings.PROVIDERS | {"paytabs": paytabs}


def test_the_generic_webhook_is_one_with_the_providers_own(operation: GatewayOperation) -> None:
    first = generic(news(operation))
    assert (first.status_code, first.json()["status"]) == (200, "processed")
    assert deliver(news(operation)).json() == {
        "status": "duplicate", "event_id": first.json()["event_id"],
    }  # fmt: skip


@pytest.mark.parametrize("skew", [-3600, -301, 302, 3600])
def test_a_clock_that_differs_too_much_is_refused_in_both_directions(
    operation: GatewayOperation, skew: int
) -> None:
    response = generic(news(operation), at=time.time() + skew)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "stale_timestamp")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Webhook-Signature": ""}, 400),
        ({"X-Webhook-Timestamp": ""}, 400),
        ({"X-Webhook-Timestamp": "soon"}, 400),
        ({"X-Webhook-Timestamp": "9" * 30}, 400),
        ({"X-Webhook-Signature": "0" * 64}, 401),
        ({"X-Webhook-Provider": "nobody"}, 404),
        ({"X-Webhook-Event-ID": "another"}, 400),
    ],
)
def test_a_generic_delivery_with_wrong_headers_changes_nothing(
    operation: GatewayOperation, headers: dict[str, str], status: int
) -> None:
    assert generic(news(operation), headers).status_code == status
    assert payment().status == "requires_action"
    assert not PaymentWebhookEvent.objects.exists()


def test_the_senders_own_event_id_is_recorded_where_it_agrees(operation: GatewayOperation) -> None:
    event_id = f"100001:{operation.gateway_reference}:sale:A"
    assert generic(news(operation), {"X-Webhook-Event-ID": event_id}).status_code == 200
    assert PaymentWebhookEvent.objects.get().external_event_id == event_id


def test_without_a_secret_the_generic_webhook_lets_nobody_in(
    operation: GatewayOperation, settings: Settings
) -> None:
    paytabs = settings.PROVIDERS["paytabs"] | {"generic_webhook_secrets": []}
    settings.PROVIDERS = settings.PROVIDERS | {"paytabs": paytabs}
    assert generic(news(operation)).status_code == 401


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_health_page_counts_events_by_where_they_stand(
    operation: GatewayOperation, method: str
) -> None:
    deliver(news(operation))
    deliver(b"{")
    body = getattr(Client(), method)("/webhooks/payments/health").json()
    assert body["statistics"] == {
        "total": 2, "completed": 1, "failed": 0, "processing": 0, "parked": 1, "ignored": 0,
    }  # fmt: skip
    assert json.dumps(body["timestamp"])
