"""What a reconciliation found, what became of it, and what it could not see."""

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum

from payments.models import GatewayOperation
from payments.models.settlement import PROPOSALS
from payments.money import Money
from payments.news import Difference
from payments.statuses import Contradiction

SOURCE = "reconciliation"


class Healing(StrEnum):
    """What ordinary news would have told; everything else is kept as a Contradiction."""

    MISSED_WEBHOOK = "missed_webhook"
    STUCK = "stuck"


class Deed(StrEnum):
    """What became of a finding. KNOWN waits for a person already."""

    HEALED = "healed"
    QUEUED = "queued"
    KNOWN = "known"
    WOULD_HEAL = "would_heal"
    WOULD_QUEUE = "would_queue"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between a provider's records and ours.

    `operation` is None for what is nothing of ours; the two sums are there where they were told.
    """

    provider: str
    kind: Healing | Contradiction
    expected: str
    heard: str
    operation: GatewayOperation | None = None
    expected_money: Money | None = None
    heard_money: Money | None = None
    deed: Deed | None = None

    @property
    def proposal(self) -> str:
        """What a person should do, where one must."""
        return PROPOSALS[self.kind] if isinstance(self.kind, Contradiction) else ""

    @property
    def difference(self) -> Difference | None:
        """As a payment's history tells it; None for what heals."""
        if isinstance(self.kind, Contradiction):
            return Difference(self.kind, self.expected, self.heard)
        return None

    @property
    def amounts(self) -> dict[str, int | str | None]:
        """In minor units of one currency; nothing where the two sides have one each."""
        sums = {"expected_amount": self.expected_money, "heard_amount": self.heard_money}
        currencies = {money.currency for money in sums.values() if money}
        if len(currencies) != 1:
            return dict.fromkeys(sums) | {"currency": ""}
        told = {name: money.amount if money else None for name, money in sums.items()}
        return told | {"currency": currencies.pop()}

    def ended(self, deed: Deed) -> "Finding":
        """The same, with what became of it."""
        return replace(self, deed=deed)


def of_operation(
    operation: GatewayOperation,
    difference: Difference,
    heard: Money | None,
    expected: Money | None = None,
) -> Finding:
    """A difference that an operation of ours is about."""
    return Finding(
        operation.provider,
        difference.kind,
        difference.expected,
        difference.heard[:255],
        operation,
        expected,
        heard,
    )


@dataclass(slots=True)
class Report:
    """What a reconciliation of one provider held against each other, found, and did not see.

    `unseen` could have been seen and was not (the provider was down, a limit was reached);
    `blind_to` nobody could have seen this way.
    """

    provider: str
    held: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    blind_to: list[str] = field(default_factory=list)

    def count(self, *deeds: Deed) -> int:
        """How many findings ended so."""
        return sum(finding.deed in deeds for finding in self.findings)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left for a person, or for a run that may heal."""
        return all(finding.deed is Deed.HEALED for finding in self.findings)
