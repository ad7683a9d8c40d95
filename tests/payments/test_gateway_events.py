"""Which operation a piece of news is about, and what a dispute's hint is worth."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from payments import lifecycle, operations
from payments.errors import NotConfirmed
from payments.gateways import transport
from payments.gateways.messages import DisputeNews, DisputeStatus, GatewayEvent, GatewayResult
from payments.gateways.registry import gateway_named
from payments.gateways.wire import Lost, NotSent, WireRequest, WireResponse
from payments.models import Discrepancy, Dispute, GatewayCall, GatewayOperation, Payment
from payments.money import Money
from payments.resilience import registry
from payments.services import gateway_events
from payments.services.disputes import look_up_dispute, record_dispute
from payments.services.payments import create_payment, payment_with
from payments.statuses import OperationKind, Outcome, PaymentStatus

pytestmark = pytest.mark.django_db
PRICE = Money(100_00, "NGN")


@pytest.fixture(autouse=True)
def _connected(settings: Settings) -> None:
    """Two more providers, neither of which anybody dials."""
    facts = {
        "secret_key": "sk",
        "webhook_secrets": ["sk"],
        "generic_webhook_secrets": [],
        "ip_whitelist": [],
        "api_base": "https://provider.test",
        "timeout": timedelta(seconds=5),
        "settling_time": timedelta(seconds=60),
    }
    settings.PROVIDERS = settings.PROVIDERS | {"paystack": facts, "flutterwave": facts}


def begun(provider: str) -> GatewayOperation:
    payment, gateway = create_payment(owner_id=None, money=PRICE), gateway_named(provider)
    charge, _ = operations.begin(
        payment.id, OperationKind.CHARGE, gateway, reason="", timeout=gateway.timeout
    )
    return charge


def paid(provider: str = "paystack", **ids: str) -> GatewayOperation:
    charge = begun(provider)
    success = GatewayResult(Outcome.SUCCEEDED, reference=charge.key, money=PRICE, ids=ids)
    operations.settle(charge, success, heard_from="answer")
    charge.refresh_from_db()
    return charge


def refund(charge: GatewayOperation, number: str = "", amount: int = 25_00) -> GatewayOperation:
    """A refund of ours; with a number its answer came, and it is on its way."""
    money, gateway = Money(amount, "NGN"), gateway_named(charge.provider)
    with lifecycle.hold(charge.payment_id) as payment:
        operation = operations.begin_refund(payment, gateway, money, reason="")
    if number:
        pending = GatewayResult(Outcome.PENDING, OperationKind.REFUND, number, money=money)
        operations.settle(operation, pending, heard_from="answer")
    return operation


def told_of_refund(charge: GatewayOperation, word: str, name: str | None, **facts: Any) -> None:
    """What Paystack's notification of a refund does: it names the charge, and seldom an id."""
    data = {"status": word, "transaction_reference": charge.key, "refund_reference": name}
    data |= {"amount": "2500", "currency": "NGN"} | facts
    body = json.dumps({"event": f"refund.{word}", "data": data}).encode()
    (event,) = gateway_named("paystack").events_in(body)
    operation = gateway_events.operation_of("paystack", event)
    gateway_events.apply_gateway_event(operation, event)


def looked_up(operation: GatewayOperation, word: Outcome = Outcome.SUCCEEDED) -> None:
    found = GatewayResult(word, OperationKind.REFUND, money=operation.money)
    operations.settle(operation, found, heard_from="lookup")


def state(charge: GatewayOperation) -> tuple[int, int, int]:
    """Given back, on its way, and how often a person is asked."""
    row = payment_with(charge.payment_id)
    return row.amount_refunded, row.refund_pending, Discrepancy.objects.count()


def test_our_refund_is_known_by_its_amount_until_it_has_a_name() -> None:
    charge = paid()
    refund(charge, "77")
    told_of_refund(charge, "pending", None)
    assert state(charge) == (0, 25_00, 0)
    told_of_refund(charge, "processed", "TRF_1")
    assert state(charge) == (25_00, 0, 0)


def test_a_refund_by_hand_after_ours_is_not_taken_for_ours() -> None:
    charge = paid()
    refund(charge, "77")
    told_of_refund(charge, "processed", "TRF_1")
    told_of_refund(charge, "processed", "TRF_2")
    assert state(charge) == (25_00, 0, 1)


def test_a_refund_by_hand_before_ours_leaves_one_of_the_two_to_a_person() -> None:
    charge = paid()
    refund(charge, "77")
    told_of_refund(charge, "processed", "TRF_2")
    told_of_refund(charge, "processed", "TRF_1")
    assert state(charge) == (25_00, 0, 1)


