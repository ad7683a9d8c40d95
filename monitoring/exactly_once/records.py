"""Rules on our own records: a payment agrees with what was attempted for it."""

from collections.abc import Iterator

from monitoring.exactly_once.cases import Case
from monitoring.exactly_once.rules import Rule
from payments.models import GatewayOperation
from payments.statuses import PAID, Contradiction, OperationKind, Outcome, PaymentStatus

_S = PaymentStatus
_RESERVED_ONCE = (_S.AUTHORIZED, _S.CANCELLED, _S.EXPIRED)
_UNDER_WAY = (_S.PROCESSING, _S.REQUIRES_ACTION)


def paid_once(case: Case) -> Iterator[str]:
    """However the news arrived, one charge counts; the rest are orphans."""
    paid = case.succeeded(OperationKind.CHARGE, OperationKind.AUTHORIZE)
    if len(paid) > 1:
        yield f"was charged by {len(paid)} attempts: {_listed(paid)}."
    taken = case.succeeded(OperationKind.CHARGE, OperationKind.CAPTURE)
    if len(paid) <= 1 < len(taken):
        yield f"was captured {len(taken)} times: {_listed(taken)}."


def _listed(operations: list[GatewayOperation]) -> str:
    return ", ".join(f"{each.pk} at {each.provider}" for each in operations)


def orphans_are_told(case: Case) -> Iterator[str]:
    """A second charge is somebody's money: a person must know."""
    told = {
        each.operation_id for each in case.discrepancies if each.kind == Contradiction.ORPHAN_CHARGE
    }
    for orphan in case.charges:
        if orphan.is_orphan and orphan.pk not in told:
            yield f"was charged again by {orphan.pk} at {orphan.provider}, and nobody was told."


def sums_agree(case: Case) -> Iterator[str]:
    """What stands on the payment is the sum of what went well, to the minor unit."""
    payment = case.payment
    expected = {
        "amount_authorized": _sum(case.succeeded(OperationKind.AUTHORIZE)),
        "amount_captured": _sum(case.succeeded(OperationKind.CHARGE, OperationKind.CAPTURE)),
        "amount_refunded": _sum(case.succeeded(OperationKind.REFUND)),
        "refund_pending": _sum([each for each in case.refunds if each.is_open()]),
    }
    for name, total in expected.items():
        if getattr(payment, name) != total:
            yield f"says {name} {getattr(payment, name)}, and its attempts say {total}."
    if {each.currency for each in case.operations} - {payment.currency}:
        yield f"is in {payment.currency}, and an attempt is not."


def _sum(operations: list[GatewayOperation]) -> int:
    return sum(each.amount for each in operations)


def never_more_back_than_taken(case: Case) -> Iterator[str]:
    """Refunds stay within what was captured, and that within what was asked for."""
    payment = case.payment
    back = payment.amount_refunded + payment.refund_pending
    if not back <= payment.amount_captured <= payment.amount:
        yield (
            f"gives back {back} of {payment.amount_captured} captured"
            f" of {payment.amount} {payment.currency}."
        )


def status_fits_the_money(case: Case) -> Iterator[str]:
    """A status says where the money is; the sums and the attempts must say the same."""
    payment, status = case.payment, PaymentStatus(case.payment.status)
    reserved = case.succeeded(OperationKind.AUTHORIZE)
    voided = case.succeeded(OperationKind.VOID)
    if (status in PAID) != (payment.amount_captured > 0):
        yield f"is {status}, and {payment.amount_captured} was captured."
    if (status is _S.AUTHORIZED) and not (reserved and not voided):
        yield "is authorized, and nothing is reserved."
    if reserved and not payment.amount_captured and status not in _RESERVED_ONCE:
        yield f"is {status}, and money is reserved."
    if status is _S.CANCELLED and reserved and not voided:
        yield "is cancelled, and its reservation was never released."


def status_fits_the_refunds(case: Case) -> Iterator[str]:
    """How much went back decides between completed, partially refunded and refunded."""
    payment, status = case.payment, PaymentStatus(case.payment.status)
    back, taken = payment.amount_refunded, payment.amount_captured
    fitting = _S.COMPLETED if back == 0 else _S.REFUNDED if back == taken else _S.PARTIALLY_REFUNDED
    if status is _S.CHARGED_BACK:
        if not case.lost_disputes():
            yield "is charged back, and no dispute of its money was lost."
    elif status in PAID and status is not fitting:
        yield f"is {status}, and {back} of {taken} went back."


def somebody_will_ask(case: Case) -> Iterator[str]:
    """What is open is asked about until it ends; nothing waits for ever."""
    for each in case.operations:
        if each.is_open() and not case.is_awaited(each):
            due = f"since {each.next_check_at:%Y-%m-%d %H:%M:%S}" if each.next_check_at else "never"
            yield f"waits for a {each.kind} at {each.provider} ({_name(each)}); check due: {due}."
    if case.payment.status in _UNDER_WAY and not any(each.is_open() for each in case.charges):
        yield f"is {case.payment.status}, and no attempt of it is open."


def _name(operation: GatewayOperation) -> str:
    return f"{operation.pk}, {Outcome(operation.outcome) if operation.outcome else 'interrupted'}"


RULES = (
    Rule(paid_once, "Give the second charge back in the provider's dashboard."),
    Rule(orphans_are_told, "Give it back in the provider's dashboard."),
    Rule(sums_agree, "Compare its attempts with its timeline; a row was written by hand."),
    Rule(never_more_back_than_taken, "Stop refunds of this payment, and compare its attempts."),
    Rule(status_fits_the_money, "Ask the provider now, on the payment's page."),
    Rule(status_fits_the_refunds, "Compare its refunds with its timeline."),
    Rule(somebody_will_ask, "Are worker and scheduler running? Then: recover_stuck_payments."),
)
