"""What every provider tells unasked: of which operation, and what became of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.contract import Unreadable
from payments.gateways.messages import DisputeLookup, Family, GatewayEvent
from payments.gateways.wire import WireResponse
from payments.statuses import Outcome
from tests.contracts.every import EVERY, every_provider, every_row
from tests.contracts.shape import TOKEN, Cases, News, Ruling, facts_of
from tests.contracts.vectors import written

NO_EVENTS = [b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b"{}", b"[" * 9999]


def heard(cases: Cases, body: Any) -> GatewayEvent:
    (event,) = cases.gateway.events_in(written(body))
    return event


@every_row("news")
def test_each_piece_of_news_has_one_meaning(cases: Cases, row: News) -> None:
    event = heard(cases, row.body)
    assert facts_of(event, row.event) == row.event
    for part, expected in ((event.result, row.result), (event.dispute, row.dispute)):
        assert (part is None) is (expected is None)
        assert not (part and expected) or facts_of(part, expected) == expected


@pytest.mark.parametrize(
    ("cases", "word", "family"),
    [
        pytest.param(cases, word, family, id=f"{cases.gateway.name}-{word}")
        for cases in EVERY
        for word, family in cases.families.items()
    ],
)
def test_news_of_what_is_not_ours_has_its_family_and_no_result(
    cases: Cases, word: str, family: Family
) -> None:
    for body in cases.of_family(word):
        event = heard(cases, body)
        assert (event.family, event.result, event.key) == (family, None, "")
        assert event.id


@every_provider
def test_the_same_news_has_the_same_name_and_other_news_another(cases: Cases) -> None:
    bodies = [written(row.body) for row in cases.news]
    ids = [heard(cases, body).id for body in bodies]
    assert ids == [heard(cases, body).id for body in bodies]
    assert all(0 < len(each) <= 191 for each in ids)


@every_row("endless")
def test_what_is_endless_still_makes_an_id_that_fits(cases: Cases, row: Any) -> None:
    assert 0 < len(heard(cases, row).id) <= 191


@every_row("unstorable")
def test_what_no_database_can_hold_does_not_survive(cases: Cases, row: bytes) -> None:
    event = heard(cases, row)
    told = event.result
    texts = [event.id, event.type, event.key, *event.references]
    if told:
        failure = told.failure.message if told.failure else ""
        texts += [told.reference, told.payment_method, failure, *told.ids.values()]
    for text in texts:
        assert "\x00" not in text
        text.encode()
    assert "\\ud800" not in repr(event)


@every_provider
@pytest.mark.parametrize("body", NO_EVENTS)
def test_a_signed_body_that_is_no_event_is_unreadable(cases: Cases, body: bytes) -> None:
    with pytest.raises(Unreadable):
        cases.gateway.events_in(body)


@every_row("unreadable")
def test_a_signed_body_that_is_no_event_of_theirs_is_unreadable(cases: Cases, row: bytes) -> None:
    with pytest.raises(Unreadable):
        cases.gateway.events_in(row)


@every_provider
@given(data=st.data())
def test_no_notification_however_odd_breaks_the_reader_or_invents_a_success(
    cases: Cases, data: st.DataObject
) -> None:
    body = data.draw(cases.odd_news | cases.odd)
    try:
        events = cases.gateway.events_in(json.dumps(body).encode())
    except Unreadable:
        return
    for event in events:
        assert 0 < len(event.id) <= 191
        assert "\x00" not in event.id + event.type + event.key
        is_success = event.result and event.result.outcome is Outcome.SUCCEEDED
        assert not is_success or "status" in json.dumps(body)


@every_row("disputes")
def test_a_dispute_is_asked_about_where_it_can_be(
    cases: Cases, row: tuple[DisputeLookup, str | None]
) -> None:
    order, path = row
    request = cases.gateway.dispute_request(order, TOKEN)
    assert (request and f"{request.method} {request.url.removeprefix(cases.base)}") == path
    assert request is None or cases.authorization in request.headers.values()


@every_row("rulings")
def test_only_its_own_dispute_confirms_a_charge(cases: Cases, row: Ruling) -> None:
    response = WireResponse(row.status, {}, written(row.body))
    told = cases.gateway.dispute_of(row.order, response)
    assert (told is None) is (row.facts is None)
    assert not (told and row.facts) or facts_of(told, row.facts) == row.facts
