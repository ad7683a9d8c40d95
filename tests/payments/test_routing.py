"""Which gateway, and when another: only after what certainly never left."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from payments import operations
from payments.errors import OperationInProgress
from payments.gateways import transport
from payments.gateways.messages import GatewayResult
from payments.gateways.registry import gateway_named
from payments.gateways.wire import Lost, NotSent, WireRequest, WireResponse
from payments.models import GatewayOperation
from payments.statuses import OperationKind, Outcome
from tests import fakes

STRIPE = {
    "secret_key": "sk_test_x",
    "webhook_secrets": ["whsec_x"],
    "tolerance": timedelta(seconds=300),
    "api_base": None,
    "generic_webhook_secrets": [],
    "ip_whitelist": [],
    "timeout": timedelta(seconds=30),
    "settling_time": timedelta(seconds=120),
}
PAGE = {
    "id": "cs_test_1",
    "object": "checkout.session",
    "url": "https://checkout.stripe.test/1",
    "status": "open",
    "payment_status": "unpaid",
}


class World:
    """Two providers, and how each of them is today."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.weather: dict[str, Exception | None] = {"paytabs": None, "stripe": None}

    def send(self, gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        self.asked.append(gateway)
        if trouble := self.weather[gateway]:
            raise trouble
        if gateway == "stripe":
            return fakes.answer(PAGE)
        return fakes.page(json.loads(request.body))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> World:
    settings.PROVIDERS = {"paytabs": settings.PROVIDERS["paytabs"], "stripe": STRIPE}
    settings.PROVIDER_ORDER = ["paytabs", "stripe"]
    settings.RATE_LIMITS_ENABLED = False
    made = World()
    monkeypatch.setattr(transport, "send", made.send)
    return made


@pytest.fixture
def process(api: Client) -> Callable[..., Any]:
    def start(**facts: Any) -> Any:
        body = {"amount": "125.50", "currency": "AED"} | facts
        payment = api.post("/payments/v2/create", body, "application/json").json()["id"]
        return api.post(f"/payments/v2/process/{payment}", {}, "application/json")

    return start


def test_the_first_in_order_is_asked_and_the_reason_kept(
    world: World, process: Callable[..., Any]
) -> None:
    assert process().json()["provider"] == "paytabs"
    assert world.asked == ["paytabs"]
    assert "number 1" in GatewayOperation.objects.get().routing_reason


def test_the_configured_order_decides(
    world: World, process: Callable[..., Any], settings: Settings
) -> None:
    settings.PROVIDER_ORDER = ["stripe", "paytabs"]
    assert process().json()["provider"] == "stripe"


def test_where_nothing_was_sent_the_next_is_tried_at_once(
    world: World, process: Callable[..., Any]
) -> None:
    world.weather["paytabs"] = NotSent("refused")
    body = process().json()
    assert (body["provider"], body["status"]) == ("stripe", "requires_action")
    assert world.asked == ["paytabs", "stripe"]
    outcomes = GatewayOperation.objects.values_list("provider", "outcome")
    assert sorted(outcomes) == [("paytabs", "not_sent"), ("stripe", "action_required")]


def test_where_the_answer_was_lost_nobody_else_is_asked(
    world: World, process: Callable[..., Any]
) -> None:
    world.weather["paytabs"] = Lost("silence")
    assert process().status_code == 504
    assert world.asked == ["paytabs"]


def test_a_route_that_was_chosen_before_the_payment_went_elsewhere_is_refused(
    world: World, process: Callable[..., Any]
) -> None:
    """Two calls at once: one reads its routes, then waits for the lock of the other."""
    world.weather["paytabs"] = Lost("silence")
    process()
    lost = GatewayOperation.objects.get()
    operations.settle(lost, GatewayResult(Outcome.NOT_SENT), heard_from="lookup")
    late: dict[str, Any] = {"reason": "chosen before", "timeout": timedelta(seconds=5)}
    stripe, paytabs = gateway_named("stripe"), gateway_named("paytabs")
    with pytest.raises(OperationInProgress, match="paytabs"):
        operations.begin(lost.payment_id, OperationKind.CHARGE, stripe, **late)
    assert GatewayOperation.objects.get() == lost
    again, is_new = operations.begin(lost.payment_id, OperationKind.CHARGE, paytabs, **late)
    assert (again.provider, is_new) == ("paytabs", True)


@pytest.mark.parametrize(
    ("outcome", "heard_from"), [(Outcome.NOT_SENT, "answer"), (Outcome.DECLINED, "lookup")]
)
def test_what_certainly_took_nothing_leaves_the_payment_to_others(
    world: World, process: Callable[..., Any], outcome: Outcome, heard_from: str
) -> None:
    process()
    told = GatewayResult(outcome, leaves_another_try=True)
    first = GatewayOperation.objects.get()
    operations.settle(first, told, heard_from=heard_from)
    second, is_new = operations.begin(
        first.payment_id,
        OperationKind.CHARGE,
        gateway_named("stripe"),
        reason="the next",
        timeout=timedelta(seconds=5),
    )
    assert (second.provider, is_new) == ("stripe", True)


def test_a_provider_that_was_named_has_no_stand_in(
    world: World, process: Callable[..., Any]
) -> None:
    world.weather["paytabs"] = NotSent("refused")
    assert process(provider="paytabs").status_code == 503
    assert world.asked == ["paytabs"]


def test_where_nobody_can_be_reached_nothing_was_charged(
    world: World, process: Callable[..., Any]
) -> None:
    world.weather = {"paytabs": NotSent("refused"), "stripe": NotSent("refused")}
    assert process().status_code == 503
    assert world.asked == ["paytabs", "stripe"]


def test_what_a_card_was_turned_into_is_not_sent_again(api: Client, world: World) -> None:
    world.weather["stripe"] = NotSent("refused")
    body = {"amount": "125.50", "currency": "AED"}
    payment = api.post("/payments/v2/create", body, "application/json").json()["id"]
    path, token = f"/payments/v2/process/{payment}", {"payment_token": "pm_card_visa"}
    assert api.post(path, token, "application/json").status_code == 503
    assert GatewayOperation.objects.get().next_check_at is None


def test_a_currency_that_nobody_takes_is_refused_at_once(api: Client, world: World) -> None:
    response = api.post(
        "/payments/v2/create", {"amount": "1.00", "currency": "KPW", "provider": "stripe"},
        "application/json",
    )  # fmt: skip
    assert response.status_code == 400
    assert response.json()["errors"][0]["code"] == "unsupported_currency"


def create(api: Client, **facts: Any) -> tuple[int, dict[str, Any]]:
    body = {"amount": "125.50", "currency": "NGN"} | facts
    response = api.post("/payments/v2/create", body, "application/json")
    return response.status_code, response.json()["errors"][0]


def test_what_no_provider_can_do_is_a_409_and_not_the_currencys_fault(
    api: Client, settings: Settings
) -> None:
    settings.PROVIDERS = {"flutterwave": {**STRIPE, "secret_key": "FLWSECK_TEST-x"}}
    settings.PROVIDER_ORDER = ["flutterwave"]
    status, error = create(api, capture="manual")
    assert (status, error["code"]) == (409, "not_supported")
    assert error["detail"] == "No connected provider can do this: authorize."
    status, error = create(api, currency="KPW")
    assert (status, error["code"], error["attr"]) == (400, "unsupported_currency", "currency")
    settings.PROVIDERS = {}
    status, error = create(api, capture="manual")
    assert (status, error["code"]) == (400, "unsupported_currency")


def test_what_the_first_cannot_express_goes_to_the_next(
    world: World, process: Callable[..., Any], settings: Settings
) -> None:
    settings.PROVIDER_ORDER = ["stripe", "paytabs"]
    # Stripe takes three decimals only where the last is zero.
    assert process(amount="3.125", currency="KWD").json()["provider"] == "paytabs"
    assert world.asked == ["paytabs"]


WEATHER = st.sampled_from([None, NotSent("refused"), Lost("silence")])


@pytest.mark.django_db(transaction=True)
@settings(max_examples=60, deadline=None)
@given(days=st.lists(st.tuples(WEATHER, WEATHER), min_size=1, max_size=5))
def test_whatever_the_weather_a_payment_is_open_in_one_place_only(
    days: list[tuple[Exception | None, Exception | None]],
) -> None:
    _prove_one_place(days)


def _prove_one_place(days: list[tuple[Exception | None, Exception | None]]) -> None:
    from django.test import override_settings

    from payments.errors import DomainError
    from payments.models import Payment
    from payments.money import Money
    from payments.services.payments import create_payment, process_payment

    world, original = World(), transport.send
    transport.send = world.send
    try:
        with override_settings(PROVIDERS=_both(), PROVIDER_ORDER=["paytabs", "stripe"]):
            payment = create_payment(owner_id=None, money=Money(12550, "AED"))
            for paytabs, stripe in days:
                world.weather = {"paytabs": paytabs, "stripe": stripe}
                try:
                    process_payment(payment_id=payment.id)
                except DomainError:
                    continue
    finally:
        transport.send = original
    made = list(Payment.objects.get(pk=payment.id).operations.all())
    assert len({o.provider for o in made if o.may_have_left}) <= 1
    assert sum(o.is_open() for o in made) <= 1


def _both() -> dict[str, Any]:
    from django.conf import settings as current

    return {"paytabs": current.PROVIDERS["paytabs"], "stripe": STRIPE}
