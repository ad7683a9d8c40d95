"""An invoice is kept for a payment, paid by it, and what was paid is shared out.

What is written here follows the payment as it is under its contract's lock: told again, late or
out of turn, it comes to the same.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from payments import ledger, signals
from payments.errors import ContractRefused
from payments.events import store
from payments.models import Contract, Earning, Invoice, Payment
from payments.models.contract import ALL_SHARES
from payments.money import Money
from payments.outcomes import ENDED
from payments.services.contracts import fell_due, history_of, tell
from payments.signals import EarningsFacts
from payments.statuses import PaymentStatus

_GIVEN_BACK = (PaymentStatus.REFUNDED, PaymentStatus.CHARGED_BACK)
_PAID = {"paid_at__isnull": False}


def allot(payment: Payment) -> Invoice | None:
    """Keep an invoice for the payment that is to pay it, so that no other does; once.

    None where the payment is for nothing that we know. Raises ContractRefused.
    """
    with transaction.atomic():
        contract = _contract_of(payment)
        payment.refresh_from_db()  # as it is under the contract's lock
        if contract is None:
            return None
        if payment.status in (*ENDED, *_GIVEN_BACK):
            raise ContractRefused(f"The payment is {payment.status}: it pays nothing.")
        return _invoice_of(payment) or _keep(contract, payment, payment.amount)


def is_allotted(payment: Payment) -> bool:
    """Whether an invoice is kept for it, or it needs none."""
    return not (payment.contract and _owners_contracts(payment).exists()) or bool(
        _invoice_of(payment)
    )


def settle(payment: Payment) -> Invoice | None:
    """A payment of a contract was completed: its invoice is paid, and its earnings shared out.

    Told of it again, it changes nothing. None where it is for nothing that we know, or its money
    went back meanwhile. Raises ContractRefused where its contract cannot be paid by it.
    """
    with transaction.atomic():
        contract = _contract_of(payment)
        payment.refresh_from_db()  # as it is under the contract's lock
        if contract is None or not _kept(payment):
            return None
        invoice = _invoice_of(payment)
        if invoice and invoice.amount != payment.amount_captured:  # a part was captured
            _reopen(invoice)
            invoice = None
        invoice = invoice or _keep(contract, payment, payment.amount_captured)
        if invoice.paid_at is None:
            invoice.paid_at = timezone.now()
            invoice.save(update_fields=["paid_at"])
            tell(signals.contract_paid, contract, invoice, payment)
            _share_out(contract, payment)
        return invoice


def follow_refunds(payment: Payment) -> None:
    """What is left of a payment is shared out anew: earnings go back in proportion."""
    with transaction.atomic():
        contract = _paid_by(payment)
        payment.refresh_from_db()
        if contract is None or not Invoice.objects.filter(payment=payment, **_PAID).exists():
            return
        known = payment.earnings.values_list("employee_id", "amount")
        if {each.employee_id: each.amount for each in _earnings(contract, payment)} != dict(known):
            _share_out(contract, payment)


def let_go(payment: Payment) -> None:
    """Where nothing of a payment is kept, its invoice is owed again, and nobody earns by it."""
    with transaction.atomic():
        contract = _paid_by(payment)
        payment.refresh_from_db()
        invoice = _invoice_of(payment)
        if contract is None or invoice is None or _kept(payment):
            return
        if invoice.paid_at:
            _share_out(contract, payment)
            tell(signals.contract_payment_due, contract, invoice)
        _reopen(invoice)


def is_all_gone(payment: Payment) -> bool:
    """Whether something was taken, and nothing of it is left."""
    return bool(payment.amount_captured) and not _kept(payment)


def _contract_of(payment: Payment) -> Contract | None:
    """The contract that a payment names, locked; None for those who keep no contracts here."""
    if not payment.contract:
        return None
    held = _owners_contracts(payment).select_for_update()
    contract = held.filter(reference=payment.contract).first()
    if contract is None and _owners_contracts(payment).exists():
        raise ContractRefused(f"There is no contract {payment.contract!r}; write it down first.")
    if contract and contract.currency != payment.currency:
        raise ContractRefused(
            f"Contract {contract.reference!r} is in {contract.currency}, not {payment.currency}."
        )
    return contract


def _owners_contracts(payment: Payment) -> QuerySet[Contract]:
    if payment.owner_id is None:
        return Contract.objects.none()
    return Contract.objects.filter(owner_id=payment.owner_id)


def _paid_by(payment: Payment) -> Contract | None:
    """The contract whose invoice is this payment's, locked."""
    return Contract.objects.select_for_update().filter(invoices__payment=payment).first()


def _invoice_of(payment: Payment) -> Invoice | None:
    return Invoice.objects.filter(payment=payment).first()


def _kept(payment: Payment) -> int:
    """What is left of it, in minor units: neither refunded nor taken back by a bank."""
    if payment.status == PaymentStatus.CHARGED_BACK:
        return 0
    gone = payment.amount_refunded + ledger.taken_back(payment)
    return max(0, payment.amount_captured - gone)


def _keep(contract: Contract, payment: Payment, amount: int) -> Invoice:
    """The oldest open one of this amount; the next to fall due, ahead of its time; or one apart.

    What is paid apart never fell due: it stands on the contract's account.
    """
    invoice = contract.invoices.filter(payment__isnull=True, amount=amount).first()
    if invoice is None and contract.next_due_on and contract.amount == amount:
        invoice = fell_due(contract)
    if invoice is None:
        invoice = Invoice(contract=contract, amount=amount, currency=payment.currency)
    invoice.payment = payment
    invoice.save()
    return invoice


def _reopen(invoice: Invoice) -> None:
    """It is nobody's again; one apart stood there for its payment alone."""
    if invoice.due_on is None:
        invoice.delete()
        return
    invoice.payment = invoice.paid_at = None
    invoice.save(update_fields=["payment", "paid_at"])


def _earnings(contract: Contract, payment: Payment) -> list[Earning]:
    """To the minor unit: what the shares leave over by rounding down is nobody's."""
    kept = _kept(payment)
    return [
        Earning(
            employee=each,
            contract=contract,
            payment=payment,
            amount=kept * each.share // ALL_SHARES,
            currency=payment.currency,
        )
        for each in contract.employees.all()
    ]


def _share_out(contract: Contract, payment: Payment) -> None:
    earnings = _earnings(contract, payment)
    Earning.objects.bulk_create(
        earnings,
        update_conflicts=True,
        unique_fields=["employee", "payment"],
        update_fields=["amount"],
    )
    left_over = _kept(payment) - sum(each.amount for each in earnings)
    shared = {e.employee.reference: Money(e.amount, e.currency).major for e in earnings}
    facts = EarningsFacts(
        contract_id=str(contract.pk),
        payment_id=str(payment.pk),
        currency=payment.currency,
        earnings=shared,
        kept=Money(left_over, payment.currency).major,
    )
    store.record(signals.earnings_calculated, history_of(contract), facts)
