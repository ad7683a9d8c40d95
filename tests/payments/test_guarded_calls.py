"""Calls to providers behind their breakers: refused, repeated, failed over, and told of."""

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from payments.events.chain import verify_stream
from payments.events.signal import Aggregate
from payments.gateways import transport
from payments.gateways.wire import Crowded, Lost, NotSent, WireRequest, WireResponse
from payments.models import BreakerControl, GatewayCall, GatewayOperation, StoredEvent
from payments.resilience import registry
from payments.resilience.storage import Totals
from tests import fakes
from tests.callers import caller
from tests.payments.test_routing import PAGE, STRIPE

Answer = WireResponse | Exception


PROMISED = {
    "name", "group", "scope", "state", "forced", "failures", "successes", "rejects", "fires",
    "opens", "half_opens", "closes", "fallbacks", "timeouts", "slow_calls", "error_rate",
    "success_rate", "slow_call_rate", "uptime", "throughput", "last_failure_at", "next_retry_at",
    "snapshot", "configuration",
}  # fmt: skip
PROMISED_OF_THE_WINDOW = {
    "rolling_count_failure", "rolling_count_success", "rolling_count_timeout",
    "rolling_count_short_circuited", "latency_execute_mean", "latency_total_mean", "latency_p95",
    "latency_p99",
}  # fmt: skip


