"""What a provider itself lists: of a time, or of one key of ours where it has no list."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from payments.gateways.contract import Capability, Gateway
from payments.gateways.listing import ListUnseen, pages_of
from payments.gateways.messages import Listed, Listing, Page

# No provider's list spans more at once.
_LONGEST = timedelta(days=31)
MOST_PAGES = 1000


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to before `until`."""

    since: datetime
    until: datetime

    def parts(self) -> Iterator["Period"]:
        """As long as one question may span, one after the other."""
        since = self.since
        while since < self.until:
            until = min(since + _LONGEST, self.until)
            yield Period(since, until)
            since = until


class Lists:
    """One provider's lists of a period, read page by page through their breaker.

    `unseen` says in words what of them could not be had so far.
    """

    def __init__(self, gateway: Gateway, period: Period, most_pages: int = MOST_PAGES) -> None:
        self.gateway, self.period = gateway, period
        self.unseen: list[str] = []
        self._most_pages = most_pages

    @property
    def are_there(self) -> bool:
        """Whether it tells by itself of all that it did in a time."""
        return Capability.LIST in self.gateway.capabilities

    @property
    def are_by_key(self) -> bool:
        """Whether it tells at least of all that bears one key of ours."""
        return not self.are_there and self.gateway.list_request(self._of_key("any")) is not None

    def blind_spots(self) -> Iterator[str]:
        """What nobody could see in them, in words."""
        gateway = self.gateway
        if not self.are_there:
            yield f"what {gateway.name} did under no name of ours: it has no list"
        if gateway.list_lag and self.period.until > timezone.now() - gateway.list_lag:
            hours = gateway.list_lag // timedelta(hours=1)
            yield f"what {gateway.name} did of late: its list may be {hours} hours behind"

    def pages(self) -> Iterator[Page]:
        """All that it did. A list that breaks off ends with an empty page, and is `unseen`."""
        for what in Listed:
            for part in self.period.parts():
                yield from self._pages_of(Listing(what, part.since, part.until))

    def _pages_of(self, listing: Listing) -> Iterator[Page]:
        try:
            yield from pages_of(self.gateway, listing, self._most_pages)
        except ListUnseen as problem:
            span = f"{listing.since:%Y-%m-%d %H:%M} to {listing.until:%Y-%m-%d %H:%M}"
            self.unseen.append(f"its {listing.what} of {span}, or a part: {problem}")
            yield Page((), calls=problem.calls)

    def under(self, key: str) -> Iterator[Page]:
        """Everything that bears one key of ours; none where it cannot be asked so.

        Raises ListUnseen.
        """
        yield from pages_of(self.gateway, self._of_key(key), 1)

    def _of_key(self, key: str) -> Listing:
        return Listing(Listed.CHARGES, self.period.since, self.period.until, key=key)
