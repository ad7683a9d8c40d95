"""What a saga is made of: an ordered list of steps, and what each may hear."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from payments.models import SagaRun, SagaStep
from payments.resilience.retry import RetryPolicy


class Kind(StrEnum):
    """Before the pivot a saga is undone backwards; from the pivot on it is only done forwards."""

    COMPENSABLE = "compensable"
    PIVOT = "pivot"
    RETRIABLE = "retriable"


class Became(StrEnum):
    """What became of a step, or of undoing it.

    What waits was begun, and is asked about until it has ended. What was refused was not begun:
    it is done later, if the saga still wants it then.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WAITS = "waits"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer of a step; `at` is when to look again, where the step knows better than we."""

    became: Became
    error: str = ""
    at: datetime | None = None
    output: dict[str, Any] = field(default_factory=dict)


SUCCEEDED = Heard(Became.SUCCEEDED)
PATIENT = RetryPolicy(attempts=8, base=timedelta(seconds=2), longest=timedelta(minutes=10))
Deed = Callable[[SagaRun, SagaStep], Heard]


@dataclass(frozen=True, slots=True)
class Step:
    """One effect.

    `run` does it, under the step's key; `query` finds out what became of it, and does nothing;
    `undo`, where there is one, takes it back however often it is called. None of them is called
    within a transaction.
    """

    name: str
    run: Deed
    query: Deed
    undo: Deed | None = None
    kind: Kind = Kind.COMPENSABLE
    retries: RetryPolicy = PATIENT


@dataclass(frozen=True, slots=True)
class Definition:
    """A type of saga in one version. Old versions stay in code until none of them runs."""

    type: str
    version: int
    steps: tuple[Step, ...]
    lasts: timedelta

    def is_past_the_pivot(self, index: int) -> bool:
        """Whether the effect that is never silently undone comes before this step."""
        return any(each.kind is Kind.PIVOT for each in self.steps[:index])


_definitions: dict[tuple[str, int], Definition] = {}


def define(definition: Definition) -> Definition:
    """Let sagas of this type and version be run."""
    _definitions[(definition.type, definition.version)] = definition
    return definition


def definition_of(saga: SagaRun) -> Definition | None:
    """The one that the saga began with, if this release has it."""
    return _definitions.get((saga.type, saga.definition_version))
