"""Processing: a payment's contract follows it, there and back, and nobody is asked to pay twice."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from payments import notifications, tasks
from payments.errors import ContractRefused
from payments.events import durable
from payments.events.durable import Handler
from payments.events.models import Delivery, StoredEvent
from payments.gateways.messages import DisputeStatus
from payments.gateways.wire import Lost
from payments.models import Contract, Earning, GatewayOperation, Invoice, Payment, SagaRun
from payments.money import Money
from payments.projections.contracts import balance_of
from payments.sagas import purchase, resolving
from payments.sagas.resolving import Verdict
from payments.services import contracts, invoices, maintenance
from payments.services.payments import create_payment
from payments.statuses import OperationKind, Outcome
from tests.events.receivers import later
from tests.fakes import FakeTransport
from tests.lives import TAKEN, begun, begun_again, disputed, heard, refunding

pytestmark = pytest.mark.django_db(transaction=True)
OWNER = uuid4()
AED = Money(TAKEN, "AED")
STEPS = ["send", "collect", "settle", "confirm"]


@pytest.fixture(autouse=True)
def _lost(provider: FakeTransport) -> None:
    """What is sent arrives, and no answer comes: what became of it is heard when a test says so."""
    provider.replies["request"] = Lost("no answer")


def rented(currency: str = "AED") -> Contract:
    made = contracts.create_contract(
        owner_id=OWNER,
        reference="rent-7",
        money=Money(TAKEN, currency),
        starts_on=date(2026, 1, 31),
        employees=[("emp-1", 2500)],
    )
    list(contracts.fall_due(date(2026, 1, 31)))
    return made


def sent(kind: OperationKind = OperationKind.CHARGE, contract: str = "rent-7") -> GatewayOperation:
    payment = create_payment(owner_id=OWNER, money=AED, contract=contract)
    operation = begun_again(payment, kind)
    work()
    return operation


def work(times: int = 3) -> str:
    """What the workers do; answers how the saga stands."""
    for _ in range(times):
        tasks.deliver_events()
        tasks.deliver_outside()
        tasks.advance_sagas()
    saga = SagaRun.objects.filter(type="processing").first()
    return saga.state if saga else "none"


def states() -> dict[str, str]:
    saga = SagaRun.objects.get(type="processing")
    return dict(saga.steps.values_list("name", "state"))


def told(name: str) -> list[dict[str, Any]]:
    return [event.data for event in StoredEvent.objects.filter(type=name).order_by("pk")]


def earned() -> int:
    return Earning.objects.get().amount


def test_a_payment_is_watched_until_its_contract_is_paid() -> None:
    made = rented()
    operation = sent()
    assert states() == dict(zip(STEPS, ["succeeded", "waiting", "pending", "pending"], strict=True))
    heard(operation, Outcome.SUCCEEDED)
    assert work() == "completed"
    assert set(states().values()) == {"succeeded"}
    assert Invoice.objects.get().paid_at
    assert contracts.balance(made) == Money(0, "AED")
    assert earned() == TAKEN // 4
    assert len(told("contract.paid")) == len(told("earnings.calculated")) == 1


def test_a_payment_that_pays_no_contract_costs_no_delivery_and_no_saga() -> None:
    operation = sent(contract="")
    heard(operation, Outcome.SUCCEEDED)
    assert not Delivery.objects.filter(handler="follow_processing").exists()
    assert work() == "none"


def test_watching_costs_the_commit_that_settles_a_payment_one_row_at_most() -> None:
    costs = []
    for contract in ("", "rent-7"):
        operation = sent(contract=contract)
        with CaptureQueriesContext(connection) as queries:
            heard(operation, Outcome.SUCCEEDED)
        costs.append(len(queries))
    # What is written under the payment's lock goes to PostgreSQL in one statement.
    assert costs[1] - costs[0] == (0 if connection.vendor == "postgresql" else 1)


def test_who_keeps_no_contracts_here_names_them_freely() -> None:
    heard(sent(contract="kept elsewhere"), Outcome.SUCCEEDED)
    assert work() == "completed"
    assert not Invoice.objects.exists()


def test_a_payment_that_fails_leaves_its_contract_as_it_was() -> None:
    made = rented()
    heard(sent(), Outcome.DECLINED)
    assert work() == "compensated"
    assert states()["collect"] == "failed"
    assert SagaRun.objects.get().reason == "collect: The payment is failed."
    assert contracts.balance(made) == AED
    assert not Payment.objects.get().operations.filter(kind="void").exists()


def test_a_success_after_the_end_pays_the_contract_after_all() -> None:
    rented()
    operation = sent()
    heard(operation, Outcome.DECLINED)
    assert work() == "compensated"
    heard(operation, Outcome.SUCCEEDED, heard_from="lookup")
    assert work() == "completed"
    assert Invoice.objects.get().paid_at


def test_what_reached_nobody_ends_and_begins_again_when_it_is_sent_again() -> None:
    rented()
    heard(sent(), Outcome.NOT_SENT)
    assert work() == "waiting"
    with later(days=4):
        assert work() == "compensated"
        heard(begun_again(Payment.objects.get()), Outcome.SUCCEEDED)
        assert work() == "completed"
    assert Invoice.objects.get().paid_at


# --- and back


def test_what_is_refunded_in_full_is_owed_again_and_earned_by_nobody() -> None:
    made = rented()
    payment = heard(sent(), Outcome.SUCCEEDED)
    work()
    heard(refunding(payment, TAKEN), Outcome.SUCCEEDED, reference="R1")
    assert work() == "compensated"
    assert states()["settle"] == "compensated"
    assert SagaRun.objects.get().reason == "The payment is refunded."
    assert contracts.balance(made) == AED
    assert earned() == 0
    assert len(told("contract.payment_due")) == 2
    assert told("earnings.calculated")[-1]["earnings"] == {"emp-1": "0.00"}


def test_a_part_that_goes_back_takes_its_share_of_the_earnings_along() -> None:
    rented()
    payment = heard(sent(), Outcome.SUCCEEDED)
    work()
    heard(refunding(payment, 1_000), Outcome.SUCCEEDED, reference="R1")
    assert work() == "completed"
    assert earned() == (TAKEN - 1_000) // 4
    assert Invoice.objects.get().paid_at
    assert [each["kept"] for each in told("earnings.calculated")] == ["75.00", "67.50"]


def test_a_second_part_that_goes_back_takes_its_share_along_as_well() -> None:
    rented()
    payment = heard(sent(), Outcome.SUCCEEDED)
    heard(refunding(payment, 1_000), Outcome.SUCCEEDED, reference="R1")
    work()
    second = refunding(payment, 2_000)
    work()
    heard(second, Outcome.SUCCEEDED, reference="R2")
    work()
    assert earned() == (TAKEN - 3_000) // 4


def test_what_a_bank_takes_back_in_part_is_earned_by_nobody() -> None:
    made = rented()
    payment = heard(sent(), Outcome.SUCCEEDED)
    work()
    disputed(payment, DisputeStatus.LOST, amount=4_000)
    assert (work(), earned()) == ("completed", (TAKEN - 4_000) // 4)
    heard(refunding(payment, TAKEN - 4_000), Outcome.SUCCEEDED, reference="R1")
    assert (work(), earned(), contracts.balance(made)) == ("compensated", 0, AED)


def test_a_wish_to_withdraw_that_came_too_late_gives_nothing_back_later() -> None:
    rented()
    operation = sent()
    withdraw()
    payment = heard(operation, Outcome.SUCCEEDED)
    assert work() == "completed"
    for status in (DisputeStatus.LOST, DisputeStatus.WON):
        disputed(payment, status)
        work()
    assert SagaRun.objects.get(type="processing").state == "completed"
    assert not GatewayOperation.objects.filter(kind="refund").exists()


def test_nobody_earns_by_an_invoice_that_is_only_kept() -> None:
    rented()
    payment = create_payment(owner_id=OWNER, money=AED, contract="rent-7")
    invoices.allot(payment)
    invoices.follow_refunds(payment)
    assert told("earnings.calculated") == []


def test_no_invoice_is_kept_for_a_payment_that_has_ended() -> None:
    rented()
    operation = sent()
    payment = heard(operation, Outcome.DECLINED)
    with pytest.raises(ContractRefused):
        invoices.allot(payment)
    assert Invoice.objects.get().payment is None


def test_what_is_taken_back_late_has_time_for_a_hiccup(monkeypatch: pytest.MonkeyPatch) -> None:
    rented()
    payment = heard(sent(), Outcome.SUCCEEDED)
    work()
    with later(days=60):
        with monkeypatch.context() as broken:
            broken.setattr(invoices, "let_go", lambda _: 1 / 0)
            disputed(payment, DisputeStatus.LOST)
            assert work() == "compensating"
        with later(days=61):
            assert work() == "compensated"


def test_a_lost_dispute_takes_the_contract_back_and_one_that_is_won_pays_it_again() -> None:
    made = rented()
    payment = heard(sent(), Outcome.SUCCEEDED)
    work()
    disputed(payment, DisputeStatus.LOST)
    assert (work(), earned(), contracts.balance(made)) == ("compensated", 0, AED)
    disputed(payment, DisputeStatus.WON)
    assert (work(), earned(), contracts.balance(made).amount) == ("completed", TAKEN // 4, 0)


def test_what_goes_back_while_the_saga_is_busy_is_seen_to_when_it_ends() -> None:
    made = rented()
    operation = sent()
    payment = heard(operation, Outcome.SUCCEEDED)
    tasks.deliver_events()
    heard(refunding(payment, TAKEN), Outcome.SUCCEEDED, reference="R1")
    tasks.deliver_events()  # the saga has not gone on yet, and so has nothing to take back
    assert SagaRun.objects.get().state == "waiting"
    assert work() == "compensated"
    assert contracts.balance(made) == AED
    assert told("contract.paid") == []


def test_what_was_paid_apart_leaves_no_trace_on_the_account() -> None:
    made = rented()
    Invoice.objects.update(amount=1)
    payment = heard(sent(), Outcome.SUCCEEDED)
    work()
    assert Invoice.objects.count() == 2
    heard(refunding(payment, TAKEN), Outcome.SUCCEEDED, reference="R1")
    work()
    assert contracts.balance(made) == Money(1, "AED")
    # Readers were told of what fell due, before it was made another amount.
    assert balance_of(Contract.objects.select_related("balance").get()).money == AED


# --- what cannot be settled


MERCHANT = Handler(
    "write_of_saga",
    notifications.write_of_saga,
    notifications.OF_SAGAS,
    acts_outside=True,
    about=notifications.needs_somebody,
)


def test_what_cannot_be_settled_is_told_once_tried_again_and_then_a_persons_business(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {each.name: each for each in durable.all_handlers() if each.name != MERCHANT.name}
    monkeypatch.setattr(durable, "_handlers", others)
    monkeypatch.setattr(durable, "_by_signal", dict(durable._by_signal))
    durable.subscribe(MERCHANT)
    settings.MERCHANT_EMAIL = ["shop@example.com"]
    rented("USD")
    heard(sent(), Outcome.SUCCEEDED)
    assert work() == "waiting"
    (letter,) = mail.outbox
    assert "rent-7" in letter.subject
    assert "in USD, not AED" in letter.body
    for hour in range(2, 90, 2):
        with later(hours=hour):
            work(1)
    assert len(mail.outbox) == 2, "tried again without a word, and told once more when it was stuck"
    saga = SagaRun.objects.get()
    assert saga.state == "stuck"
    assert "in USD, not AED" in mail.outbox[1].body
    resolving.resolve(
        saga_id=saga.pk, verdict=Verdict.SUCCEEDED, actor="user:1", reason="credited by hand"
    )
    assert work() == "completed"
    assert Payment.objects.get().status == "completed"


def test_what_cannot_be_settled_and_is_refunded_is_nobodys_business() -> None:
    rented("USD")
    payment = heard(sent(), Outcome.SUCCEEDED)
    assert work() == "waiting"
    heard(refunding(payment, TAKEN), Outcome.SUCCEEDED, reference="R1")
    assert work() == "compensated"
    assert not Invoice.objects.filter(payment=payment).exists()


def test_a_contract_that_is_written_down_late_is_settled_then() -> None:
    contracts.create_contract(
        owner_id=OWNER, reference="another", money=AED, starts_on=date(2026, 1, 1)
    )
    heard(sent(), Outcome.SUCCEEDED)
    assert work() == "waiting"
    rented()
    with later(hours=2):
        assert work() == "completed"
    assert Invoice.objects.get(contract__reference="rent-7").paid_at


def test_it_is_confirmed_when_everybody_has_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rented()
    heard(sent(), Outcome.SUCCEEDED)
    tasks.deliver_events()
    deliveries = Delivery.objects.filter(event__type="payment.completed")
    deliveries.exclude(handler="follow_processing").update(
        status="dead", next_try_at=None, ended_at=timezone.now()
    )
    assert work() == "waiting"
    assert states()["confirm"] == "failed"
    deliveries.update(status="done")
    with later(minutes=10):
        assert work() == "completed"


# --- people


def withdraw() -> None:
    saga = SagaRun.objects.get(type="processing")
    resolving.cancel(saga_id=saga.pk, actor="user:1", reason="the client left")


def test_withdrawn_before_it_is_taken_the_reservation_is_released() -> None:
    rented()
    heard(sent(OperationKind.AUTHORIZE), Outcome.SUCCEEDED)
    work()
    withdraw()
    work(1)
    void = GatewayOperation.objects.get(kind="void")
    heard(void, Outcome.SUCCEEDED)
    with later(minutes=30):
        assert work() == "compensated"
    assert Payment.objects.get().status == "cancelled"


def test_a_page_that_is_open_is_not_withdrawn_and_what_is_paid_there_is_settled() -> None:
    rented()
    operation = sent()
    heard(operation, Outcome.ACTION_REQUIRED)
    withdraw()
    assert work() == "waiting"
    heard(operation, Outcome.SUCCEEDED)
    assert work() == "completed"


def test_a_refund_that_is_under_way_is_waited_for_and_spends_no_attempt() -> None:
    rented()
    payment = heard(sent(), Outcome.SUCCEEDED)
    refund = refunding(payment, TAKEN)
    saga = SagaRun.objects.get()
    assert purchase.give_back(saga, saga.steps.get(index=0)).became == "unknown"
    heard(refund, Outcome.SUCCEEDED, reference="R1")
    assert purchase.give_back(saga, saga.steps.get(index=0)).became == "succeeded"


# --- purchases: both roads agree


def bought(contract: str = "rent-7") -> GatewayOperation:
    payment = create_payment(
        owner_id=OWNER, money=AED, contract=contract, capture="manual", is_purchase=True
    )
    operation = begun_again(payment, OperationKind.AUTHORIZE)
    work()
    return operation


def test_a_purchase_keeps_its_invoice_before_and_pays_it_once_the_money_is_taken() -> None:
    made = rented()
    payment = heard(bought(), Outcome.SUCCEEDED)
    work()
    invoice = Invoice.objects.get()
    assert (invoice.payment_id, invoice.paid_at) == (payment.pk, None)
    assert contracts.balance(made) == AED
    assert told("contract.paid") == []
    heard(GatewayOperation.objects.get(kind="capture"), Outcome.SUCCEEDED, reference="C1")
    with later(minutes=30):
        assert work() == "completed"
    assert (Invoice.objects.count(), Earning.objects.count()) == (1, 1)
    assert len(told("contract.paid")) == 1


def test_no_other_payment_pays_an_invoice_that_is_kept() -> None:
    rented()
    kept_by = heard(bought(), Outcome.SUCCEEDED)
    work()
    other = begun(owner_id=OWNER)
    Payment.objects.filter(pk=other.payment_id).update(contract="rent-7")
    heard(other, Outcome.SUCCEEDED)
    work()
    assert Invoice.objects.get(payment=kept_by).due_on
    assert Invoice.objects.get(payment=other.payment_id).due_on is None


def test_a_purchase_of_a_contract_that_cannot_take_it_is_released_and_never_taken() -> None:
    rented("USD")
    heard(bought(), Outcome.SUCCEEDED)
    work()
    run = SagaRun.objects.get(type="purchase")
    assert (run.state, run.reason) == (
        "compensating",
        "fulfil: Contract 'rent-7' is in USD, not AED.",
    )
    assert GatewayOperation.objects.filter(kind="void").exists()
    assert not GatewayOperation.objects.filter(kind="capture").exists()


def test_a_capture_that_fails_lets_the_invoice_go() -> None:
    made = rented()
    heard(bought(), Outcome.SUCCEEDED)
    work()
    heard(GatewayOperation.objects.get(kind="capture"), Outcome.DECLINED)
    with later(minutes=30):
        work()
    assert Invoice.objects.get().payment_id is None
    assert contracts.balance(made) == AED


def test_who_stumbles_over_activating_is_asked_whether_it_was_done() -> None:
    rented()
    usual = purchase.Fulfilment()
    payment = create_payment(owner_id=OWNER, money=AED, contract="rent-7")
    assert usual.was_done(payment, "") is False
    usual.do(payment, "")
    usual.do(payment, "")
    assert usual.was_done(payment, "") is True
    assert Invoice.objects.filter(payment=payment).count() == 1
    usual.undo(payment, "")
    usual.undo(payment, "")
    assert usual.was_done(payment, "") is False


# --- and in the end


def test_a_failed_payment_is_forgotten_with_its_saga(settings: Settings) -> None:
    rented()
    heard(sent(), Outcome.DECLINED)
    assert work() == "compensated"
    Payment.objects.update(updated_at=F("updated_at") - timedelta(days=400))
    assert maintenance.prune_failed_payments() == 1
    assert not SagaRun.objects.exists()


def test_a_payment_that_waits_long_is_not_looked_at_often() -> None:
    rented()
    heard(sent(OperationKind.AUTHORIZE), Outcome.SUCCEEDED)
    work()
    with later(days=20):
        work()
        saga = SagaRun.objects.get()
        assert saga.next_try_at
        assert saga.next_try_at - timezone.now() > timedelta(hours=2)
    assert invoices.settle(Payment.objects.get()) is None
