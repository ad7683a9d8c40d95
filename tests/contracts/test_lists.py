"""A lookup that is answered by a list: page after page, as far as it takes and no further."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from payments.gateways import guarded, transport
from payments.gateways.messages import Lookup
from payments.gateways.wire import Lost, WireRequest, WireResponse
from payments.statuses import Outcome
from tests.contracts.cases.stripe.words import OURS, K, O, intent, stripe

ASKED = Lookup(OURS, K.CHARGE)
LIMIT = timedelta(seconds=20)


class Books:
    """Stripe's intents, the newest first, `size` to a page; `lost` pages never arrive."""

    def __init__(self, *names: str, size: int = 2, lost: int = 0) -> None:
        self.entries = [self.entry(place, word) for place, word in enumerate(names)]
        self.size, self.lost, self.asked = size, lost, 0

    def entry(self, place: int, word: str) -> dict[str, object]:
        name = f"pi_{place}"
        return intent(word, id=name) if word else intent(id=name, metadata={})

    def send(self, gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        self.asked += 1
        if self.asked == self.lost:
            raise Lost("silence")
        after = parse_qs(urlsplit(request.url).query).get("starting_after", ["pi_-1"])
        start = int(after[0].removeprefix("pi_")) + 1
        page = self.entries[start : start + self.size]
        more = start + self.size < len(self.entries)
        body = {"object": "list", "data": page, "has_more": more}
        return WireResponse(200, {}, json.dumps(body).encode())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("books", "outcome", "reference", "asked"),
    [
        (Books(), O.NOT_SENT, "", 1),
        (Books("", "", "", "", ""), O.NOT_SENT, "", 3),
        (Books("", "", "", "succeeded", "", ""), O.SUCCEEDED, "pi_3", 2),
        (Books("processing", "", "", ""), O.PENDING, "pi_0", 2),
        (Books("processing", "", "", "succeeded"), O.SUCCEEDED, "pi_3", 2),
        (Books("", "", "", "", lost=2), O.UNKNOWN, "", 2),
        (Books("processing", "", "", "", lost=2), O.UNKNOWN, "", 2),
        (Books(*[""] * 102, size=1), O.UNKNOWN, "", 100),
    ],
    ids=["none", "others", "later", "waits", "paid later", "lost", "waits, lost", "endless"],
)
def test_only_a_whole_list_says_that_nothing_is_there(
    monkeypatch: pytest.MonkeyPatch, books: Books, outcome: Outcome, reference: str, asked: int
) -> None:
    monkeypatch.setattr(transport, "send", books.send)
    result = guarded.attempt(stripe(), ASKED, LIMIT)
    assert (result.outcome, result.reference, result.next_page) == (outcome, reference, "")
    assert (books.asked, len(result.calls)) == (asked, asked)
    lost = [call for call in result.calls if call.outcome != "success"]
    assert len(lost) == (1 if books.lost else 0)


@pytest.mark.django_db
def test_no_page_is_asked_for_when_the_time_for_all_of_them_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    books = Books("", "", "", "succeeded")
    monkeypatch.setattr(transport, "send", books.send)
    assert guarded.attempt(stripe(), ASKED, timedelta(microseconds=1)).outcome is O.UNKNOWN
    assert books.asked <= 1
