"""The process is killed at every moment of the journey; what is left always ends in one truth.

A child process runs the whole journey under a tracer that kills it (SIGKILL) at the chosen moment.
Then the caller repeats its requests, as callers do, and recovery runs.

A death leaves only what reached the outside: statements, commits, bytes to the provider. Lines
between two of those leave the same world behind, so one of them stands for all.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import time_machine
from django.core.signals import request_started
from django.db import connection, connections, reset_queries
from django.test import Client
from pytest_django import Settings

from payments import tasks
from payments.crypto.signatures import hmac_hex
from payments.events.chain import verify_stream
from payments.lifecycle import aggregate_of
from payments.models import Discrepancy, GatewayOperation, Payment
from tests.callers import caller
from tests.fakes import notification
from tests.sandbox.process import ROOT, SERVER_KEY, SandboxProcess
from webhooks.models import PaymentWebhookEvent

SHARDS = 3
TEN_MINUTES = 600
# Between these lines bytes leave, unseen by the database: each line is a moment of its own.
SENDING = str(ROOT / "payments/gateways/transport.py")
# Where the journey has effects, or decides what effects to have.
WATCHED = {
    str(ROOT / path)
    for path in (
        "payments/api/idempotency.py",
        "payments/api/views.py",
        "payments/services/payments.py",
        "payments/services/gateway_events.py",
        "payments/operations.py",
        "payments/lifecycle.py",
        "payments/events/store.py",
        "payments/events/bus.py",
        "payments/gateways/client.py",
        SENDING,
        "payments/models/idempotency.py",
        "webhooks/inbox.py",
        "webhooks/views.py",
    )
}


class Journey:
    """Create, process, pay, notify; each step can be repeated at will."""

    def __init__(self, api: Client, sandbox: SandboxProcess, name: str) -> None:
        self.api, self.sandbox, self.name = api, sandbox, name

    def run(self) -> None:
        payment = self.create()
        self.process(payment)
        self.pay(payment)
        self.notify(payment)

    def create(self) -> str:
        body = {"amount": "125.50", "currency": "AED", "reference": self.name}
        headers = {"Idempotency-Key": self.name}
        path = "/payments/v2/create"
        response = self.api.post(path, body, "application/json", headers=headers)
        assert response.status_code == 201, response.content
        return str(response.json()["id"])

    def process(self, payment: str) -> str:
        path = f"/payments/v2/process/{payment}"
        response = self.api.post(path, {}, "application/json")
        assert response.status_code == 200, response.content
        return str(response.json()["status"])

    def page(self, payment: str) -> GatewayOperation:
        operation = Payment.objects.get(pk=payment).current_operation
        assert operation is not None
        return operation

    def pay(self, payment: str) -> None:
        reference = self.page(payment).gateway_reference
        pages = {page["transaction_ref"]: page for page in self.sandbox.truth()}
        if pages[reference]["status"] == "pending":
            self.sandbox.act(reference, "approve")

    def notify(self, payment: str) -> None:
        page = self.page(payment)
        body = notification(page.key, page.gateway_reference)
        headers = {"Signature": hmac_hex(SERVER_KEY.encode(), body)}
        path = "/webhooks/payments/paytabs"
        response = Client().post(path, body, "application/json", headers=headers)
        assert response.status_code == 200, response.content

    def resume(self) -> str:
        """What the caller, the payer, the provider and the clock do after the death."""
        with time_machine.travel(time.time() + TEN_MINUTES, tick=True):
            payment = self.create()
            tasks.recover_open_operations.run()
            if self.process(payment) == "requires_action":
                self.pay(payment)
            self.notify(payment)
            self.notify(payment)
        return payment


def in_a_child(run: Callable[[], object], tracer: Callable[..., Any] | None = None) -> int:
    """Run in a forked process under a tracer; answers the signal that ended it, or 0."""
    connections.close_all()
    if (child := os.fork()) == 0:
        try:
            connection.force_debug_cursor = True  # it keeps count, commits among them
            request_started.disconnect(reset_queries)
            sys.settrace(tracer)
            run()
        except BaseException as error:  # noqa: BLE001 - a child must never return to pytest
            sys.settrace(None)
            print(repr(error), file=sys.__stderr__)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "the journey itself failed"
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


class Watch:
    """Counts the moments of a journey, as a tracer; dies at the chosen one."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at, self.lines_sending = dies_at, 0
        self.moments: dict[int, str] = {}

    def __call__(self, frame: FrameType, what: str, _: Any) -> Any:
        if frame.f_code.co_filename not in WATCHED:
            return None
        if what == "line":
            self.lines_sending += frame.f_code.co_filename == SENDING
            moment = len(connection.queries_log) + self.lines_sending
            if self.dies_at is not None and moment >= self.dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.moments.setdefault(moment, f"{frame.f_code.co_qualname}:{frame.f_lineno}")
        return self


def moments_of(journey: Journey, notes: Path) -> dict[int, str]:
    """Every moment of the journey, and the line that it begins with."""
    watch = Watch()

    def run() -> None:
        journey.run()
        sys.settrace(None)
        notes.write_text(json.dumps(watch.moments))

    assert in_a_child(run, watch) == 0
    return {int(moment): line for moment, line in json.loads(notes.read_text()).items()}


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_at_any_moment_the_journey_ends_in_one_truth(
    transactional_db: None,
    sandbox: SandboxProcess,
    settings: Settings,
    tmp_path: Path,
    shard: int,
) -> None:
    settings.RATE_LIMITS_ENABLED = False
    sandbox.put({"webhooks": {"enabled": False}})
    api = caller("payments:read", "payments:write")
    # Imports, and whatever else is done once only, are done before anything is counted.
    Journey(api, sandbox, f"first-{shard}").run()
    moments = moments_of(Journey(api, sandbox, f"whole-{shard}"), tmp_path / "moments")
    assert len(moments) > 80
    for moment in list(moments)[shard::SHARDS]:
        journey = Journey(api, sandbox, f"cut-{moment}")
        assert in_a_child(journey.run, Watch(moment)) == signal.SIGKILL, moments[moment]
        prove(journey, journey.resume(), moments[moment])


def prove(journey: Journey, payment_id: str, victim: str) -> None:
    payment = Payment.objects.get(reference=journey.name)
    assert str(payment.pk) == payment_id, victim
    assert (payment.status, payment.amount_captured) == ("completed", 12550), victim
    keys = {operation.key for operation in payment.operations.all()}
    taken = [p for p in journey.sandbox.truth() if p["reference"] in keys and float(p["captured"])]
    assert [p["captured"] for p in taken] == ["125.50"], victim
    assert not Discrepancy.objects.filter(payment=payment).exists(), victim
    rows = PaymentWebhookEvent.objects.filter(payment=payment)
    assert {row.status for row in rows} == {"completed"}, victim
    assert verify_stream(aggregate_of(payment)) >= 4, victim
    postings = [(each.kind, each.amount) for each in payment.postings.all()]
    assert postings == [("captured", 12550)], victim
