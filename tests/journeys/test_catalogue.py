"""One recorded run: every event of the catalogue happens, complete, where it really happens."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
import requests
from django.dispatch import Signal
from pytest_django import Settings

from payments import outcomes, tasks
from payments.crypto.signatures import hmac_hex
from payments.events.chain import verify_stream
from payments.events.models import StoredEvent, Stream
from payments.events.signal import Aggregate, all_signals, signal_named
from payments.models import Discrepancy, Dispute, SagaRun
from payments.resilience import registry
from payments.sagas import purchase, resolving
from payments.sagas.purchase import Fulfilment
from payments.sagas.resolving import Verdict
from payments.services import breakers, operators
from tests.events.receivers import later
from tests.journeys.conftest import Merchant, eventually, sweep_after
from tests.journeys.test_five_providers import act, paid
from tests.journeys.test_orphans import paid_twice
from tests.reconciliation import behind_our_back
from tests.reconciliation.conftest import reconciled
from tests.resilience.servers import CAN_SHARE, PrivateRedis
from tests.sandbox.process import SERVER_KEY, SandboxProcess
from webhooks import signals as webhook_signals
from webhooks.models import PaymentWebhookEvent
from webhooks.signals import WebhookFacts

ALIASES = {
    "payment.success": "payment.completed",
    "payment.timeout": "payment.timed_out",
    "payment.verification": "payment.verified",
    "payment.webhook.received": "webhook.received",
    "payment.circuit.opened": "circuit_breaker.opened",
    "payment.circuit.closed": "circuit_breaker.closed",
}
ENVELOPE = {
    "source", "user_id", "session_id", "ip_address", "user_agent", "trace_id", "span_id",
}  # fmt: skip
CUSTOMER = {"id": "c-1", "name": "Amal", "email": "amal@example.test"}
WHOLE = {"reference": "order-1", "contract": "rent-7", "customer": CUSTOMER}
Announced = list[tuple[str, Any]]
Scene = Callable[[Merchant, SandboxProcess], None]


def work() -> None:
    for _ in range(3):
        tasks.deliver_events()
        tasks.advance_sagas()


# --- the scenes


def a_contract_is_paid_and_its_payment_goes_back(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    terms: dict[str, Any] = {"reference": "rent-7", "amount": "125.50", "currency": "AED"}
    terms |= {"starts_on": "2026-01-31", "schedule": "monthly"}
    merchant.post("/contracts", terms | {"employees": [{"reference": "emp-1", "share": 2500}]})
    tasks.let_contracts_fall_due()
    payment = paid(merchant, sandbox, "paytabs", **WHOLE)
    work()
    merchant.post(f"/{payment}/refunds", {"amount": "25.50"})
    merchant.post(f"/{payment}/refunds")
    work()


def payers_say_no_and_merchants_withdraw(merchant: Merchant, sandbox: SandboxProcess) -> None:
    for verb, status in (("decline", "failed"), ("cancel", "cancelled")):
        payment, reference, _ = merchant.start(**WHOLE)
        sandbox.act(reference, verb)
        merchant.wait_for(payment, status)
    work()
    payment, reference, _ = merchant.start(**WHOLE)
    sandbox.act(reference, "abandon")
    sweep_after(minutes=31)
    assert merchant.get(f"/{payment}")["status"] == "expired"


def money_is_reserved_and_taken(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = paid(merchant, sandbox, "paytabs", capture="manual")
    merchant.post(f"/{payment}/capture")


def an_answer_is_lost_a_payer_pays_twice(merchant: Merchant, sandbox: SandboxProcess) -> None:
    paid_twice(merchant, sandbox, "automatic")
    sweep_after(minutes=1)
    sandbox.put({"mode": "down"})
    merchant.process(merchant.create(provider="paytabs"))
    sandbox.put({"mode": "up"})


def a_provider_takes_its_time(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment, _, _ = merchant.start(provider="paypal", currency="USD")
    act(sandbox, "paypal", "pending")
    merchant.wait_for(payment, "processing")


def a_refund_comes_back_and_payers_contest(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = paid(merchant, sandbox, "stripe")
    merchant.post(f"/{payment}/refunds", {"amount": "5.00"})
    act(sandbox, "stripe", "refund_fails")
    eventually(lambda: "refund.failed" in stored())
    for ending in ("won", "lost"):
        payment = paid(merchant, sandbox, "stripe")
        act(sandbox, "stripe", "dispute")
        eventually(Dispute.objects.filter(payment_id=payment, status="open").exists)
        act(sandbox, "stripe", f"dispute_{ending}")
        eventually(Dispute.objects.filter(payment_id=payment, status=ending).exists)


def a_stranger_charges_and_an_operator_resolves(_: Merchant, sandbox: SandboxProcess) -> None:
    behind_our_back.charge(sandbox, "stripe")
    reconciled("stripe")
    (found,) = Discrepancy.objects.filter(payment=None)
    operators.resolve_discrepancy(discrepancy_id=found.pk, actor="user:1", reason="another shop")


def somebody_forges_news(merchant: Merchant, _: SandboxProcess) -> None:
    door = merchant.base.replace("/payments/v2", "/webhooks/payments/paytabs")
    for signature in (
        "forged",
        hmac_hex(SERVER_KEY.encode(), b"{}"),
    ):  # of a body without the blank
        headers = {"signature": signature, "Content-Type": "application/json"}
        answer = requests.post(door, data=b"{} ", headers=headers, timeout=10)
        assert answer.status_code == 401, answer.text


def a_breaker_opens_and_closes(merchant: Merchant, sandbox: SandboxProcess) -> None:
    sandbox.put({"mode": "down"})
    for _ in range(10):
        merchant.process(merchant.create(provider="paytabs"))
    breaker = registry.get("paytabs-create-page")
    assert breaker.current_state == "open"
    sandbox.put({"mode": "up"})
    breaker.half_open()
    for _ in range(5):
        merchant.process(merchant.create(provider="paytabs"))
    breakers.force_open(breaker.name, reason="their maintenance")
    breakers.reset(breaker.name, reason="it is over")


def a_purchase_is_in_doubt_and_withdrawn(merchant: Merchant, sandbox: SandboxProcess) -> None:
    def stumble(*_: Any) -> None:
        raise ConnectionError("the warehouse does not answer")

    before = purchase.fulfil_by(Fulfilment(stumble, lambda *_: None))
    try:
        payment = paid(merchant, sandbox, "paytabs", purchase=True)
        work()
        with later(days=4):
            work()
            saga = SagaRun.objects.get(payment_id=payment)
            told: dict[str, Any] = {"saga_id": saga.pk, "actor": "user:1", "reason": "they did"}
            resolving.resolve(verdict=Verdict.TRY_AGAIN, **told)
            resolving.cancel(**told)
    finally:
        purchase.fulfil_by(before)


SCENES: list[Scene] = [
    a_contract_is_paid_and_its_payment_goes_back,
    payers_say_no_and_merchants_withdraw,
    money_is_reserved_and_taken,
    an_answer_is_lost_a_payer_pays_twice,
    a_provider_takes_its_time,
    a_refund_comes_back_and_payers_contest,
    a_stranger_charges_and_an_operator_resolves,
    somebody_forges_news,
    a_breaker_opens_and_closes,
    a_purchase_is_in_doubt_and_withdrawn,
]


# --- the recording


@pytest.fixture
def announced() -> Iterator[Announced]:
    """What befalls webhooks, as plain receivers hear it."""
    heard: Announced = []
    names = {name: signal for name, signal in all_signals().items() if name.startswith("webhook.")}

    def hear_of(name: str, signal: Signal) -> Callable[..., None]:
        def hear(*, event: Any = None, facts: Any = None, **_: Any) -> None:
            heard.append((name, webhook_signals.facts_of(event) if event else facts))

        signal.connect(hear, weak=False)
        return hear

    listening = [(signal, hear_of(name, signal)) for name, signal in names.items()]
    yield heard
    for signal, hear in listening:
        signal.disconnect(hear)


def an_event_cannot_be_applied(
    merchant: Merchant, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("in the middle of settling")

    _, reference, _ = merchant.start()
    with monkeypatch.context() as broken:
        broken.setattr(outcomes, "apply", die)
        sandbox.act(reference, "approve")
        eventually(PaymentWebhookEvent.objects.filter(status="failed").exists)


def a_process_dies_before_it_tells(settings: Settings, folder: Path) -> None:
    """Of circuits that processes share: what one does, another may have to tell."""
    with PrivateRedis(folder) as server:
        settings.REDIS_URL = server.address
        registry.configure(breakers.make_breaker)
        name = "stripe-create"
        policy = breakers.policy_for(name)
        prefix = settings.REDIS_KEY_PREFIX
        registry.open_store(name, policy, server.address, prefix).trip("died before it told")
        tasks.sweep_breakers()
        tasks.sweep_breakers()
        registry.forget()


def stored() -> set[str]:
    return set(StoredEvent.objects.order_by().values_list("type", flat=True).distinct())


def test_every_event_of_the_catalogue_happens_and_is_complete(
    merchant: Merchant,
    sandbox: SandboxProcess,
    settings: Settings,
    announced: Announced,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings.RATE_LIMITS_ENABLED = False
    for scene in SCENES:
        scene(merchant, sandbox)
    an_event_cannot_be_applied(merchant, sandbox, monkeypatch)
    tasks.sample_performance()
    if CAN_SHARE:
        a_process_dies_before_it_tells(settings, tmp_path)

    demanded = {signal.name for signal in all_signals().values()}
    demanded -= set() if CAN_SHARE else {"circuit_breaker.gap"}
    assert demanded - stored() - {name for name, _ in announced} == set()
    assert {alias: signal_named(alias).name for alias in ALIASES} == ALIASES
    _prove_envelopes()
    _prove_data(announced)


def _prove_envelopes() -> None:
    for event in StoredEvent.objects.all():
        assert set(event.metadata) == ENVELOPE
        assert all((event.id, event.timestamp, event.version, event.priority, event.hash)), event
        # What a test calls itself is nobody's request and no worker's task.
        is_called_here = event.metadata["source"] == "shell"
        assert is_called_here or event.correlation_id, (event, event.metadata)
        if event.metadata["source"] == "payments":
            assert event.metadata["user_id"].startswith("key:"), event
    for stream in Stream.objects.all():
        verify_stream(Aggregate(stream.aggregate_type, stream.aggregate_id))


def _prove_data(announced: Announced) -> None:
    """Every field of every shape is filled somewhere, and what names a thing always."""
    filled: dict[type, set[str]] = {WebhookFacts: set()}
    read = [signal_named(event.type).read(event) for event in StoredEvent.objects.all()]
    for facts in [*read, *(facts for _, facts in announced)]:
        told = {name for name, value in asdict(facts).items() if value not in ("", None, {}, "0")}
        filled.setdefault(type(facts), set()).update(told)
    for shape, told in filled.items():
        assert {field.name for field in fields(shape)} - told == set(), shape
