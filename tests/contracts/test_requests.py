"""What every provider is asked: each order is one request, each amount stands in its own unit."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.currencies import EXPONENTS
from payments.errors import DomainError, NotSupported
from payments.gateways.messages import Capture, Charge, Handle, Lookup, Order, Refund, Void
from payments.gateways.wire import WireRequest
from payments.money import Money
from payments.statuses import OperationKind, Outcome
from tests.contracts.every import every_provider, every_row
from tests.contracts.shape import TOKEN, Asked, Cases
from tests.contracts.vectors import result_of

PRIVATE = ("a@b.test", "Amal")


def asked(cases: Cases, order: Order) -> WireRequest:
    return cases.gateway.request_for(order, TOKEN)


def path_of(cases: Cases, request: WireRequest) -> str:
    return f"{request.method} {request.url.removeprefix(cases.base)}"


@every_row("requests")
def test_an_order_is_this_request(cases: Cases, row: Asked) -> None:
    request = asked(cases, row.order)
    assert cases.authorization in request.headers.values()
    assert path_of(cases, request).partition("?")[0] == row.request.partition("?")[0]
    assert "?" not in row.request or path_of(cases, request) == row.request
    assert row.body is None or cases.read(request) == row.body
    assert row.body is not None or not request.body


@every_row("refused")
def test_what_it_has_no_words_for_is_refused(
    cases: Cases, row: tuple[Order, type[Exception]]
) -> None:
    order, error = row
    with pytest.raises(error):
        asked(cases, order)


@every_provider
def test_it_can_do_what_it_says_and_nothing_else(cases: Cases) -> None:
    assert cases.gateway.capabilities == cases.capabilities
    able = {str(each) for each in cases.capabilities}
    assert {kind for kind in OperationKind if kind in able} == {*cases.effects}
    parent, money = Handle("REF1", {"transaction": "1"}), Money(100, "USD")
    orders: list[Order] = [make("k", money, parent) for make in (Capture, Void, Refund)]
    page = next(each for each in cases.effects.values() if isinstance(each, Charge))
    orders.append(replace(page, kind=OperationKind.AUTHORIZE))
    for order in orders:
        if order.kind not in cases.effects:
            with pytest.raises(NotSupported):
                asked(cases, order)


@every_provider
def test_every_order_goes_to_its_own_host_in_the_same_words_at_every_try(cases: Cases) -> None:
    for order in [*cases.takers(), *cases.lookups]:
        request = asked(cases, order)
        assert request.url.startswith(cases.base + "/"), order
        assert request.method in ("GET", "POST")
        assert (request.headers, request.body) == (
            asked(cases, order).headers,
            asked(cases, order).body,
        )


@every_provider
def test_our_key_goes_out_with_every_effect(cases: Cases) -> None:
    for order in cases.takers():
        request = asked(cases, order)
        sent = request.body.decode() + str(dict(request.headers)) + request.url
        # A capture and a void of Paystack's are known by the reservation that they end.
        is_nameless = cases.gateway.name == "paystack" and isinstance(order, Capture | Void)
        assert order.key in sent or is_nameless, order


@every_provider
def test_where_a_key_is_remembered_no_two_sorts_of_order_share_one(cases: Cases) -> None:
    if cases.gateway.key_memory:
        keys = [_key_sent(asked(cases, order)) for order in cases.effects.values()]
        steps = [_key_sent(asked(cases, order)) for order in cases.steps]
        assert len({*keys}) == len(keys)
        assert {*keys}.isdisjoint(steps)
        assert all(0 < len(key) <= 108 for key in [*keys, *steps])


def _key_sent(request: WireRequest) -> str:
    names = ("Idempotency-Key", "PayPal-Request-Id")
    return next(request.headers[name] for name in names if name in request.headers)


@every_row("written")
def test_an_amount_is_written_in_its_own_unit(cases: Cases, row: tuple[Money, str]) -> None:
    money, text = row
    for order in cases.orders_of(money):
        assert cases.amount_in(asked(cases, order)) == text


@every_row("too_fine")
def test_what_cannot_be_written_is_refused(
    cases: Cases, row: tuple[Money, type[Exception]]
) -> None:
    money, error = row
    for order in cases.orders_of(money):
        with pytest.raises(error):
            asked(cases, order)


@every_provider
@given(amount=st.integers(1, 10**12), data=st.data())
def test_an_amount_comes_back_as_it_went_or_never_goes(
    cases: Cases, amount: int, data: st.DataObject
) -> None:
    currency = data.draw(st.sampled_from(sorted(cases.gateway.currencies)))
    money = Money(amount, currency)
    try:
        text = cases.amount_in(asked(cases, cases.orders_of(money)[0]))
    except DomainError:
        assert amount % cases.step(currency)
        return
    order, body = cases.repeating(money, text)
    assert result_of(cases.gateway, order, 200, body).money == money


@every_provider
def test_every_currency_is_one_that_money_can_be_made_of(cases: Cases) -> None:
    assert {*EXPONENTS} >= cases.gateway.currencies


@every_provider
def test_no_repr_shows_a_secret(cases: Cases) -> None:
    shown = repr(cases.gateway) + str(cases.gateway)
    customer: dict[str, Any] = {"email": PRIVATE[0], "name": PRIVATE[1]}
    orders = [
        replace(order, customer=customer) if isinstance(order, Charge) else order
        for order in [*cases.takers(), *cases.lookups]
    ]
    for order in orders:
        shown += repr(order) + repr(asked(cases, order))
    assert not [each for each in (*cases.secrets, *PRIVATE, TOKEN) if each in shown]


@every_provider
def test_a_lookup_is_never_an_effect(cases: Cases) -> None:
    for order in cases.lookups:
        assert isinstance(order, Lookup)
        assert "Idempotency-Key" not in asked(cases, order).headers
        assert result_of(cases.gateway, order, 500, b"").outcome is Outcome.UNKNOWN
