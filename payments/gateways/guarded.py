"""Every attempt at a provider passes here: a deadline around retries around its breaker.

Repeated is only what never left, and what the gateway takes for the same request under the same
key (or what only asks). A decline is an answer, and so is one that leaves a question open; 5xx, 429
and nonsense speak against the provider's health.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from django.conf import settings

from payments.errors import DomainError, NotSupported
from payments.gateways import client
from payments.gateways.client import CannotSay
from payments.gateways.contract import Capability, Gateway
from payments.gateways.messages import (
    DisputeLookup,
    DisputeNews,
    Failure,
    GatewayCallFacts,
    GatewayResult,
    Lookup,
    Order,
)
from payments.gateways.wire import Crowded, Lost, NotSent, TimedOut, WireResponse
from payments.resilience import registry
from payments.resilience.controls import Mode
from payments.resilience.errors import CallRefused, DeadlineExceeded
from payments.resilience.guard import Guard
from payments.resilience.retry import RetryPolicy, asked_pause
from payments.resilience.storage import BreakerState
from payments.statuses import FailureCode, OperationKind, Outcome

VERIFY = "verify"
_TOO_MANY = 429
_NO_PAUSE = timedelta(0)
_MOST_PAGES = 100


class Poor(Exception):
    """An answer that speaks against the provider's health, and what it means all the same."""

    def __init__(self, result: GatewayResult, status: int, retry_after: timedelta) -> None:
        super().__init__(f"answered {status}")
        self.result, self.http_status, self.retry_after = result, status, retry_after


def breaker_names(gateway: Gateway) -> Iterator[str]:
    """The breakers of what this gateway can do, by name."""
    yield f"{gateway.name}-{gateway.charge_call}"
    yield f"{gateway.name}-{VERIFY}"
    for able in (Capability.CAPTURE, Capability.VOID, Capability.REFUND, Capability.LIST):
        if able in gateway.capabilities:
            yield f"{gateway.name}-{able}"


def breaker_name(gateway: Gateway, order: Order) -> str:
    """The breaker that this order passes."""
    if isinstance(order, Lookup):
        return f"{gateway.name}-{VERIFY}"
    takes_money = order.kind in (OperationKind.CHARGE, OperationKind.AUTHORIZE)
    return f"{gateway.name}-{gateway.charge_call if takes_money else order.kind}"


def is_resting(gateway: Gateway) -> bool:
    """Whether its breaker would turn a new payment away. One whose time is over wants a trial."""
    breaker = registry.get(f"{gateway.name}-{gateway.charge_call}")
    if breaker.current_state == BreakerState.CLOSED:
        return False
    now = breaker.statistics()
    waits = now.next_retry_at is not None and now.next_retry_at > datetime.now(UTC)
    return waits or now.mode is Mode.FORCED_OPEN


def budget_for(gateway: Gateway, wanted: timedelta | None = None) -> timedelta:
    """How long a call may take with all its attempts: CALL_BUDGET, or less where that is wanted."""
    budget = settings.CALL_BUDGET if retries_for(gateway).attempts > 1 else gateway.timeout
    return min(wanted or budget, budget)


def retries_for(gateway: Gateway) -> RetryPolicy:
    """How often a call to this gateway may be tried, and with what pauses."""
    facts = settings.PROVIDERS.get(gateway.name, {})
    delay = facts.get("retry_delay", timedelta(milliseconds=500))
    return RetryPolicy(facts.get("retry_attempts", 1), delay, max(delay, timedelta(seconds=8)))


@dataclass(slots=True)
class Seen:
    """What an attempt has seen of its answer so far."""

    http_status: int | None = None


@contextmanager
def noted(breaker: str, calls: list[GatewayCallFacts]) -> Iterator[Seen]:
    """Add to `calls` how the attempt in this block ended; its error goes on."""
    started_at, seen = datetime.now(UTC), Seen()
    outcome, error = "success", ""
    try:
        yield seen
    except Exception as problem:
        seen.http_status = getattr(problem, "http_status", seen.http_status)
        outcome, error = _name_of(problem), str(problem)[:255]
        raise
    finally:
        spent = datetime.now(UTC) - started_at
        calls.append(GatewayCallFacts(breaker, started_at, spent, outcome, seen.http_status, error))


def refusal_of(breaker: str) -> GatewayCallFacts:
    """A call that was turned away now."""
    return GatewayCallFacts(breaker, datetime.now(UTC), _NO_PAUSE, "refused")


@dataclass(slots=True)
class _Call:
    """One order on its way, and what became of each attempt."""

    gateway: Gateway
    order: Order
    facts: list[GatewayCallFacts] = field(default_factory=list)
    may_have_left: bool = False

    def attempt(self, limit: timedelta) -> GatewayResult:
        try:
            with noted(breaker_name(self.gateway, self.order), self.facts) as seen:
                response, result = client.exchange(self.gateway, self.order, limit)
                seen.http_status = response.status
                return _healthy(response, result)
        except Exception as problem:
            self.may_have_left |= not _was_not_sent(problem)
            raise

    def note_refusal(self) -> None:
        self.facts.append(refusal_of(breaker_name(self.gateway, self.order)))

    def may_repeat(self, error: Exception) -> bool:
        """Whether the same request once more cannot do the same thing twice."""
        if isinstance(error, NotSent) or getattr(error, "http_status", None) == _TOO_MANY:
            return True
        is_remembered = isinstance(self.order, Lookup) or self.gateway.key_memory > _NO_PAUSE
        return is_remembered and isinstance(error, Lost | Poor)


