"""Two providers, one payment, and whatever may happen to them; what they took is in their books."""

import socket
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.test import Client
from pytest_django import Settings

from payments import operations, tasks
from payments.crypto.signatures import hmac_hex
from payments.errors import DomainError, InvalidTransition
from payments.events.chain import verify_stream
from payments.gateways.guarded import budget_for
from payments.lifecycle import aggregate_of
from payments.models import Discrepancy, GatewayOperation, Payment, StoredEvent
from payments.resilience import registry
from payments.routing import candidates
from payments.services import operators
from payments.services.breakers import make_breaker
from payments.services.charges import charge_for
from payments.statuses import OperationKind
from tests.sandbox.process import STRIPE_SECRET, SandboxProcess

FIRST, SECOND = "paytabs", "stripe"
BOTH = (FIRST, SECOND)
IMPATIENT, PATIENT = timedelta(seconds=0.2), timedelta(seconds=20)
CHARGES = {FIRST: "paytabs-create-page", SECOND: "stripe-create"}
_TIMES = ("started_at", "deadline_at", "expires_at", "next_check_at")
# What each weather is at the provider. `swallowed`: the request leaves, and nobody reads it;
# `refused`: our breaker lets nothing leave.
DIALS: dict[str, dict[str, Any]] = {
    "up": {"mode": "up"},
    "down": {"mode": "down"},
    "slow": {"mode": "slow", "latency_ms": 60},
    "mute": {"mode": "timeout_after_commit"},
    "errors": {"mode": "error"},
    "swallowed": {"mode": "up"},
    "refused": {"mode": "up"},
}


