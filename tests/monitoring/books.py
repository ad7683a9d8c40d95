"""Books: a provider's own records as a test wants them; and what the audit makes of ours."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from monitoring.exactly_once.audit import Audit
from monitoring.exactly_once.rules import Broken
from monitoring.exactly_once.truth import Entry, Holding
from payments.gateways.messages import DisputeNews
from payments.models import Dispute, GatewayOperation


class Books:
    """What a provider holds, by the key of its charge; of what is not there it holds nothing."""

    blind_to: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.pages: dict[str, Holding] = {}
        self.disputes: dict[str, DisputeNews] = {}
        self.checked: Counter[str] = Counter()
        self.unseen: list[str] = []

    def read(self) -> Iterator[None]:
        return iter(())

    def write(self, key: str, taken: int, given_back: int = 0, **facts: object) -> None:
        usual = {"currency": "AED", "is_reserved": False}
        self.pages[key] = Holding(taken=taken, given_back=given_back, **(usual | facts))  # type: ignore[arg-type] # a test's own

    def holdings_of(self, families: Sequence[Sequence[GatewayOperation]]) -> Mapping[UUID, Holding]:
        charges = [family[0] for family in families]
        return {charge.pk: self.pages.get(charge.key, Holding()) for charge in charges}

    def disputes_of(
        self, contested: Sequence[tuple[Dispute, GatewayOperation]]
    ) -> Mapping[UUID, DisputeNews]:
        told = {
            dispute.pk: self.disputes.get(dispute.gateway_reference) for dispute, _ in contested
        }
        return {pk: news for pk, news in told.items() if news}

    def in_doubt(self) -> Iterator[list[UUID]]:
        return iter(())

    def entries(self) -> Iterator[Entry]:
        for key, holding in self.pages.items():
            yield Entry("paytabs", key, f"T-{key[:8]}", holding)


def broken(books: Books, *, at_rest: bool = False) -> list[Broken]:
    """Everything that the audit finds."""
    return [each for batch in Audit(books, at_rest=at_rest).run() for each in batch]


def rules(books: Books, *, at_rest: bool = False) -> set[str]:
    """The names of the rules that are broken."""
    return {each.rule for each in broken(books, at_rest=at_rest)}
