"""Contracts are written down, and fall due; how they are paid is told in `invoices`."""

import calendar
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import islice
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from django.utils import timezone

from payments import signals
from payments.errors import ContractRefused, InvalidAmount
from payments.events import store
from payments.events.signal import Aggregate, EventSignal
from payments.models import Contract, Employee, Invoice, Payment
from payments.models.contract import ALL_SHARES
from payments.money import Money
from payments.signals import ContractFacts

Schedule = Contract.Schedule
Stops = tuple[type[Exception], ...]
_AT_ONCE, _TIMES_AT_ONCE = 500, 60
# A date of another century is a mistake, and would fall due by the thousand.
_LONGEST_AGO = timedelta(days=3653)
log = structlog.get_logger(__name__)


def create_contract(
    *,
    owner_id: UUID,
    reference: str,
    money: Money,
    starts_on: date,
    schedule: str = Schedule.ONCE,
    client: str = "",
    employees: Sequence[tuple[str, int]] = (),
) -> Contract:
    """Write down what a client owes; `employees` are names with hundredths of a per cent.

    Raises InvalidAmount, and ContractRefused for a reference that the owner has used before, for
    shares of more than all, for one employee named twice, or a beginning long ago.
    """
    if money.amount <= 0:
        raise InvalidAmount("A contract must be of more than zero.", attr="amount")
    if starts_on < timezone.now().date() - _LONGEST_AGO:
        raise ContractRefused("A contract may begin ten years ago at most.", attr="starts_on")
    _demand_fair(employees)
    contract = Contract(
        owner_id=owner_id,
        reference=reference,
        client=client,
        amount=money.amount,
        currency=money.currency,
        schedule=schedule,
        starts_on=starts_on,
        next_due_on=starts_on,
    )
    try:
        with transaction.atomic():
            contract.save(force_insert=True)
            named = (Employee(contract=contract, reference=n, share=s) for n, s in employees)
            Employee.objects.bulk_create(named)
    except IntegrityError:
        taken = f"There is a contract {reference!r} already; give this one another reference."
        raise ContractRefused(taken, attr="reference") from None
    return contract


def _demand_fair(employees: Sequence[tuple[str, int]]) -> None:
    if len({name for name, _ in employees}) != len(employees):
        raise ContractRefused("Name each employee once.", attr="employees")
    if any(share <= 0 for _, share in employees) or sum(s for _, s in employees) > ALL_SHARES:
        raise ContractRefused("Shares are positive, and 100 % at most in all.", attr="employees")


def fall_due(today: date | None = None, *, stops: Stops = ()) -> Iterator[Invoice]:
    """Write an invoice for every contract that falls due by today; yields each.

    One contract's trouble keeps no other waiting; what `stops` names ends it all.
    """
    today, passed = today or timezone.now().date(), set[UUID]()
    due = Contract.objects.filter(next_due_on__lte=today).order_by("next_due_on", "pk")
    while found := list(due.exclude(pk__in=passed).values_list("pk", flat=True)[:_AT_ONCE]):
        for pk in found:
            try:
                yield from _invoices_due(pk, today)
            except stops:
                raise
            except Exception:
                log.exception("contract_not_due", contract=str(pk))
                passed.add(pk)


def _invoices_due(contract_id: UUID, today: date) -> list[Invoice]:
    """Some invoices of one contract, in a commit; what is left of them comes at the next look."""
    with transaction.atomic():
        contract = Contract.objects.select_for_update().get(pk=contract_id)
        return [fell_due(contract) for _ in islice(_times_due(contract, today), _TIMES_AT_ONCE)]


def _times_due(contract: Contract, today: date) -> Iterator[None]:
    while contract.next_due_on and contract.next_due_on <= today:
        yield


def fell_due(contract: Contract) -> Invoice:
    """Write the next invoice of a held contract, and turn to the one after it."""
    assert contract.next_due_on  # noqa: S101 - asked for right before
    invoice = Invoice.objects.create(
        contract=contract,
        amount=contract.amount,
        currency=contract.currency,
        due_on=contract.next_due_on,
    )
    contract.next_due_on = _next(contract)
    contract.save(update_fields=["next_due_on"])
    tell(signals.contract_payment_due, contract, invoice)
    return invoice


def _next(contract: Contract) -> date | None:
    """The day of the month stays the one it began on; in shorter months it is their last."""
    due = contract.next_due_on
    if due is None or contract.schedule == Schedule.ONCE:
        return None
    if contract.schedule == Schedule.WEEKLY:
        return due + timedelta(weeks=1)
    year, month = divmod(due.year * 12 + due.month, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(contract.starts_on.day, last))


def tell(
    signal: EventSignal, contract: Contract, invoice: Invoice, payment: Payment | None = None
) -> None:
    """Record what befell an invoice, in the commit in which it did."""
    facts = ContractFacts(
        contract_id=str(contract.pk),
        reference=contract.reference,
        amount=Money(invoice.amount, invoice.currency).major,
        currency=invoice.currency,
        due_on=str(invoice.due_on or ""),
        invoice_id=str(invoice.pk),
        payment_id=str(payment.pk) if payment else "",
    )
    store.record(signal, history_of(contract), facts)


def history_of(contract: Contract) -> Aggregate:
    """Whose history a contract's events are."""
    return Aggregate("contract", str(contract.pk))


def balance(contract: Contract) -> Money:
    """What has fallen due and is not paid; below zero where more was paid."""
    due = Sum("amount", filter=Q(due_on__isnull=False), default=0)
    paid = Sum("amount", filter=Q(paid_at__isnull=False), default=0)
    sums = contract.invoices.aggregate(due=due, paid=paid)
    return Money(sums["due"] - sums["paid"], contract.currency)