def test_news_that_comes_after_a_lookup_is_ours_once_and_the_next_is_not() -> None:
    charge = paid()
    ours = refund(charge, "77")
    looked_up(ours)
    told_of_refund(charge, "pending", None)
    told_of_refund(charge, "processed", "TRF_1")
    told_of_refund(charge, "processed", "TRF_1")
    assert state(charge) == (25_00, 0, 0)
    told_of_refund(charge, "processed", "TRF_2")
    assert state(charge) == (25_00, 0, 1)


def test_a_refund_that_bears_another_id_is_not_ours() -> None:
    charge = paid()
    refund(charge, "77")
    told_of_refund(charge, "needs-attention", None, id=78)
    assert state(charge) == (0, 25_00, 1)
    told_of_refund(charge, "needs-attention", None, id=77)
    assert state(charge) == (0, 25_00, 1)


def test_a_refund_whose_answer_was_lost_is_known_by_its_amount() -> None:
    charge = paid()
    refund(charge)
    told_of_refund(charge, "processed", "TRF_1")
    assert state(charge) == (25_00, 0, 0)


def test_a_failure_by_its_name_takes_our_refund_back_and_one_without_a_name_does_not() -> None:
    charge = paid()
    refund(charge, "77")
    told_of_refund(charge, "processed", "TRF_1")
    told_of_refund(charge, "failed", None)
    assert state(charge) == (25_00, 0, 1)
    told_of_refund(charge, "failed", "TRF_1")
    assert state(charge) == (0, 0, 1)


def test_what_was_refused_is_not_made_good_by_a_refund_by_hand() -> None:
    charge = paid()
    looked_up(refund(charge, "77"), Outcome.DECLINED)
    told_of_refund(charge, "processed", "TRF_1")
    assert state(charge) == (0, 0, 1)


def test_of_several_alike_nobody_can_say_which_is_meant() -> None:
    charge = paid()
    for number in ("77", "78"):
        refund(charge, number)
    with pytest.raises(gateway_events.NotOurs):
        told_of_refund(charge, "processed", "TRF_1")


def test_a_refund_of_another_amount_is_unexpected() -> None:
    charge = paid()
    refund(charge, "77")
    told_of_refund(charge, "processed", "TRF_1", amount="2400")
    assert state(charge) == (0, 25_00, 1)


def test_a_page_that_was_paid_twice_is_noticed_by_the_second_number() -> None:
    charge = paid("flutterwave", transaction="9")
    for number in ("9", "10", "10"):
        again = GatewayResult(
            Outcome.SUCCEEDED, reference=charge.key, money=PRICE, ids={"transaction": number}
        )
        operations.settle(charge, again, heard_from="webhook")
    assert [row.heard for row in Discrepancy.objects.all()] == ["10"]


# --- disputes


def contest(charge: GatewayOperation, reference: str = "7") -> GatewayEvent:
    """A notification that a dispute of this charge was lost."""
    news = DisputeNews(reference, DisputeStatus.LOST, PRICE)
    return GatewayEvent("e1", "chargeback.lost", charge.key, None, dispute=news)


Answer = WireResponse | Lost


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], list[WireRequest]]:
    """Let the provider answer so; says what it was asked."""

    def answers(answer: Answer) -> list[WireRequest]:
        asked: list[WireRequest] = []

        def send(gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
            asked.append(request)
            if isinstance(answer, Lost):
                raise answer
            return answer

        monkeypatch.setattr(transport, "send", send)
        return asked

    return answers


def chargebacks(*entries: Any) -> WireResponse:
    return WireResponse(200, {}, json.dumps({"status": "success", "data": entries}).encode())


def listed(charge: GatewayOperation, status: str = "lost") -> dict[str, Any]:
    return {"id": 7, "amount": 100, "status": status, "tx_ref": charge.key}


@pytest.mark.django_db(transaction=True)
def test_what_its_provider_says_of_a_dispute_stands_in_place_of_the_hint(
    answering: Callable[[Answer], list[WireRequest]],
) -> None:
    charge = paid("flutterwave")
    asked = answering(chargebacks(listed(charge, "initiated")))
    event = gateway_events.confirmed(gateway_named("flutterwave"), contest(charge))
    assert len(asked) == 1
    assert event.is_confirmed
    assert event.dispute is not None
    assert event.dispute.status is DisputeStatus.OPEN
    after = gateway_events.apply_gateway_event(charge, event)
    assert after.status == PaymentStatus.COMPLETED
    answering(chargebacks(listed(charge, "lost")))
    event = gateway_events.confirmed(gateway_named("flutterwave"), contest(charge))
    after = gateway_events.apply_gateway_event(charge, event)
    assert after.status == PaymentStatus.CHARGED_BACK


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(chargebacks(), "success"), (Lost("silence"), "failure"), (WireResponse(500), "failure")],
)
def test_a_dispute_that_is_not_confirmed_is_not_kept(
    answering: Callable[[Answer], list[WireRequest]], answer: Answer, outcome: str
) -> None:
    charge = paid("flutterwave")
    answering(answer)
    with pytest.raises(NotConfirmed):
        gateway_events.confirmed(gateway_named("flutterwave"), contest(charge))
    assert not Dispute.objects.exists()
    call = GatewayCall.objects.get()
    assert (call.breaker, call.outcome) == ("flutterwave-verify", outcome)
    totals = registry.get("flutterwave-verify").statistics().totals
    assert totals.failures == (outcome == "failure")


