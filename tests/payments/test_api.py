"""The API as its callers meet it: the road, the errors, the idempotency, who sees what."""

import base64
import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from payments.gateways.wire import Lost, NotSent
from payments.models import ApiKey, GatewayOperation, IdempotencyKey, Payment, StoredEvent
from payments.services.return_addresses import return_address
from tests.callers import caller
from tests.fakes import FakeTransport, answer, notification

BODY = {"amount": "125.50", "currency": "AED", "reference": "order-1"}


def post(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(
        f"/payments/v2{path}", body if body is not None else {}, "application/json", headers=headers
    )


def created(client: Client, **facts: Any) -> str:
    response = post(client, "/create", BODY | facts)
    assert response.status_code == 201, response.content
    return str(response.json()["id"])


def codes(response: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["attr"]) for error in response.json()["errors"]]


def test_a_created_payment_has_every_field_of_the_interface(api: Client) -> None:
    body = post(api, "/create", BODY).json()
    assert set(body) == {
        "id", "reference", "status", "amount", "currency", "amount_captured", "amount_refunded",
        "provider", "transaction_ref", "redirect_url", "description", "customer", "contract",
        "payment_method", "capture", "return_url", "outcome", "next_check_at", "failure", "risk",
        "metadata", "created_at", "updated_at", "completed_at",
    }  # fmt: skip
    assert (body["status"], body["outcome"], body["amount"]) == ("created", "none", "125.50")
    assert body["created_at"].endswith("Z")


@pytest.mark.parametrize("slash", ["", "/"])
def test_paths_work_with_and_without_a_trailing_slash(
    api: Client, provider: FakeTransport, slash: str
) -> None:
    assert post(api, f"/create{slash}", BODY).status_code == 201
    payment = created(api)
    assert post(api, f"/process/{payment}{slash}").status_code == 200
    for path in ("", f"/{payment}", f"/{payment}/events", f"/{payment}/attempts", "/health"):
        assert api.get(f"/payments/v2{path}{slash}").status_code == 200, path


@pytest.mark.parametrize(
    ("facts", "code", "attr"),
    [
        ({"amount": "125.505"}, "invalid_amount", "amount"),
        ({"amount": 125.5}, "invalid_amount", "amount"),
        ({"amount": "0.00"}, "invalid_amount", "amount"),
        ({"amount": "-1"}, "invalid_amount", "amount"),
        ({"amount": None}, "null", "amount"),
        ({"amount": "1", "currency": "JPN"}, "unsupported_currency", "currency"),
        ({"currency": "aed"}, "unsupported_currency", "currency"),
        ({"currency": "x" * 11}, "max_length", "currency"),
        ({"amount": "9" * 18}, "invalid_amount", "amount"),
        ({"metadata": {"a\x00b": "c"}}, "invalid", "metadata"),
        ({"metadata": {"": "c"}}, "invalid", "metadata"),
        ({"description": "\ud800"}, "surrogate_characters_not_allowed", "description"),
        ({"amount": "1.5", "currency": "JPY"}, "invalid_amount", "amount"),
        ({"provider": "nobody"}, "unknown_provider", None),
        ({"return_url": "javascript:alert(1)"}, "invalid", "return_url"),
        ({"metadata": {"a": {"b": 1}}}, "invalid", "metadata.a"),
        ({"metadata": [1]}, "not_a_dict", "metadata"),
        ({"customer": {"email": "nobody"}}, "invalid", "customer.email"),
        ({"customer": "x"}, "invalid", "customer.non_field_errors"),
        ({"capture": "later"}, "invalid_choice", "capture"),
        ({"reference": "x" * 101}, "max_length", "reference"),
        ({"reference": "a\x00b"}, "null_characters_not_allowed", "reference"),
    ],
)
def test_a_mistake_gets_one_clear_error(
    api: Client, facts: dict[str, Any], code: str, attr: str | None
) -> None:
    response = post(api, "/create", BODY | facts)
    assert response.status_code == 400, response.content
    assert codes(response) == [(code, attr)]
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"x"', 400),
        (b"[" * 5000, 400),
    ],
)
def test_a_body_that_is_no_object_is_a_clear_400(api: Client, body: bytes, status: int) -> None:
    response = api.post("/payments/v2/create", body, "application/json")
    assert response.status_code == status, response.content
    assert response.json()["errors"]


