"""What the providers themselves hold: the shape in which the rules hear of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from payments.models import GatewayOperation


@dataclass(frozen=True, slots=True)
class Holding:
    """What a provider holds of one charge of ours, in minor units of its own currency.

    `taken` counts every time that its payer was charged; `is_reserved` is money that waits.
    """

    currency: str = ""
    taken: int = 0
    given_back: int = 0
    is_reserved: bool = False

    @property
    def has_money(self) -> bool:
        """Whether anything was taken or reserved."""
        return self.taken > 0 or self.is_reserved


@dataclass(frozen=True, slots=True)
class Entry:
    """One payment in a provider's own list: the name of ours that it bears, and its money."""

    provider: str
    reference: str
    transaction_ref: str
    holding: Holding


class Truth(Protocol):
    """Somebody who can say what the providers hold. Asking changes nothing."""

    # What this way of asking can never show, in words.
    blind_to: tuple[str, ...]

    def holdings_of(self, families: Sequence[Sequence[GatewayOperation]]) -> Mapping[UUID, Holding]:
        """What is held of each family's charge (its first), by its id.

        One that could not be seen now is missing.
        """

    def entries(self) -> Iterator[Entry]:
        """Everything that the providers list with money in it, ours or not."""