@pytest.mark.django_db(transaction=True)
def test_a_dispute_is_asked_about_again_and_no_longer_than_its_breaker_allows(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    facts = {"retry_attempts": 2, "retry_delay": timedelta(milliseconds=1)}
    settings.PROVIDERS = settings.PROVIDERS | {
        "flutterwave": settings.PROVIDERS["flutterwave"] | facts
    }
    charge = paid("flutterwave")
    limits, answers = [], iter([WireResponse(500), chargebacks(listed(charge))])

    def send(gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        limits.append(timeout)
        return next(answers)

    monkeypatch.setattr(transport, "send", send)
    breaker, limit = registry.get("flutterwave-verify"), timedelta(seconds=2)
    monkeypatch.setattr(breaker, "policy", replace(breaker.policy, request_timeout=limit))
    assert gateway_events.confirmed(gateway_named("flutterwave"), contest(charge)).is_confirmed
    assert [each <= limit for each in limits] == [True, True]
    assert sorted(GatewayCall.objects.values_list("outcome", flat=True)) == ["failure", "success"]


@pytest.mark.django_db(transaction=True)
def test_a_dispute_that_cannot_be_asked_about_is_kept_and_moves_nothing() -> None:
    charge = paid("flutterwave")
    event = gateway_events.confirmed(gateway_named("flutterwave"), contest(charge, ""))
    after = gateway_events.apply_gateway_event(charge, event)
    assert after.status == PaymentStatus.COMPLETED
    assert Dispute.objects.get().status == "lost"


def test_a_delivery_that_proves_itself_needs_no_lookup() -> None:
    charge = paid("flutterwave")
    after = gateway_events.apply_gateway_event(charge, contest(charge), is_proven=True)
    assert after.status == PaymentStatus.CHARGED_BACK


def test_nobody_is_asked_while_a_lock_is_held() -> None:
    charge, news = paid("flutterwave"), contest(paid("flutterwave")).dispute
    assert news is not None
    with transaction.atomic(), pytest.raises(transaction.TransactionManagementError):
        look_up_dispute(charge, news)


def test_disputes_without_a_name_are_one_a_charge() -> None:
    first, second = paid(), paid()
    nameless = DisputeNews("", DisputeStatus.OPEN, PRICE)
    for charge in (first, second, first):
        record_dispute(charge, nameless)
    assert Dispute.objects.count() == 2
    assert record_dispute(second, DisputeNews("", DisputeStatus.LOST, PRICE)).status == (
        PaymentStatus.CHARGED_BACK
    )
    assert Payment.objects.get(pk=first.payment_id).status == PaymentStatus.COMPLETED


@pytest.mark.django_db(transaction=True)
def test_a_hint_that_takes_a_refund_back_is_confirmed_before_it_frees_any_money(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It moves money after all: what it takes back could be refunded a second time."""

    def silence(*_: Any) -> None:
        raise NotSent("nobody there")

    operation = refund(paid("flutterwave"), "77")
    looked_up(operation)
    operation.refresh_from_db()
    taken_back = GatewayResult(Outcome.DECLINED, OperationKind.REFUND, takes_back=True)
    hint = GatewayEvent("refund.completed:77:failed", "refund", operation.key, taken_back)
    monkeypatch.setattr(transport, "send", silence)
    with pytest.raises(NotConfirmed):
        gateway_events.confirmed(gateway_named("flutterwave"), hint)
