"""What captures, voids and refunds share: the call after the commit, and plain words about it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError
from django.utils import timezone

from payments import operations
from payments.errors import NotSupported, OutcomeUnknown, PaymentDeclined, ServiceUnavailable
from payments.gateways.contract import Gateway
from payments.gateways.messages import GatewayResult, Handle, Order
from payments.models import GatewayOperation
from payments.statuses import FailureCode, Outcome

RETRY_SOON = timedelta(seconds=5)
NOT_KNOWN_YET = (
    "What became of this at {} is not known yet. We are finding out; read the payment later,"
    " and do not do it again."
)
log = structlog.get_logger(__name__)


def handle_of(operation: GatewayOperation | None) -> Handle:
    """How the gateway knows an operation."""
    if operation is None:
        return Handle()
    before = operation.parent.ids if operation.parent else {}
    return Handle(operation.gateway_reference, before | operation.ids)


class AnotherMayTry(PaymentDeclined):
    """The gateway would not have the payment, whoever pays it; no payer was asked yet."""


def carry_out(
    gateway: Gateway,
    operation: GatewayOperation,
    order: Order,
    *,
    another_waits: bool = False,
    again_after: Sequence[timedelta] = (),
) -> None:
    """Call and settle an operation that was begun, and raise unless it went well.

    What never left is sent again by itself after each of `again_after`, and then no more.

    Raises ServiceUnavailable where nothing was sent, OutcomeUnknown where the answer was lost or
    could not be written down, PaymentDeclined on a final no; AnotherMayTry where the no is of
    this gateway alone and another waits for its turn.
    """
    result = operations.call(gateway, order, operation.time_left(operations.GRACE))
    if goes_on := another_waits and _is_the_gateways_own(result):
        result = replace(result, leaves_another_try=True)
    if again_after:
        result = replace(result, again_at=_next_try(operation, result, again_after))
    _settle_answer(operation, result)
    if goes_on:
        raise AnotherMayTry(f"{gateway.name} would not take this payment.")
    speak_plainly(result, operation)


def _is_the_gateways_own(result: GatewayResult) -> bool:
    """A no to the merchant (an account, a currency, a limit), not to the payer or their card."""
    code = result.failure.code if result.failure else None
    return result.outcome is Outcome.DECLINED and code is FailureCode.PROVIDER_ERROR


def _next_try(
    operation: GatewayOperation, result: GatewayResult, delays: Sequence[timedelta]
) -> datetime | None:
    if result.outcome is not Outcome.NOT_SENT or result.unsayable:
        return None
    tried = GatewayOperation.objects.filter(
        payment_id=operation.payment_id, provider=operation.provider, outcome=Outcome.NOT_SENT
    ).count()
    return timezone.now() + delays[tried] if tried < len(delays) else None


def _settle_answer(operation: GatewayOperation, result: GatewayResult) -> None:
    try:
        operations.settle(operation, result, heard_from="answer")
    except DatabaseError as error:
        # The provider has acted and we could not write it down: recovery will ask by our key.
        log.exception("answer_not_settled", operation_id=str(operation.id))
        raise OutcomeUnknown(NOT_KNOWN_YET.format(operation.provider)) from error


def speak_plainly(result: GatewayResult, operation: GatewayOperation) -> None:
    """Say in an error what an outcome means for the caller; silent where all went well.

    What cannot be said in a gateway's language never will be: that is no reason to try again.
    """
    outcome = result.outcome
    if result.unsayable:
        raise NotSupported(result.unsayable)
    if outcome is Outcome.NOT_SENT:
        operation.refresh_from_db()
        why = operation.failure_message or "It could not be reached; try again shortly."
        raise ServiceUnavailable(
            f"Nothing was done at {operation.provider}. {why}",
            retry_after=result.retry_after or RETRY_SOON,
        )
    if outcome is Outcome.UNKNOWN:
        raise OutcomeUnknown(NOT_KNOWN_YET.format(operation.provider))
    if outcome is Outcome.DECLINED:
        operation.refresh_from_db()
        raise PaymentDeclined(operation.failure_message or "The provider declined this.")