class Town:
    """Two providers, one payment, and whatever happens to them."""

    def __init__(
        self,
        sandbox: SandboxProcess,
        settings: Settings,
        api: Client,
        swallowing: socket.socket,
        seen: Counter[str],
    ) -> None:
        self.sandbox, self.settings, self.api = sandbox, settings, api
        self.seen, self.patience = seen, IMPATIENT
        self._swallowing = f"http://127.0.0.1:{swallowing.getsockname()[1]}"
        self.weathers = dict.fromkeys(BOTH, "up")
        self.unheard: list[tuple[str, dict[str, Any]]] = []
        self.news_seen = dict.fromkeys(BOTH, 0)
        sandbox.reset()
        for name in BOTH:
            sandbox.put({"webhooks": {"enabled": False}, "seed": 1}, name)
        registry.configure(make_breaker)
        self._address()
        body = {"amount": "125.50", "currency": "USD"}
        made = api.post("/payments/v2/create", body, "application/json").json()
        self.payment_id = str(made["id"])

    def _address(self) -> None:
        """Where our requests to each provider go."""
        for name in BOTH:
            is_lost = self.weathers[name] == "swallowed"
            base = self._swallowing if is_lost else self.sandbox.provider_url(name)
            self.settings.PROVIDERS[name] |= {"api_base": base, "timeout": self.patience}

    # --- what may happen

    def weather(self, name: str, kind: str) -> None:
        if kind == self.weathers[name]:
            return
        self.weathers[name] = kind
        self.sandbox.put(DIALS[kind], name)
        self._address()
        breaker = registry.get(CHARGES[name])
        if kind == "refused":
            breaker.open()
        else:
            breaker.reset()

    def process(self) -> None:
        may_go_on, before = self._may_go_to_the_second(), self.payment().status
        answer = self.api.post(f"/payments/v2/process/{self.payment_id}", {}, "application/json")
        assert answer.status_code in (200, 402, 409, 503, 504), answer.content
        self.seen[f"process: {answer.status_code}"] += 1
        is_out = self.weathers[FIRST] in ("down", "refused")
        if may_go_on and before == "created" and is_out and self.weathers[SECOND] == "up":
            self.seen["the second took over"] += 1
            # Whether its answer came in time is another matter.
            assert SECOND in {each.provider for each in self.operations()}, answer.content

    def die(self, moment: str) -> None:
        """Our process ends between two beats of `begin`, `call`, `settle`."""
        payment = self.payment()
        with suppress(DomainError):
            route = candidates(payment, OperationKind.CHARGE)[0]
            limit = budget_for(route.gateway)
            operation, is_new = operations.begin(
                payment.id, OperationKind.CHARGE, route.gateway, reason="", timeout=limit
            )
            if is_new and moment == "after the call":
                order = charge_for(payment, operation)
                operations.call(route.gateway, order, limit)

    def read(self) -> None:
        assert self.api.get(f"/payments/v2/{self.payment_id}").status_code == 200

    def pay(self, name: str, place: int, verb: str) -> None:
        pages = self.sandbox.truth(name)
        if place < len(pages):
            with suppress(AssertionError):  # it is over, says the provider
                self.sandbox.act(pages[place]["transaction_ref"], verb, name)

    def pay_all(self) -> None:
        for name in BOTH:
            for place in range(len(self.sandbox.truth(name))):
                self.pay(name, place, "approve")

    def hear(self, is_backwards: bool, is_twice: bool) -> None:
        for name in BOTH:
            told = self.sandbox.notices(name)
            self.unheard += [(name, notice) for notice in told[self.news_seen[name] :]]
            self.news_seen[name] = len(told)
        news, self.unheard = self.unheard[:: -1 if is_backwards else 1], []
        for name, notice in news * (2 if is_twice else 1):
            self._deliver(name, notice)

    def _deliver(self, name: str, notice: dict[str, Any]) -> None:
        body, headers = notice["body"].encode(), dict(notice["headers"])
        if name == SECOND:  # signed at each delivery anew
            at = int(time.time())
            made = hmac_hex(STRIPE_SECRET.encode(), f"{at}.".encode() + body)
            headers["Stripe-Signature"] = f"t={at},v1={made}"
        kind = headers.pop("Content-Type")
        answer = Client().post(f"/webhooks/payments/{name}", body, kind, headers=headers)
        assert answer.status_code in (200, 500, 503), answer.content

    def lose_news(self) -> None:
        self.unheard = []
        self.news_seen = {name: len(self.sandbox.notices(name)) for name in BOTH}

    def recover(self, minutes: float) -> None:
        """Time passes for what was written down; we and the providers still have one clock."""
        ago = timedelta(minutes=minutes)
        rows = GatewayOperation.objects.filter(payment_id=self.payment_id)
        rows.update(**{name: F(name) - ago for name in _TIMES})
        self.sandbox.grow_older(ago)
        tasks.recover_open_operations.run()
        tasks.retry_payments.run()
        tasks.return_orphans.run()

    def conclude_not_done(self) -> None:
        """The operator has looked, and may be wrong."""
        operation = self.payment().current_operation
        if operation is not None:
            with suppress(InvalidTransition):
                reason = "not in their dashboard"
                operators.conclude(
                    operation_id=operation.id, is_done=False, actor="user:1", reason=reason
                )
                self.seen["an operator concluded"] += 1

    # --- what must hold

    def payment(self) -> Payment:
        return Payment.objects.select_related("current_operation").get(pk=self.payment_id)

    def operations(self) -> list[GatewayOperation]:
        return list(GatewayOperation.objects.filter(payment_id=self.payment_id))

    def _may_go_to_the_second(self) -> bool:
        """Nothing of ours ever reached the first, by its own books; and nothing is in doubt."""
        made = self.operations()
        is_in_doubt = any(each.is_open() or each.may_still_be_paid() for each in made)
        return not is_in_doubt and not self.sandbox.truth(FIRST)

    def prove_the_lease(self) -> None:
        """Two providers have a page of it only where a person said that the first has none."""
        if all(self.sandbox.truth(name) for name in BOTH):
            self.seen["pages at both"] += 1
            assert self._audits("conclude_not_done"), self.operations()

    def _audits(self, action: str) -> list[StoredEvent]:
        told = StoredEvent.objects.filter(aggregate_id=self.payment_id, type="payment.audit_log")
        return [each for each in told if each.data["details"]["action"] == action]

    def calm_down(self) -> None:
        """All is well again, whatever was not heard is lost, and time passes."""
        self.patience = PATIENT
        for name in BOTH:
            self.weather(name, "up")
        self._address()
        self.lose_news()
        for minutes in (6, 60, 120, 1500, 1500, 60, 60):
            self.recover(minutes)

    def prove_the_end(self) -> None:
        payment = self.payment()
        pages = [page for name in BOTH for page in self.sandbox.truth(name)]
        taken = [page for page in pages if float(page["captured"])]
        kept = [page for page in taken if not float(page["refunded"])]
        assert len(kept) <= 1, pages
        assert (payment.status == "completed") == bool(kept), (payment.status, pages)
        assert payment.amount_captured == (12_550 if kept else 0)
        assert all(page["refunded"] in ("0.00", page["captured"]) for page in taken), pages
        self._prove_returns(len(taken) - len(kept))
        verify_stream(aggregate_of(payment))

    def _prove_returns(self, count: int) -> None:
        """Each second charge was told to an operator, and given back by an operation of ours."""
        mine = self.operations()
        orphans = [each for each in mine if each.is_orphan and not each.is_follow_up()]
        returns = [each for each in mine if each.is_orphan and each.is_follow_up()]
        told = Discrepancy.objects.filter(payment_id=self.payment_id, kind="orphan_charge")
        assert len(orphans) == count == len(told), (mine, told)
        assert {each.resolved_by for each in told} <= {"ballast"}
        assert [each.outcome for each in returns].count("succeeded") == count, returns
        assert len(self._audits("orphan_returned")) == count
        for each in {each.provider for each in orphans}:
            self.seen[f"a second charge at {each} went back"] += 1
