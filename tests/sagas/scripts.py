"""Sagas of toy steps: each says what the script has for it, and notes that it was called."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from payments.events.models import StoredEvent
from payments.models import SagaRun, SagaStep
from payments.sagas import definition, engine
from payments.sagas.definition import SUCCEEDED, Became, Definition, Heard, Kind, Step
from tests.factories import PaymentFactory

FAILED, UNKNOWN = Heard(Became.FAILED, "no"), Heard(Became.UNKNOWN, "lost")
WAITS, REFUSED = Heard(Became.WAITS), Heard(Became.REFUSED, "not now")


class Killed(BaseException):
    """The process dies here."""


class Script:
    """What each call answers, in order: `{"pay.run": [UNKNOWN], "pay.query": [SUCCEEDED]}`.

    Where nothing is written, all goes well.
    """

    def __init__(self, **lines: Any) -> None:
        self.lines = {name.replace("_", "."): list(answers) for name, answers in lines.items()}
        self.called: list[str] = []
        self.keys: set[tuple[str, str]] = set()

    def deed(self, step: str, what: str) -> Callable[[SagaRun, SagaStep], Heard]:
        def do(_: SagaRun, row: SagaStep) -> Heard:
            assert not connection.in_atomic_block, "an effect within a transaction"
            self.called.append(f"{step}.{what}")
            self.keys.add((step, row.key.hex))
            answers = self.lines.get(f"{step}.{what}")
            answer = answers.pop(0) if answers else SUCCEEDED
            if isinstance(answer, type):
                raise answer(f"{step}.{what}")
            assert isinstance(answer, Heard)
            return answer

        return do

    def step(self, name: str, kind: Kind = Kind.COMPENSABLE) -> Step:
        undo = None if kind is Kind.RETRIABLE else self.deed(name, "undo")
        return Step(name, self.deed(name, "run"), self.deed(name, "query"), undo, kind)


@pytest.fixture
def forget_definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test defines ends with it."""
    monkeypatch.setattr(definition, "_definitions", dict(definition._definitions))


def begun(script: Script, *, version: int = 1) -> SagaRun:
    """Reserve, pack, take (the pivot), tell."""
    steps = (
        script.step("reserve"),
        script.step("pack"),
        script.step("take", Kind.PIVOT),
        script.step("tell", Kind.RETRIABLE),
    )
    made = definition.define(Definition("toy", version, steps, timedelta(days=1)))
    with transaction.atomic():
        return engine.start(made, PaymentFactory.create().pk)


def later(**away: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(**away))


def run_for_hours(saga: SagaRun, hours: int) -> SagaRun:
    """Whatever is due in the next hours is done then."""
    for hour in range(hours):
        with later(hours=hour, minutes=1):
            list(engine.advance_due())
    return SagaRun.objects.get(pk=saga.pk)


def states(saga: SagaRun) -> list[str]:
    return list(saga.steps.order_by("index").values_list("state", flat=True))


def told(saga: SagaRun) -> list[str]:
    events = StoredEvent.objects.filter(aggregate_id=str(saga.pk)).order_by("sequence")
    return [name.removeprefix("saga.") for name in events.values_list("type", flat=True)]