def test_another_content_type_is_a_415_in_the_same_shape(api: Client) -> None:
    response = api.post("/payments/v2/create", b"amount=1", "application/x-www-form-urlencoded")
    assert response.status_code == 415
    assert response.json()["type"] == "client_error"


def test_half_a_character_is_a_400_under_an_idempotency_key_too(api: Client) -> None:
    body = json.dumps(BODY | {"description": "\ud800"})
    headers = {"Idempotency-Key": "k1"}
    response = api.post("/payments/v2/create", body, "application/json", headers=headers)
    assert response.status_code == 400


@pytest.mark.parametrize("value", ["p=x", "p=9999-99-99", "r=1&p=", "o=x", "o=-5", "p=%00"])
def test_a_cursor_that_we_did_not_make_is_no_accident(api: Client, value: str) -> None:
    created(api)
    cursor = base64.b64encode(value.encode()).decode()
    assert api.get("/payments/v2", {"cursor": cursor}).status_code in (200, 400, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/verify/a%00b/00000000-0000-0000-0000-000000000000",
        "/nothing",
        "/x/events",
        "/00000000-0000-0000-0000-000000000000",
    ],
)
def test_what_is_not_there_is_a_404_in_the_same_shape(api: Client, path: str) -> None:
    response = api.get(f"/payments/v2{path}")
    assert response.status_code == 404
    assert codes(response) == [("not_found", None)]
    assert response["X-Correlation-ID"]


def test_process_answers_the_page_and_repeating_it_answers_the_same(
    api: Client, provider: FakeTransport
) -> None:
    payment = created(api)
    first, second = post(api, f"/process/{payment}"), api.get(f"/payments/v2/process/{payment}")
    assert first.json()["status"] == "requires_action"
    assert first.json()["redirect_url"].startswith("https://pay.test/TST")
    assert first.json()["transaction_ref"] == second.json()["transaction_ref"]
    assert provider.count("request") == 1
    assert second["Cache-Control"] == "no-store"


def test_nothing_sent_is_a_503_and_the_same_payment_succeeds_later(
    api: Client, provider: FakeTransport
) -> None:
    payment = created(api)
    provider.replies["request"] = NotSent("refused")
    response = post(api, f"/process/{payment}")
    assert (response.status_code, codes(response)) == (503, [("service_unavailable", None)])
    assert int(response["Retry-After"]) >= 1
    assert api.get(f"/payments/v2/{payment}").json()["status"] == "created"
    provider.replies = FakeTransport().replies
    assert post(api, f"/process/{payment}").json()["status"] == "requires_action"


def test_a_lost_answer_is_a_504_that_says_the_outcome_is_unknown(
    api: Client, provider: FakeTransport
) -> None:
    payment = created(api)
    provider.replies["request"] = Lost("silence")
    response = post(api, f"/process/{payment}", **{"Idempotency-Key": "p1"})
    assert (response.status_code, codes(response)) == (504, [("provider_timeout", None)])
    again = post(api, f"/process/{payment}", **{"Idempotency-Key": "p1"})
    assert again.status_code == 200
    body = again.json()
    assert (body["status"], body["outcome"]) == ("processing", "unknown")
    assert body["next_check_at"] is not None
    assert provider.count("request") == 1


def test_a_refusal_by_the_provider_is_a_402(api: Client, provider: FakeTransport) -> None:
    payment = created(api)
    provider.replies["request"] = answer({"code": 206, "message": "Invalid currency"}, 400)
    response = post(api, f"/process/{payment}")
    assert (response.status_code, codes(response)) == (402, [("payment_declined", None)])
    ended = api.get(f"/payments/v2/{payment}").json()
    assert ended["status"] == "failed"
    assert ended["failure"] == {"code": "provider_error", "message": "Invalid currency"}
    assert codes(post(api, f"/process/{payment}")) == [("invalid_transition", None)]


