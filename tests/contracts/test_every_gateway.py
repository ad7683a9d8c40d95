"""What holds for every gateway alike; a sixth joins by one line here and passes it all."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import DomainError
from payments.gateways.contract import Capability, Evidence, Gateway, SignatureInvalid, Unreadable
from payments.gateways.flutterwave import Flutterwave
from payments.gateways.messages import Capture, Charge, Handle, Lookup, Order, Refund, Void
from payments.gateways.paypal import PayPal
from payments.gateways.paystack import Paystack
from payments.gateways.paytabs import PayTabs
from payments.gateways.stripe import Stripe
from payments.gateways.wire import WireResponse
from payments.money import Money
from payments.statuses import OperationKind, Outcome
from tests.contracts.sixth import Sixth

USUAL: dict[str, Any] = {
    "base": "https://gateway.test",
    "timeout": timedelta(seconds=30),
    "settling_time": timedelta(seconds=120),
}
SECRET = "s3cr3t-of-nobody"
GATEWAYS: list[Gateway] = [
    PayTabs(100001, SECRET, **USUAL),
    Stripe(SECRET, (SECRET,), **USUAL),
    PayPal("client", SECRET, "WH-1", **USUAL),
    Flutterwave(SECRET, (SECRET,), **USUAL),
    Paystack(SECRET, (SECRET,), **USUAL),
    Sixth(SECRET, **USUAL),
]
KEY = "0123456789abcdef0123456789abcdef"
EVIDENCE = Evidence(datetime(2026, 1, 1, tzinfo=UTC))
every_gateway = pytest.mark.parametrize("gateway", GATEWAYS, ids=lambda each: each.name)


def known(gateway: Gateway) -> Handle:
    """A parent with every id that any of them may need."""
    ids = {"payment_intent": "pi_1", "session": "cs_1", "charge": "ch_1", "order": "O1"}
    ids |= {"authorization": "AUTH1", "capture": "CAP1", "transaction": "77"}
    return Handle("REF1", ids)


def money(gateway: Gateway) -> Money:
    # Rand, because Paystack reserves in nothing else.
    currency = next(c for c in ("ZAR", "USD") if c in gateway.currencies)
    return Money(12550, currency)


def charge(gateway: Gateway, kind: OperationKind = OperationKind.CHARGE) -> Charge:
    return Charge(
        key=KEY,
        kind=kind,
        money=money(gateway),
        description="Order 1",
        return_url="https://us.test/return",
        callback_url="https://us.test/hook",
        customer={"name": "Amal", "email": "amal@example.test"},
    )


def orders(gateway: Gateway) -> list[Order]:
    made: dict[Capability, Order] = {
        Capability.CHARGE: charge(gateway),
        Capability.AUTHORIZE: charge(gateway, OperationKind.AUTHORIZE),
        Capability.CAPTURE: Capture(KEY, money(gateway), known(gateway)),
        Capability.VOID: Void(KEY, money(gateway), known(gateway)),
        Capability.REFUND: Refund(KEY, money(gateway), known(gateway)),
    }
    return [order for capability, order in made.items() if capability in gateway.capabilities]


def lookups(gateway: Gateway) -> list[Lookup]:
    return [
        Lookup(KEY, order.kind, known(gateway), known(gateway), money(gateway))
        for order in orders(gateway)
    ]


def answered(gateway: Gateway, order: Order, status: int, body: bytes) -> Outcome:
    return gateway.result_of(order, WireResponse(status, {}, body)).outcome


@every_gateway
def test_every_order_it_can_take_becomes_a_request_to_its_own_host(gateway: Gateway) -> None:
    for order in [*orders(gateway), *lookups(gateway)]:
        request = gateway.request_for(order, "token")
        assert request.url.startswith("https://gateway.test/"), order
        assert request.method in ("GET", "POST")


@every_gateway
def test_the_same_order_is_the_same_request_over_all_tries(gateway: Gateway) -> None:
    for order in orders(gateway):
        assert gateway.request_for(order, "t") == gateway.request_for(order, "t")


@every_gateway
def test_our_key_goes_out_with_every_effect(gateway: Gateway) -> None:
    for order in orders(gateway):
        request = gateway.request_for(order, "token")
        sent = request.body.decode() + json.dumps(dict(request.headers)) + request.url
        kept_nowhere = gateway.name in ("paystack", "flutterwave") and not isinstance(order, Charge)
        assert KEY in sent or kept_nowhere, (order, sent)


NONSENSE = [
    b"",
    b"<html>Bad gateway</html>",
    b'{"id": "tr',
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b'"x"',
]


@every_gateway
@pytest.mark.parametrize(
    "body", NONSENSE, ids=["nothing", "html", "cut", "bytes", "list", "null", "text"]
)
def test_nonsense_is_never_an_outcome(gateway: Gateway, body: bytes) -> None:
    for order in orders(gateway):
        told = answered(gateway, order, 200, body)
        # Some voids answer with an empty body and mean it.
        fine = isinstance(order, Void) and body == b""
        assert told is Outcome.UNKNOWN or fine, order


@every_gateway
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_on_their_side_leaves_it_unknown(gateway: Gateway, status: int) -> None:
    for order in [*orders(gateway), *lookups(gateway)]:
        for body in (b"<html>", b'{"message": "oops"}'):
            assert answered(gateway, order, status, body) is Outcome.UNKNOWN, order


@every_gateway
def test_too_many_calls_is_no_verdict_on_the_payment(gateway: Gateway) -> None:
    body = b'{"status": "error", "message": "slow down"}'
    for order in orders(gateway):
        assert answered(gateway, order, 429, body) is Outcome.NOT_SENT, order
    for lookup in lookups(gateway):
        assert answered(gateway, lookup, 429, b"{}") is Outcome.UNKNOWN, lookup


@every_gateway
def test_a_lookup_that_answers_nonsense_tells_nothing(gateway: Gateway) -> None:
    for lookup in lookups(gateway):
        for body in (b"", b"<html>", b"{", b'"x"'):
            assert answered(gateway, lookup, 200, body) is Outcome.UNKNOWN, lookup


@every_gateway
def test_no_repr_and_no_exchange_shows_a_secret(gateway: Gateway) -> None:
    shown = repr(gateway)
    for order in orders(gateway):
        request = gateway.request_for(order, SECRET)
        shown += repr(request) + repr(order)
        echo = json.dumps({"customer": {"email": "amal@example.test"}, "token": SECRET}).encode()
        shown += json.dumps(gateway.result_of(order, WireResponse(400, {}, echo)).exchange)
    assert SECRET not in shown
    assert "amal@example.test" not in shown


@every_gateway
def test_what_is_not_signed_is_refused(gateway: Gateway) -> None:
    for headers in ((), (("Content-Type", "application/json"),)):
        with pytest.raises(SignatureInvalid):
            gateway.verify(headers, b"{}", EVIDENCE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "status", "data", "event", "type", "object", "amount", "resource"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@every_gateway
@given(body=JSON)
def test_no_notification_however_odd_breaks_the_reader(gateway: Gateway, body: Any) -> None:
    try:
        events = gateway.events_in(json.dumps(body).encode())
    except Unreadable:
        return
    for event in events:
        assert 0 < len(event.id) <= 191
        assert "\x00" not in event.id + event.type + event.key
        assert event.result is None or event.result.outcome is not Outcome.SUCCEEDED or body


@every_gateway
@given(body=JSON, status=st.sampled_from([200, 201, 400, 402, 404, 409, 422]))
def test_no_answer_however_odd_breaks_the_reader(gateway: Gateway, body: Any, status: int) -> None:
    for order in [*orders(gateway), *lookups(gateway)]:
        answered(gateway, order, status, json.dumps(body).encode())


@every_gateway
@given(amount=st.integers(1, 10**9), data=st.data())
def test_an_amount_is_sent_exactly_or_refused(
    gateway: Gateway, amount: int, data: st.DataObject
) -> None:
    currency = data.draw(st.sampled_from(sorted(gateway.currencies)))
    order = charge(gateway)
    wanted = Money(amount, currency)
    try:
        request = gateway.request_for(
            Charge(**{name: getattr(order, name) for name in order.__slots__} | {"money": wanted}),
            "token",
        )
    except DomainError:
        return
    assert request.body
