"""The double-entry postings of each settled outcome, written in the same commit.

`lifecycle.advance` posts what a payment's move does with money, `outcomes` what moves money and
not always a status. All of it happens under the payment's lock.
"""

from collections.abc import Iterable, Iterator

from payments import rows
from payments.models import Account, GatewayOperation, Payment, Posting, PostingKind
from payments.models.ledger import WAYS
from payments.money import Money
from payments.statuses import PAID, PaymentStatus


def post(
    payment: Payment,
    kind: PostingKind,
    amount: int,
    operation: GatewayOperation,
    *,
    may_come_again: bool = False,
) -> None:
    """Write one move of money of a held payment, in minor units; where nothing moved, nothing.

    The database refuses to post an outcome twice; what `may_come_again` is counted.
    """
    if amount:
        turn = _times_posted(operation, kind) + 1 if may_come_again else 1
        rows.insert(_posting(payment, kind, amount, operation, turn))


def _posting(
    payment: Payment, kind: PostingKind, amount: int, operation: GatewayOperation, turn: int = 1
) -> Posting:
    source, target = WAYS[kind]
    return Posting(
        payment=payment,
        operation=operation,
        kind=kind,
        turn=turn,
        from_account=source,
        to_account=target,
        provider=operation.provider,
        owner_id=payment.owner_id,
        amount=amount,
        currency=payment.currency,
    )


def _times_posted(operation: GatewayOperation, kind: PostingKind) -> int:
    return Posting.objects.filter(
        payment_id=operation.payment_id, operation=operation, kind=kind
    ).count()


def follow(payment: Payment, previous: PaymentStatus, operation: GatewayOperation | None) -> None:
    """Post what the move of a held payment from `previous` to where it is now did with money."""
    for kind, amount in _moves(payment, previous):
        by = operation or payment.current_operation
        if by is None:
            raise RuntimeError(f"{kind} without an operation: nothing was sent for {payment.pk}.")
        post(payment, kind, amount, by)


def _moves(payment: Payment, previous: PaymentStatus) -> Iterator[tuple[PostingKind, int]]:
    """A reservation ends whenever it is left; what is captured of it is taken anew."""
    status = payment.status
    if previous is PaymentStatus.AUTHORIZED:
        yield PostingKind.RELEASED, payment.amount_authorized
    if status == PaymentStatus.AUTHORIZED:
        yield PostingKind.AUTHORIZED, payment.amount_authorized
    if status == PaymentStatus.COMPLETED and previous not in PAID:
        yield PostingKind.CAPTURED, payment.amount_captured


def contest(payment: Payment, operation: GatewayOperation, lost: int) -> None:
    """Bring what banks took back of a held payment to what its `lost` disputes contest.

    In minor units; never more than refunds have left, and what was won comes back.
    """
    taken = taken_back(payment)
    left = payment.amount_captured - payment.amount_refunded - taken
    more, less = min(lost - taken, left), taken - lost
    post(payment, PostingKind.CHARGED_BACK, max(0, more), operation, may_come_again=True)
    post(payment, PostingKind.WON_BACK, max(0, less), operation, may_come_again=True)


def taken_back(payment: Payment) -> int:
    """What banks took back of a payment and did not return, in minor units."""
    return balance_of(payment.postings.all(), Account.DISPUTES)


def post_fee(payment: Payment, operation: GatewayOperation, fee: Money | None) -> None:
    """Write down what the provider keeps of a charge or capture, as it tells first."""
    if fee and fee.amount > 0 and fee.currency == payment.currency:
        posting = _posting(payment, PostingKind.FEE, fee.amount, operation)
        rows.insert(posting, may_exist=True)


def balance_of(postings: Iterable[Posting], account: Account) -> int:
    """What these postings, all of one currency, leave on an account; in minor units."""
    return sum(
        each.amount * ((each.to_account == account) - (each.from_account == account))
        for each in postings
    )