def test_verify_asks_the_provider_and_applies_the_answer(
    api: Client, provider: FakeTransport
) -> None:
    payment = created(api)
    reference = post(api, f"/process/{payment}").json()["transaction_ref"]
    operation = GatewayOperation.objects.get()
    paid = json.loads(notification(operation.key, reference))
    provider.replies["query"] = answer([paid])
    verified = api.get(f"/payments/v2/verify/{reference}/{payment}")
    assert verified.json()["status"] == "completed"
    assert verified["Cache-Control"] == "no-store"
    assert api.get(f"/payments/v2/verify/OTHER/{payment}").status_code == 404
    provider.replies["query"] = Lost("silence")
    assert api.get(f"/payments/v2/verify/{reference}/{payment}").status_code == 503


def test_the_timeline_and_the_attempts_tell_the_story(api: Client, provider: FakeTransport) -> None:
    payment = created(api)
    post(api, f"/process/{payment}", **{"X-Correlation-ID": "story-1"})
    events = api.get(f"/payments/v2/{payment}/events").json()["results"]
    assert [e["type"] for e in events] == [
        "payment.created", "payment.initiated", "payment.requires_action",
    ]  # fmt: skip
    assert {e["correlation_id"] for e in events[1:]} == {"story-1"}
    attempt = api.get(f"/payments/v2/{payment}/attempts").json()["results"][0]
    assert (attempt["provider"], attempt["outcome"]) == ("paytabs", "action_required")
    assert attempt["routing_reason"]


def test_events_hold_nothing_personal(api: Client, provider: FakeTransport) -> None:
    customer = {"id": "c-77", "name": "Amal", "email": "amal@example.test", "phone": "+97150"}
    payment = created(api, customer=customer)
    post(api, f"/process/{payment}")
    assert api.get(f"/payments/v2/{payment}").json()["customer"] == customer
    stored = " ".join(f"{e.data} {e.metadata}" for e in StoredEvent.objects.all())
    assert not any(value in stored for value in customer.values())


def test_deleting_a_customers_key_forgets_them_and_keeps_the_history(api: Client) -> None:
    payment = Payment.objects.get(pk=created(api, customer={"name": "Amal"}))
    assert payment.subject is not None
    payment.subject.delete()
    body = api.get(f"/payments/v2/{payment.pk}").json()
    assert body["customer"] == {"id": "", "name": "", "email": "", "phone": ""}
    assert api.get(f"/payments/v2/{payment.pk}/events").json()["results"]


# Who sees what.


def test_somebody_elses_payment_does_not_exist(api: Client, provider: FakeTransport) -> None:
    payment = created(api)
    stranger, operator = caller("payments:read", "payments:write"), caller("operator")
    assert stranger.get(f"/payments/v2/{payment}").status_code == 404
    assert post(stranger, f"/process/{payment}").status_code == 404
    assert stranger.get("/payments/v2").json()["results"] == []
    assert operator.get(f"/payments/v2/{payment}").status_code == 200
    assert len(operator.get("/payments/v2").json()["results"]) == 1


def test_a_rotated_key_sees_what_its_predecessor_made(api: Client) -> None:
    payment = created(api)
    _, text = ApiKey.issue("new", ["payments:read"], rotated_from=ApiKey.objects.get())
    heir = Client(headers={"Authorization": f"Bearer {text}"})
    assert heir.get(f"/payments/v2/{payment}").status_code == 200


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Bearer bk_a_b", "Basic YTpi", "Bearer \xff"]
)
def test_without_a_key_that_lives_there_is_a_401(transactional_db: None, header: str) -> None:
    response = Client(headers={"Authorization": header}).get("/payments/v2")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_revoked_and_expired_keys_are_dead(api: Client) -> None:
    from django.utils import timezone

    for fact in ("revoked_at", "expires_at"):
        ApiKey.objects.update(revoked_at=None, expires_at=None)
        ApiKey.objects.update(**{fact: timezone.now()})
        assert api.get("/payments/v2").status_code == 401


def test_a_scope_that_is_missing_is_named(api: Client) -> None:
    reader = caller("payments:read")
    response = post(reader, "/create", BODY)
    assert response.status_code == 403
    assert "payments:write" in response.json()["errors"][0]["detail"]


