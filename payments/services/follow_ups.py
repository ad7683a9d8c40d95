"""What captures, voids and refunds share: the call after the commit, and plain words about it."""

from datetime import timedelta

import structlog
from django.db import DatabaseError

from payments import operations
from payments.errors import OutcomeUnknown, PaymentDeclined, ServiceUnavailable
from payments.gateways.contract import Gateway
from payments.gateways.messages import GatewayResult, Handle, Order
from payments.models import GatewayOperation
from payments.statuses import Outcome

RETRY_SOON = timedelta(seconds=5)
_UNKNOWN = (
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


def carry_out(gateway: Gateway, operation: GatewayOperation, order: Order) -> None:
    """Call and settle an operation that was begun, and raise unless it went well.

    Raises ServiceUnavailable where nothing was sent, OutcomeUnknown where the answer was lost or
    could not be written down, PaymentDeclined on a final no.
    """
    result = operations.call(gateway, order, operation.time_left(operations.GRACE))
    _settle_answer(operation, result)
    speak_plainly(result.outcome, operation)


def _settle_answer(operation: GatewayOperation, result: GatewayResult) -> None:
    try:
        operations.settle(operation.id, result, heard_from="answer")
    except DatabaseError as error:
        # The provider has acted and we could not write it down: recovery will ask by our key.
        log.exception("answer_not_settled", operation_id=str(operation.id))
        raise OutcomeUnknown(_UNKNOWN.format(operation.provider)) from error


def speak_plainly(outcome: Outcome, operation: GatewayOperation) -> None:
    """Say in an error what an outcome means for the caller; silent where all went well."""
    if outcome is Outcome.NOT_SENT:
        operation.refresh_from_db()
        why = operation.failure_message or "It could not be reached; try again shortly."
        raise ServiceUnavailable(
            f"Nothing was done at {operation.provider}. {why}", retry_after=RETRY_SOON
        )
    if outcome is Outcome.UNKNOWN:
        raise OutcomeUnknown(_UNKNOWN.format(operation.provider))
    if outcome is Outcome.DECLINED:
        operation.refresh_from_db()
        raise PaymentDeclined(operation.failure_message or "The provider declined this.")
