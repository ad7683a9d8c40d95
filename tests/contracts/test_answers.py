"""What every provider answers: a yes, a no, or nothing that one could rely on."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways import guarded, transport
from payments.gateways.messages import GatewayResult, Lookup, Order, Void
from payments.gateways.wire import WireRequest, WireResponse
from payments.statuses import Outcome
from tests import secrets_watch
from tests.contracts.every import EVERY, every_provider, every_row
from tests.contracts.shape import TOKEN, Cases, General, Told, facts_of
from tests.contracts.vectors import result_of, written

NONSENSE = {
    "nothing": b"",
    "html": b"<html>Bad gateway</html>",
    "cut": b'{"id": "tr',
    "bytes": b"\xff\xfe\x00",
    "list": b"[]",
    "null": b"null",
    "text": b'"x"',
    "empty": b"{}",
    "deep": b"[" * 9999,
}


def means(result: GatewayResult, outcome: Outcome, facts: Any) -> None:
    assert (result.outcome, facts_of(result, facts)) == (outcome, dict(facts))


@pytest.mark.parametrize(
    ("cases", "row", "order"),
    [
        pytest.param(cases, row, order, id=f"{cases.gateway.name}-{place}-{nth}-{order.kind}")
        for cases in EVERY
        for place, row in enumerate(cases.general)
        for nth, order in enumerate(cases.takers())
    ],
)
def test_what_is_not_clearly_yes_or_no_is_unknown(cases: Cases, row: General, order: Order) -> None:
    means(result_of(cases.gateway, order, row.status, row.body), row.outcome, row.facts)


@every_row("told")
def test_each_answer_has_one_meaning(cases: Cases, row: Told) -> None:
    means(result_of(cases.gateway, row.order, row.status, row.body), row.outcome, row.facts)


@every_provider
@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_never_an_outcome(cases: Cases, body: bytes) -> None:
    for order in cases.takers():
        told = result_of(cases.gateway, order, 200, body).outcome
        # Some voids answer with an empty body and mean it.
        assert told is Outcome.UNKNOWN or (isinstance(order, Void) and body == b""), order
    for lookup in cases.lookups:
        # No transaction of a cart is PayTabs' way to say that there is none.
        never_heard = cases.gateway.name == "paytabs" and body == b"[]"
        told = result_of(cases.gateway, lookup, 200, body).outcome
        assert told is (Outcome.NOT_SENT if never_heard else Outcome.UNKNOWN), lookup


@every_provider
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_on_their_side_leaves_it_unknown(cases: Cases, status: int) -> None:
    for order in [*cases.takers(), *cases.lookups]:
        for body in (b"<html>", b"", b'{"message": "oops"}'):
            assert result_of(cases.gateway, order, status, body).outcome is Outcome.UNKNOWN, order


@every_provider
def test_too_many_calls_is_no_verdict_on_the_payment(cases: Cases) -> None:
    body = b'{"status": "error", "message": "slow down"}'
    for order in cases.takers():
        assert result_of(cases.gateway, order, 429, body).outcome is Outcome.NOT_SENT, order
    for lookup in cases.lookups:
        assert result_of(cases.gateway, lookup, 429, b"{}").outcome is Outcome.UNKNOWN, lookup


@every_provider
@given(word=st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=9))
def test_a_word_that_is_not_listed_is_pending_and_an_alarm(cases: Cases, word: str) -> None:
    if cases.spelt(word) in cases.listed_words:
        return
    for result in cases.saying(word):
        assert (result.outcome, result.unlisted_word) == (Outcome.PENDING, cases.spelt(word))


@every_provider
@given(data=st.data(), status=st.sampled_from([200, 201, 400, 402, 404, 409, 422, 500]))
def test_no_answer_however_odd_is_taken_for_a_success(
    cases: Cases, data: st.DataObject, status: int
) -> None:
    body = data.draw(cases.odd)
    for order in [*cases.takers(), *cases.lookups]:
        result = result_of(cases.gateway, order, status, body)
        is_success = result.outcome is Outcome.SUCCEEDED
        assert not is_success or cases.says_yes(order, status, body), order


@every_provider
def test_nothing_secret_or_personal_is_kept_of_the_conversation(cases: Cases) -> None:
    order, body, notification, private = cases.personal
    told = result_of(cases.gateway, order, 200, body)
    (event,) = cases.gateway.events_in(written(notification))
    assert event.result
    assert told.exchange
    kept = json.dumps([told.exchange, event.result.exchange])
    assert not [each for each in (*private, *cases.secrets) if each in kept]


@every_provider
def test_whatever_the_suite_writes_is_searched_for_its_secrets(cases: Cases) -> None:
    assert {*cases.secrets, TOKEN} <= {*secrets_watch.OWN}


@every_provider
def test_no_secret_that_is_repeated_to_us_is_kept(cases: Cases) -> None:
    said = {"token": cases.secrets[0], "customer": {"email": "a@b.test"}}
    for order in cases.takers():
        kept = json.dumps(result_of(cases.gateway, order, 400, said).exchange)
        assert not [each for each in (*cases.secrets, "a@b.test") if each in kept]


# What an answer says of the provider's health: nonsense speaks against it, its own words do not.


def asked_of(
    monkeypatch: pytest.MonkeyPatch, cases: Cases, lookup: Lookup, body: bytes
) -> tuple[Outcome, set[str]]:
    """What a lookup brings that is answered so, and what it says of every attempt."""

    def send(gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        is_log_in = request.url.endswith("/token")
        token = {"access_token": "t", "expires_in": 3600}
        return WireResponse(200, {}, written(token) if is_log_in else body)

    monkeypatch.setattr(transport, "send", send)
    result = guarded.attempt(cases.gateway, lookup, timedelta(seconds=5))
    return result.outcome, {call.outcome for call in result.calls}


@pytest.mark.django_db
@every_row("undecided")
def test_an_answer_that_leaves_the_question_open_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, cases: Cases, row: tuple[Lookup, Any]
) -> None:
    lookup, body = row
    heard = asked_of(monkeypatch, cases, lookup, written(body))
    assert heard == (Outcome.UNKNOWN, {"success"})


@pytest.mark.django_db
@every_provider
@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_a_failure(monkeypatch: pytest.MonkeyPatch, cases: Cases, body: bytes) -> None:
    for lookup in cases.lookups:
        heard = asked_of(monkeypatch, cases, lookup, body)
        if heard != (Outcome.NOT_SENT, {"success"}):
            assert heard == (Outcome.UNKNOWN, {"failure"}), lookup