def test_only_a_hash_of_a_key_is_kept(transactional_db: None) -> None:
    key, text = ApiKey.issue("x", [])
    secret = text.rsplit("_", 1)[1] if text.count("_") == 2 else text.split("_", 2)[2]
    assert secret not in str(ApiKey.objects.values().get(pk=key.pk))


def test_a_session_starts_nothing_by_get_and_needs_its_csrf_token(
    admin_client: Client, transactional_db: None, provider: FakeTransport
) -> None:
    payment = created(caller("payments:write"))
    assert admin_client.get(f"/payments/v2/process/{payment}").status_code == 401
    assert provider.count("request") == 0
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin_client.cookies
    assert post(strict, f"/process/{payment}").status_code == 403


def test_head_starts_nothing(api: Client, provider: FakeTransport) -> None:
    payment = created(api)
    assert api.head(f"/payments/v2/process/{payment}").status_code == 405
    assert provider.count("request") == 0


# Idempotency.


def test_a_repeated_request_gets_the_first_answer_again(api: Client) -> None:
    first = post(api, "/create", BODY, **{"Idempotency-Key": "k1"})
    again = post(api, "/create/", dict(reversed(BODY.items())), **{"Idempotency-Key": "k1"})
    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert Payment.objects.count() == 1


def test_one_key_with_two_bodies_is_refused(api: Client) -> None:
    post(api, "/create", BODY, **{"Idempotency-Key": "k1"})
    response = post(api, "/create", BODY | {"amount": "1.00"}, **{"Idempotency-Key": "k1"})
    assert (response.status_code, codes(response)) == (422, [("idempotency_key_reused", None)])


