"""What each contract owes and was paid: added up as events come, and read without adding.

Sums need every event, once and in order: the receiver is strict, and each row knows which event
it has heard last.
"""

from collections.abc import Iterator

from payments import signals
from payments.events.models import StoredEvent
from payments.events.signal import signal_named
from payments.models import Contract, ContractBalance
from payments.money import Money
from payments.projections.anew import Histories
from payments.signals import ContractFacts

SIGNALS = (signals.contract_payment_due, signals.contract_paid)
COUNTED = "contracts"
_SUMS = ("currency", "due", "paid")


def hear(events: list[StoredEvent]) -> None:
    """Add up what these events tell, in the caller's transaction; each is of another contract."""
    known = _histories.held(event.aggregate_id for event in events)
    heard = ((known.get(e.aggregate_id) or _histories.before(e), e) for e in events)
    _histories.write(
        [_after(row, e) for row, e in heard if row is None or row.sequence < e.sequence]
    )


def rebuild() -> Iterator[int]:
    """Make the table anew from the history, while events go on; yields how many were done."""
    return _histories.replay()


def known() -> int:
    """How many contracts a rebuild has to read."""
    return _histories.count()


def balance_of(contract: Contract) -> ContractBalance:
    """A contract's sums; zero where nothing has befallen it."""
    found: ContractBalance | None = getattr(contract, "balance", None)
    return found or ContractBalance(contract=contract, currency=contract.currency)


def _after(before: ContractBalance | None, event: StoredEvent) -> ContractBalance:
    """Where a contract stands after this event of it."""
    facts: ContractFacts = signal_named(event.type).read(event)
    amount = Money.parse(facts.amount, facts.currency).amount
    is_paid = event.type == signals.contract_paid.name
    return ContractBalance(
        contract_id=event.aggregate_id,
        sequence=event.sequence,
        currency=facts.currency,
        due=(before.due if before else 0) + (0 if is_paid else amount),
        paid=(before.paid if before else 0) + (amount if is_paid else 0),
    )


_histories = Histories(ContractBalance, "contract", SIGNALS, _after, _SUMS)