class World:
    """Two providers; each gives the answers it was told to give, then its usual one."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, WireRequest]] = []
        self.plan: dict[str, list[Answer]] = {"paytabs": [], "stripe": []}
        self.always: dict[str, Answer] = {}

    def send(self, gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        self.heard.append((gateway, request))
        planned = self.plan[gateway]
        answer = planned.pop(0) if planned else self.always.get(gateway)
        if isinstance(answer, Exception):
            raise answer
        if answer:
            return answer
        return fakes.answer(PAGE) if gateway == "stripe" else fakes.page(json.loads(request.body))

    def asked(self) -> list[str]:
        return [gateway for gateway, _ in self.heard]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> World:
    retries = {"retry_attempts": 3, "retry_delay": timedelta(milliseconds=1)}
    paytabs = settings.PROVIDERS["paytabs"]
    settings.PROVIDERS = {"paytabs": paytabs | retries, "stripe": STRIPE | retries}
    settings.PROVIDER_ORDER = ["paytabs", "stripe"]
    settings.RATE_LIMITS_ENABLED = False
    made = World()
    monkeypatch.setattr(transport, "send", made.send)
    return made


@pytest.fixture
def process(api: Client) -> Callable[..., Any]:
    def start(**facts: Any) -> Any:
        body = {"amount": "125.50", "currency": "AED"} | facts
        payment = api.post("/payments/v2/create", body, "application/json").json()["id"]
        return api.post(f"/payments/v2/process/{payment}", {}, "application/json")

    return start


@pytest.fixture
def operator(transactional_db: None) -> Client:
    return caller("operator")


def events(name: str) -> list[str]:
    history = StoredEvent.objects.filter(aggregate_type="breaker", aggregate_id=name)
    return [event.type for event in history]


def open_paytabs(world: World, process: Callable[..., Any]) -> None:
    world.always["paytabs"] = NotSent("refused")
    while registry.get("paytabs-create-page").current_state != "open":
        assert process(provider="paytabs").status_code == 503
    world.heard.clear()


# Repeating.


def test_what_never_left_is_tried_again_within_the_call(
    world: World, process: Callable[..., Any]
) -> None:
    world.plan["paytabs"] = [NotSent("refused"), NotSent("refused")]
    assert process().json()["provider"] == "paytabs"
    assert world.asked() == ["paytabs"] * 3
    assert GatewayOperation.objects.count() == 1


def test_a_lost_answer_is_not_asked_for_again_where_nobody_remembers_our_key(
    world: World, process: Callable[..., Any]
) -> None:
    world.always["paytabs"] = Lost("silence")
    assert process().status_code == 504
    assert world.asked() == ["paytabs"]


def test_a_lost_answer_is_asked_for_again_under_the_same_key_where_it_is_remembered(
    world: World, process: Callable[..., Any]
) -> None:
    world.plan["stripe"] = [Lost("silence"), fakes.answer({"error": {}}, 500)]
    assert process(provider="stripe").json()["status"] == "requires_action"
    keys = {request.headers["Idempotency-Key"] for _, request in world.heard}
    assert (len(world.heard), len(keys)) == (3, 1)


def test_an_unknown_outcome_is_not_made_better_by_a_later_refusal(
    world: World, process: Callable[..., Any]
) -> None:
    """The second try never left; the first may have: the call as a whole is unknown."""
    world.plan["stripe"] = [Lost("silence"), NotSent("refused"), NotSent("refused")]
    assert process(provider="stripe").status_code == 504
    assert GatewayOperation.objects.get().outcome == "unknown"


def test_too_many_calls_is_repeated_and_the_provider_says_when(
    world: World, process: Callable[..., Any]
) -> None:
    world.always["paytabs"] = WireResponse(429, {"Retry-After": "600"}, b"{}")
    response = process(provider="paytabs")
    assert (response.status_code, response["Retry-After"]) == (503, "600")
    assert world.asked() == ["paytabs"]  # ten minutes are more than the call has


# Refusing.


def test_a_provider_that_is_down_is_soon_left_alone(
    world: World, process: Callable[..., Any]
) -> None:
    open_paytabs(world, process)
    response = process(provider="paytabs")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (
        503,
        "service_unavailable",
    )
    assert 1 <= int(response["Retry-After"]) <= 30
    assert world.asked() == []
    assert GatewayOperation.objects.order_by("started_at").last().outcome == "not_sent"  # type: ignore[union-attr]


def test_other_operations_of_the_same_provider_go_on(
    world: World, process: Callable[..., Any]
) -> None:
    open_paytabs(world, process)
    assert registry.get("paytabs-verify").current_state == "closed"


def test_once_its_time_is_over_one_good_trial_closes_it(
    world: World, process: Callable[..., Any]
) -> None:
    open_paytabs(world, process)
    del world.always["paytabs"]
    breaker = registry.get("paytabs-create-page")
    breaker.half_open()
    assert process(provider="paytabs").status_code == 200
    assert breaker.current_state == "closed"
    assert events("paytabs-create-page") == [
        "circuit_breaker.opened",
        "service.unavailable",
        "circuit_breaker.half_open",
        "circuit_breaker.closed",
    ]
    assert verify_stream(Aggregate("breaker", "paytabs-create-page")) == 4


def test_declines_never_open_it(world: World, process: Callable[..., Any]) -> None:
    refused = {"error": {"type": "invalid_request_error", "code": "amount_too_large"}}
    world.always["stripe"] = fakes.answer(refused, 400)
    for _ in range(15):
        assert process(provider="stripe").status_code == 402
    assert registry.get("stripe-create").current_state == "closed"


def test_an_error_page_of_theirs_counts_as_a_failure(
    world: World, process: Callable[..., Any]
) -> None:
    world.always["paytabs"] = WireResponse(502, {}, b"<html>")
    for _ in range(10):
        assert process(provider="paytabs").status_code == 504
    assert registry.get("paytabs-create-page").current_state == "open"


# Routing.


def test_who_rests_is_asked_last_and_the_reason_says_so(
    world: World, process: Callable[..., Any]
) -> None:
    open_paytabs(world, process)
    assert process().json()["provider"] == "stripe"
    assert world.asked() == ["stripe"]
    last = GatewayOperation.objects.order_by("started_at").last()
    assert last is not None
    assert "paytabs rests" in last.routing_reason


def test_where_the_gateway_itself_will_not_have_it_the_next_is_tried(
    world: World, process: Callable[..., Any]
) -> None:
    world.always["paytabs"] = fakes.answer({"code": 206, "message": "Currency not available"}, 400)
    body = process().json()
    assert (body["provider"], body["status"]) == ("stripe", "requires_action")
    assert body["failure"] is None
    told = list(GatewayOperation.objects.values_list("provider", "outcome"))
    assert told == [("paytabs", "declined"), ("stripe", "action_required")]


def test_where_no_gateway_will_have_it_the_payment_has_failed(
    world: World, process: Callable[..., Any]
) -> None:
    world.always["paytabs"] = fakes.answer({"code": 206, "message": "Currency not available"}, 400)
    refused = {"error": {"type": "invalid_request_error", "code": "currency_not_supported"}}
    world.always["stripe"] = fakes.answer(refused, 400)
    assert process().status_code == 402
    assert world.asked() == ["paytabs", "stripe"]
    assert GatewayOperation.objects.latest("started_at").payment.status == "failed"


# What is told.


def test_each_attempt_leaves_a_row_and_so_does_each_refusal(
    world: World, process: Callable[..., Any]
) -> None:
    world.plan["paytabs"] = [NotSent("refused")]
    process()
    told = list(GatewayCall.objects.values_list("breaker", "outcome", "status"))
    assert told == [
        ("paytabs-create-page", "failure", None),
        ("paytabs-create-page", "success", 200),
    ]
    open_paytabs(world, process)
    process(provider="paytabs")
    assert GatewayCall.objects.latest("started_at").outcome == "refused"


def test_the_statistics_tell_of_every_breaker(
    world: World, process: Callable[..., Any], operator: Client
) -> None:
    process()
    told = operator.get("/payments/v2/circuit-breaker/stats").json()
    names = [each["name"] for each in told]
    assert {"paytabs-create-page", "paytabs-verify", "stripe-create", "stripe-refund"} < set(names)
    first = next(each for each in told if each["name"] == "paytabs-create-page")
    assert (first["state"], first["group"], first["fires"], first["successes"]) == (
        "CLOSED", "paytabs", 1, 1,
    )  # fmt: skip
    assert first["snapshot"]["rolling_count_success"] == 1
    assert first["configuration"]["reset_timeout"] == "30 s"
    assert set(first) >= PROMISED
    assert set(first["snapshot"]) >= PROMISED_OF_THE_WINDOW
    counters = {each.name for each in fields(Totals)} - {"slow", "elapsed"}
    assert counters <= set(first)


def test_an_operator_resets_forces_and_releases_and_the_history_knows_who(
    world: World, process: Callable[..., Any], operator: Client
) -> None:
    base = "/payments/v2/circuit-breaker/paytabs-create-page"
    open_paytabs(world, process)

    def act(deed: str, **body: Any) -> Any:
        return operator.post(f"{base}/{deed}", body, "application/json").json()

    assert act("reset", reason="they say it is mended")["state"] == "CLOSED"
    assert act("force-open", reason="maintenance")["forced"] == "forced-open"
    assert process(provider="paytabs").status_code == 503
    assert world.asked() == []
    assert act("release", reason="over")["forced"] is None
    row = BreakerControl.objects.get()
    assert (row.reason, row.epoch, row.version) == ("over", 1, 3)
    assert row.actor.startswith("key:")
    orders = StoredEvent.objects.filter(
        type__in=["circuit_breaker.reset", "circuit_breaker.forced"]
    )
    assert [order.data["reason"] for order in orders] == [
        "they say it is mended",
        "maintenance",
        "over",
    ]
    assert all(order.metadata["user_id"] == row.actor for order in orders)


def test_an_order_may_be_given_an_end_and_a_deed_may_not(world: World, operator: Client) -> None:
    base = "/payments/v2/circuit-breaker/paytabs-verify"
    until = timezone.now().replace(microsecond=0) + timedelta(hours=1)

    def act(deed: str, end: datetime) -> Any:
        return operator.post(f"{base}/{deed}", {"until": end}, "application/json")

    assert act("force-open", until).status_code == 200
    row = BreakerControl.objects.get()
    assert (row.mode, row.until, row.reason) == ("forced-open", until, "asked for through the API")
    assert act("disable", timezone.now()).json()["errors"][0]["attr"] == "until"
    assert act("reset", until).status_code == 400
    assert BreakerControl.objects.get().version == 1


def test_a_forced_breaker_is_released_by_itself_when_its_time_is_over(
    world: World, process: Callable[..., Any]
) -> None:
    from payments.services import breakers

    until = timezone.now() + timedelta(minutes=5)
    breakers.force_open("paytabs-create-page", reason="maintenance", until=until)
    assert process(provider="paytabs").status_code == 503
    with time_machine.travel(until + timedelta(seconds=1), tick=False):
        registry.get("paytabs-create-page").obey()
        assert process(provider="paytabs").status_code == 200


@pytest.mark.parametrize("path", ["stats", "paytabs-verify"])
def test_breakers_are_for_operators(api: Client, path: str) -> None:
    assert api.get(f"/payments/v2/circuit-breaker/{path}").status_code == 403
    assert Client().get(f"/payments/v2/circuit-breaker/{path}").status_code == 401


def test_a_breaker_that_nobody_has_is_a_404(operator: Client) -> None:
    response = operator.post(
        "/payments/v2/circuit-breaker/nobody-create/reset", {}, "application/json"
    )
    assert (response.status_code, response.json()["errors"][0]["code"]) == (404, "unknown_breaker")


def test_settings_of_one_breaker_win_over_its_providers_and_over_all(settings: Settings) -> None:
    from payments.services.breakers import policy_for

    settings.CIRCUIT_BREAKERS = {
        "": {"error_rate": 60, "buckets": 5},
        "paytabs": {"error_rate": 70},
        "paytabs-verify": {"error_rate": 80},
    }
    assert policy_for("paytabs-verify").error_rate == 80
    assert policy_for("paytabs-capture").error_rate == 70
    assert (policy_for("stripe-create").error_rate, policy_for("stripe-create").buckets) == (60, 5)


def test_what_a_gateways_language_cannot_say_is_no_reason_to_try_again(
    world: World, process: Callable[..., Any]
) -> None:
    """Stripe's dinars end in zero: nothing is sent, and its breaker hears nothing of it."""
    response = process(provider="stripe", currency="KWD", amount="3.125")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "not_supported")
    assert world.asked() == []
    assert registry.get("stripe-create").statistics().totals.failures == 0
    assert process(currency="KWD", amount="3.125").json()["provider"] == "paytabs"