def test_a_final_refusal_is_kept_too(api: Client) -> None:
    bad = BODY | {"amount": "x"}
    first = post(api, "/create", bad, **{"Idempotency-Key": "k1"})
    again = post(api, "/create", bad, **{"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (400, 400)
    assert again["Idempotent-Replayed"] == "true"


def test_a_key_belongs_to_its_caller_and_path(api: Client, provider: FakeTransport) -> None:
    one = post(api, "/create", BODY, **{"Idempotency-Key": "k1"}).json()["id"]
    other = post(caller("payments:write"), "/create", BODY, **{"Idempotency-Key": "k1"})
    assert other.json()["id"] != one
    assert post(api, f"/process/{one}", **{"Idempotency-Key": "k1"}).status_code == 200


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ü"])
def test_a_key_of_odd_characters_is_refused(api: Client, key: str) -> None:
    response = post(api, "/create", BODY, **{"Idempotency-Key": key})
    assert codes(response) == [("invalid_idempotency_key", None)]


def test_while_the_first_is_running_the_second_is_told_to_wait(api: Client) -> None:
    post(api, "/create", BODY, **{"Idempotency-Key": "k1"})
    _as_if_killed_before_its_answer(payment_id=None)
    response = post(api, "/create", BODY, **{"Idempotency-Key": "k1"})
    assert codes(response) == [("idempotency_key_in_progress", None)]
    assert response["Retry-After"] == "1"


def test_a_lock_that_ran_out_is_taken_over(api: Client) -> None:
    from django.utils import timezone

    post(api, "/create", BODY, **{"Idempotency-Key": "k1"})
    _as_if_killed_before_its_answer(payment_id=None)
    IdempotencyKey.objects.update(locked_until=timezone.now())
    assert post(api, "/create", BODY, **{"Idempotency-Key": "k1"}).status_code == 201


def test_a_request_that_outlived_its_lock_leaves_the_field_to_its_repeat(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.utils import timezone

    from payments.services import payments as service

    create = service.create_payment
    repeated: list[Any] = []

    def stall(**facts: Any) -> Payment:
        if not repeated:
            IdempotencyKey.objects.update(locked_until=timezone.now())
            repeated.append(None)
            repeated[0] = post(api, "/create", BODY, **{"Idempotency-Key": "k1"})
        return create(**facts)

    monkeypatch.setattr(service, "create_payment", stall)
    slow = post(api, "/create", BODY, **{"Idempotency-Key": "k1"})
    assert repeated[0].status_code == 201
    assert (slow.status_code, codes(slow)) == (409, [("idempotency_key_in_progress", None)])
    assert str(Payment.objects.get().pk) == repeated[0].json()["id"]
    again = post(api, "/create", BODY, **{"Idempotency-Key": "k1"})
    assert again.json() == repeated[0].json()


def test_a_database_that_dies_after_the_call_leaves_the_outcome_unknown(
    api: Client, provider: FakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    from payments import operations

    def die(*_: Any, **__: Any) -> None:
        raise OperationalError("the connection is closed")

    payment = created(api)
    monkeypatch.setattr(operations, "settle", die)
    response = post(api, f"/process/{payment}")
    assert (response.status_code, codes(response)) == (504, [("provider_timeout", None)])
    assert provider.count("request") == 1


def test_guessing_keys_is_counted_too(transactional_db: None, settings: Settings) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"default": "3/m"}
    stranger = Client(headers={"Authorization": "Bearer bk_a_b"})
    statuses = [stranger.get("/payments/v2").status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


def test_a_payer_who_comes_back_again_and_again_costs_no_more_lookups(
    api: Client, provider: FakeTransport, settings: Settings
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"verify": "3/m"}
    payment = created(api, return_url="https://shop.test/")
    post(api, f"/process/{payment}")
    browser, address = returning(payment, provider)
    provider.replies["query"] = answer([])
    assert {browser.get(address).status_code for _ in range(9)} == {302}
    assert provider.count("query") == 3


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/webhooks/payments/paytabs"), ("put", "/payments/v2/webhook"),
     ("delete", "/payments/v2/return"), ("delete", "/payments/v2/create")],
)  # fmt: skip
def test_a_method_that_is_not_offered_is_a_405_in_the_same_shape(
    api: Client, method: str, path: str
) -> None:
    response = getattr(api, method)(path)
    assert (response.status_code, codes(response)) == (405, [("method_not_allowed", None)])
    assert response["Allow"]


def test_a_death_between_commit_and_answer_leads_to_the_same_payment(api: Client) -> None:
    first = post(api, "/create", BODY, **{"Idempotency-Key": "k1"}).json()["id"]
    _as_if_killed_before_its_answer()
    again = post(api, "/create", BODY, **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()["id"]) == (201, first)
    assert Payment.objects.count() == 1


def _as_if_killed_before_its_answer(**facts: Any) -> None:
    from datetime import timedelta

    from django.utils import timezone

    soon = timezone.now() + timedelta(minutes=1)
    IdempotencyKey.objects.update(status_code=None, answer=None, locked_until=soon, **facts)


# The list.


def test_pages_follow_each_other_without_gap_or_repeat(api: Client) -> None:
    made = [created(api) for _ in range(7)]
    seen, url = [], "/payments/v2?limit=3"
    while url:
        body = api.get(url).json()
        seen += [payment["id"] for payment in body["results"]]
        url = body["next"]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=created", 2), ("status=completed", 0), ("status=created&status=failed", 2),
        ("currency=KWD", 1), ("reference=order-1", 1), ("customer=c-1", 1), ("customer=c-2", 0),
        ("contract=lease", 1), ("provider=paytabs", 1),
        ("created_after=2020-01-01T00:00:00Z", 2), ("created_before=2020-01-01T00:00:00Z", 0),
        ("currency=AED&min_amount=125.50", 1), ("currency=AED&max_amount=125.49", 0),
        ("currency=KWD&min_amount=3.125&max_amount=3.125", 1),
    ],
)  # fmt: skip
def test_each_filter_finds_what_it_names(api: Client, query: str, found: int) -> None:
    created(api, customer={"id": "c-1"}, provider="paytabs")
    created(api, amount="3.125", currency="KWD", reference="other", contract="lease")
    assert len(api.get(f"/payments/v2?{query}").json()["results"]) == found


@pytest.mark.parametrize(
    "query",
    ["status=paid", "created_after=yesterday", "min_amount=1", "currency=AED&min_amount=x"],
)
def test_a_filter_that_makes_no_sense_is_a_400(api: Client, query: str) -> None:
    assert api.get(f"/payments/v2?{query}").status_code == 400