def _healthy(response: WireResponse, result: GatewayResult) -> GatewayResult:
    is_told = result.outcome is not Outcome.UNKNOWN or result.is_undecided
    is_nonsense = response.status < 300 and not is_told
    if response.status >= 500 or response.status == _TOO_MANY or is_nonsense:
        headers = {name.lower(): value for name, value in response.headers.items()}
        pause = asked_pause(headers.get("retry-after", ""), datetime.now(UTC))
        raise Poor(replace(result, retry_after=pause), response.status, pause)
    return result


def _name_of(problem: Exception) -> str:
    if isinstance(problem, CannotSay | NotSupported | Crowded):
        return "ignored"
    return "timeout" if isinstance(problem, TimedOut) else "failure"


def _was_not_sent(error: Exception) -> bool:
    nothing_done = isinstance(error, Poor) and error.result.outcome is Outcome.NOT_SENT
    return nothing_done or isinstance(error, NotSent | CannotSay)


def attempt(gateway: Gateway, order: Order, budget: timedelta | None = None) -> GatewayResult:
    """Ask a gateway; failures become outcomes, and what each attempt was comes with the result.

    A Lookup that fails tells nothing, so UNKNOWN; what was refused or never left is NOT_SENT.
    Where its answer is a list, all pages are read within the one budget.
    """
    if isinstance(order, Lookup):
        return _read_through(gateway, order, budget_for(gateway, budget))
    return _attempt(gateway, order, budget)


def _read_through(gateway: Gateway, order: Lookup, budget: timedelta) -> GatewayResult:
    """Page after page until money is found or the list ends; else what was found first."""
    ends_at, question = time.monotonic() + budget.total_seconds(), order
    pages = [_attempt(gateway, order, budget)]
    while pages[-1].next_page:
        question = replace(question, page=pages[-1].next_page)
        left = timedelta(seconds=ends_at - time.monotonic())
        if left <= _NO_PAUSE or len(pages) == _MOST_PAGES:
            pages.append(GatewayResult(Outcome.UNKNOWN, exchange={"error": "the list is too long"}))
        else:
            pages.append(_attempt(gateway, question, left))
    calls = tuple(each for page in pages for each in page.calls)
    return replace(_sum_of(pages), calls=calls, next_page="")


def _sum_of(pages: list[GatewayResult]) -> GatewayResult:
    *before, last = pages
    if last.outcome in (Outcome.SUCCEEDED, Outcome.UNKNOWN):
        return last
    return next((page for page in before if page.outcome is not Outcome.UNKNOWN), last)


def _attempt(gateway: Gateway, order: Order, budget: timedelta | None) -> GatewayResult:
    call = _Call(gateway, order)
    guard = Guard(
        breaker=registry.get(breaker_name(gateway, order)),
        budget=budget_for(gateway, budget),
        retry=retries_for(gateway),
        may_repeat=call.may_repeat,
        was_not_sent=_was_not_sent,
    )
    result = _outcome_of(lambda: guard.call(call.attempt), call)
    if call.may_have_left and result.outcome is Outcome.NOT_SENT and not isinstance(order, Lookup):
        # Refused at the last attempt; an earlier one may have been carried out all the same.
        result = replace(result, outcome=Outcome.UNKNOWN)
    return replace(result, calls=tuple(call.facts))


def look_up_dispute(
    gateway: Gateway,
    order: DisputeLookup,
    calls: list[GatewayCallFacts],
    budget: timedelta | None = None,
) -> DisputeNews | None:
    """What a gateway itself says of a dispute; None where it knows of none of this charge.

    Adds to `calls` what was tried. Raises NotSupported where it cannot be asked, CallRefused,
    DeadlineExceeded, NotSent or Lost where no answer came.
    """
    name = f"{gateway.name}-{VERIFY}"
    guard = Guard(
        breaker=registry.get(name),
        budget=budget_for(gateway, budget),
        retry=retries_for(gateway),
        may_repeat=lambda error: isinstance(error, NotSent | Lost),
    )

    def attempt(limit: timedelta) -> DisputeNews | None:
        with noted(name, calls):
            return client.look_up_dispute(gateway, order, limit)

    try:
        return guard.call(attempt)
    except CallRefused:
        calls.append(refusal_of(name))
        raise


def _outcome_of(guarded: Callable[[], GatewayResult], call: _Call) -> GatewayResult:
    unasked = Outcome.UNKNOWN if isinstance(call.order, Lookup) else Outcome.NOT_SENT
    try:
        return guarded()
    except CallRefused as refused:
        call.note_refusal()
        error = {"error": str(refused)}
        return GatewayResult(unasked, retry_after=refused.retry_after, exchange=error)
    except Poor as poor:
        return poor.result
    except CannotSay as error:
        # What cannot be said in the gateway's own units was refused before anything was sent.
        failure = Failure(FailureCode.PROVIDER_ERROR, error.detail)
        told = {"error": error.detail}
        return GatewayResult(unasked, failure=failure, exchange=told, unsayable=error.detail)
    except (NotSent, DeadlineExceeded) as error:
        return GatewayResult(unasked, exchange={"error": str(error)})
    except (Lost, DomainError) as error:
        return GatewayResult(Outcome.UNKNOWN, exchange={"error": str(error)})