def test_connections_of_ours_that_are_all_busy_say_nothing_of_the_provider(
    world: World, process: Callable[..., Any]
) -> None:
    world.always["paytabs"] = Crowded("all busy")
    for _ in range(4):
        assert process(provider="paytabs").status_code == 503
    told = registry.get("paytabs-create-page").statistics()
    assert (told.state, told.totals.ignored, told.totals.failures) == ("closed", 12, 0)
    assert set(GatewayCall.objects.values_list("outcome", flat=True)) == {"ignored"}


def test_a_refused_second_try_does_not_say_that_the_first_was_never_sent(
    world: World, process: Callable[..., Any]
) -> None:
    refused = fakes.answer({"error": {"type": "invalid_request_error"}}, 401)
    world.plan["stripe"] = [Lost("silence"), refused]
    assert process(provider="stripe").status_code == 504
    operation = GatewayOperation.objects.get()
    assert (operation.outcome, operation.may_have_left) == ("unknown", True)
    assert operation.next_check_at is not None


def test_operators_words_that_cannot_be_read_stop_no_call(transactional_db: None) -> None:
    def gone(*_: Any) -> Any:
        raise OperationalError("the database is gone")

    breaker = registry.get("paytabs-verify")
    with connection.execute_wrapper(gone):
        assert breaker.call(lambda: "answer") == "answer"