def test_the_list_asks_the_database_as_often_for_one_as_for_many(
    api: Client, provider: FakeTransport, django_assert_num_queries: Any
) -> None:
    for _ in range(6):
        post(api, f"/process/{created(api, customer={'id': 'c'})}")
    api.get("/payments/v2")
    with django_assert_num_queries(2):  # the key, the page
        api.get("/payments/v2?limit=1")
    with django_assert_num_queries(2):
        api.get("/payments/v2?limit=6")


# Limits and the payer's return.


def test_too_many_calls_for_one_payment_are_told_when_to_come_back(
    api: Client, provider: FakeTransport
) -> None:
    payment = created(api)
    statuses = [post(api, f"/process/{payment}").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    response = post(api, f"/process/{payment}")
    assert codes(response) == [("rate_limited", None)]
    assert 1 <= int(response["Retry-After"]) <= 60
    assert post(api, f"/process/{created(api)}").status_code == 200


def test_limits_can_be_switched_off(
    api: Client, provider: FakeTransport, settings: Settings
) -> None:
    settings.RATE_LIMITS_ENABLED = False
    payment = created(api)
    assert {post(api, f"/process/{payment}").status_code for _ in range(12)} == {200}


def returning(payment: str, provider: FakeTransport, **facts: Any) -> tuple[Client, str]:
    operation = GatewayOperation.objects.get(payment_id=payment)
    paid = json.loads(notification(operation.key, operation.gateway_reference))
    provider.replies["query"] = answer([paid])
    address = return_address(Payment.objects.get(pk=payment))
    return Client(), address.removeprefix("http://127.0.0.1:8000")


def test_a_payer_who_comes_back_is_looked_up_and_sent_to_the_merchant(
    api: Client, provider: FakeTransport
) -> None:
    payment = created(api, return_url="https://shop.test/thanks?o=1")
    post(api, f"/process/{payment}")
    browser, address = returning(payment, provider)
    response = browser.post(address, {"respStatus": "A", "signature": ""})
    assert (response.status_code, response["Location"]) == (302, "https://shop.test/thanks?o=1")
    assert api.get(f"/payments/v2/{payment}").json()["status"] == "completed"


@pytest.mark.parametrize("change", [("s=", "s=0"), ("payment=", "payment=0"), ("&s=", "&x=")])
def test_a_return_that_we_did_not_sign_is_not_looked_up(
    api: Client, provider: FakeTransport, change: tuple[str, str]
) -> None:
    payment = created(api, return_url="https://shop.test/")
    post(api, f"/process/{payment}")
    browser, address = returning(payment, provider)
    assert browser.get(address.replace(*change)).status_code == 400
    assert provider.count("query") == 0


def test_return_fields_that_the_provider_did_not_sign_cost_no_lookup(
    api: Client, provider: FakeTransport
) -> None:
    payment = created(api, return_url="https://shop.test/")
    post(api, f"/process/{payment}")
    browser, address = returning(payment, provider)
    response = browser.post(address, {"respStatus": "A", "signature": "0" * 64})
    assert response.status_code == 302
    assert provider.count("query") == 0


# The conversation, and the description of it all.


def test_the_callers_correlation_id_is_kept_and_a_bad_one_replaced(api: Client) -> None:
    mine = api.get("/payments/v2", headers={"X-Correlation-ID": "abc-1"})
    assert mine["X-Correlation-ID"] == "abc-1"
    theirs = api.get("/payments/v2", headers={"X-Correlation-ID": "a b"})
    assert theirs["X-Correlation-ID"] not in ("a b", "")


def test_the_schema_is_a_valid_openapi_document(db: None) -> None:
    import yaml
    from openapi_spec_validator import validate

    document = yaml.safe_load(Client().get("/api/schema").content)
    assert document["openapi"] == "3.1.0"
    validate(document)
    for path in ("/payments/v2/create", "/payments/v2/process/{payment_id}"):
        assert path in {p.rstrip("/") for p in document["paths"]}


def test_the_docs_page_asks_nothing_of_anybody_else(db: None) -> None:
    response = Client().get("/api/docs")
    assert response.status_code == 200
    assert b"//cdn" not in response.content
    assert "default-src 'none'" in response["Content-Security-Policy"]
