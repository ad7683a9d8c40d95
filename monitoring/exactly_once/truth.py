"""What the providers themselves hold: the shape in which the rules hear of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from payments.gateways.messages import DisputeNews
from payments.models import Dispute, GatewayOperation


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
    """Somebody who can say what the providers hold. Asking changes nothing.

    `checked` counts how it was asked; `unseen` says in words what it could not see this time, and
    `blind_to` what this way of asking can never show.
    """

    checked: Counter[str]
    unseen: list[str]
    blind_to: tuple[str, ...]

    def read(self) -> Iterator[None]:
        """Read what is read as a whole, before anything is asked; step by step."""

    def holdings_of(self, families: Sequence[Sequence[GatewayOperation]]) -> Mapping[UUID, Holding]:
        """What is held of each family's charge (its first), by its id.

        One that could not be seen now is missing.
        """

    def disputes_of(
        self, contested: Sequence[tuple[Dispute, GatewayOperation]]
    ) -> Mapping[UUID, DisputeNews]:
        """How these disputes of our charges stand, by their ids; what is not told is missing."""

    def in_doubt(self) -> Iterator[list[UUID]]:
        """The payments that were read of otherwise than we have written down, so many at once."""

    def entries(self) -> Iterator[Entry]:
        """Everything that the providers list with money in it; what is ours may be left out."""
