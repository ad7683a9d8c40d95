"""Circuit breakers in the console: what is shown of them, and what operators do to them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from payments.admin.breaker_cards import card_of, last_hour_of
from payments.models import BreakerControl, GatewayCall, StoredEvent
from payments.resilience import registry
from payments.resilience.errors import CallRefused
from payments.services import breakers
from tests.factories import GatewayCallFactory, GatewayOperationFactory, OperatorFactory

LIST = "admin:payments_breakercontrol_changelist"
PAGE = "admin:payments_breakercontrol_change"
CALLS = "admin:payments_gatewaycall_changelist"
NAME = "paytabs-create-page"
DEEDS = ("reset", "force_open", "disable", "release")
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def text_of(console: Client, address: str) -> str:
    answer = console.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def page_of(console: Client, name: str = NAME) -> str:
    return text_of(console, reverse(PAGE, args=[name]))


def deed(name: str) -> str:
    return reverse(f"admin:payments_breakercontrol_{name}", args=[NAME])


def queries_of(console: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        text_of(console, address)
    return len(queries)


def call(name: str = NAME, error: Exception | None = None) -> None:
    def guarded() -> None:
        if error:
            raise error

    with suppress(CallRefused, OSError):
        registry.get(name).call(guarded)


def open_by_failures(name: str = NAME) -> None:
    for _ in range(10):
        call(name, OSError("no answer"))


def colleague(*permissions: str) -> Client:
    """Staff who may only do what is named."""
    user = OperatorFactory.create(is_superuser=False)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


# What is shown.


def test_every_breaker_of_a_connected_provider_is_there_used_or_not(console: Client) -> None:
    page = text_of(console, reverse(LIST))
    for breaker in breakers.all_breakers():
        assert f">{breaker.name}</a>" in page
    assert "Every circuit is closed" in page


@pytest.mark.django_db(transaction=True)
def test_an_open_one_is_named_first_and_says_when_it_tries_again(console: Client) -> None:
    open_by_failures()
    call()
    page = text_of(console, reverse(LIST))
    summary = page.partition('class="breakers-summary"')[2].partition("</p>")[0]
    assert "Every circuit is closed" not in summary
    assert NAME in summary
    assert "paytabs-verify" not in summary
    assert "next trial at" in page
    assert "10 failed" in page
    assert "1 refused" in page


@pytest.mark.django_db(transaction=True)
def test_the_first_page_names_those_that_want_a_look(console: Client) -> None:
    assert "in trouble" not in text_of(console, reverse("admin:index"))
    open_by_failures()
    breakers.disable("paytabs-verify", reason="their list is late")
    page = text_of(console, reverse("admin:index"))
    assert "2 circuit breakers in trouble" in page
    told = page.partition("in trouble</strong>")[2].partition("</a>")[0].split()
    assert " ".join(told[1:-1]) == f"{NAME} (open), paytabs-verify (disabled)"
    blind = text_of(colleague("view_payment"), reverse("admin:index"))
    assert "in trouble" not in blind


def test_rates_stand_beside_their_thresholds(console: Client, settings: Any) -> None:
    settings.CIRCUIT_BREAKERS = {NAME: {"error_rate": 40, "slow_rate": 101}}
    call()
    call(error=OSError("no answer"))
    now = page_of(console).partition('id="now"')[2].partition("</section>")[0]
    assert "<strong>50 %</strong>" in now
    assert "opens at 40 %" in now
    assert "never opens" in now
    assert "8 to go" in " ".join(now.split())


@pytest.mark.django_db(transaction=True)
def test_the_window_is_drawn_piece_by_piece(console: Client) -> None:
    call()
    call()
    call(error=OSError())
    pieces = card_of(registry.get(NAME), {}).pieces
    drawn = [(bar.kind, bar.count) for bars in pieces for bar in bars]
    assert len(pieces) == 10
    assert sum(count for kind, count in drawn if kind == "good") == 2
    assert sum(count for kind, count in drawn if kind == "failed") == 1
    window = page_of(console).partition('class="breaker-window"')[2].partition("</svg>")[0]
    assert 'viewBox="0 0 10 100"' in window
    assert window.count('class="is-good"') >= 1
    assert window.count('class="is-failed"') == 1


@pytest.mark.django_db
def test_its_history_tells_who_did_what_when_and_why(console: Client) -> None:
    open_by_failures()
    console.post(deed("reset"), {"reason": "They say it is mended"})
    page = page_of(console)
    history = page.partition('id="history"')[2].partition("</section>")[0]
    assert "service.unavailable" not in history
    assert history.index("circuit_breaker.reset") < history.index("circuit_breaker.opened")
    assert "They say it is mended" in history
    assert f"by user:{console.session['_auth_user_id']}" in history
    assert "10 calls, 100.0 % failed, 0.0 % slow" in history


def test_its_page_shows_its_calls_and_its_settings(console: Client) -> None:
    GatewayCallFactory.create(breaker=NAME, error="answered 502", outcome="failure", status=502)
    GatewayCallFactory.create(breaker="paytabs-verify", error="of another")
    assert "No call was recorded in it." in page_of(console, "paytabs-capture")
    page = page_of(console)
    assert "answered 502" in page
    assert "No call was recorded in it." not in page
    assert "of another" not in page
    assert "<dt>reset_timeout</dt>" in page


@time_machine.travel(NOW, tick=False)
def test_an_hour_is_counted_minute_by_minute(console: Client) -> None:
    for minutes, outcome in ((0, "success"), (0, "timeout"), (59, "refused"), (61, "failure")):
        started_at = NOW - timedelta(minutes=minutes)
        GatewayCallFactory.create(breaker=NAME, outcome=outcome, started_at=started_at)
    oldest, newest = last_hour_of(NAME)
    assert (oldest.place, [(bar.kind, bar.count) for bar in oldest.bars]) == (0, [("refused", 1)])
    assert newest.place == 59
    assert [(bar.kind, bar.start, bar.length) for bar in newest.bars] == [
        ("good", 0, 50),
        ("failed", 50, 50),
    ]
    assert "02:01: 1 refused" in page_of(console)


def test_pages_cost_the_same_however_much_has_happened(console: Client) -> None:
    page, calls = reverse(PAGE, args=[NAME]), reverse(CALLS)
    GatewayCallFactory.create(breaker=NAME)
    text_of(console, page)  # fills the caches of content types and permissions
    few = [queries_of(console, address) for address in (reverse(LIST), page, calls)]
    for _ in range(8):
        GatewayCallFactory.create(breaker=NAME)
        registry.get(NAME).half_open()
        registry.get(NAME).reset()
    assert [queries_of(console, address) for address in (reverse(LIST), page, calls)] == few


def test_a_breaker_that_nobody_has_has_no_page(console: Client) -> None:
    BreakerControl.objects.create(name="gone-create")
    for name in ("gone-create", "nobody-create"):
        assert console.get(reverse(PAGE, args=[name])).status_code == 302
        address = reverse("admin:payments_breakercontrol_reset", args=[name])
        assert console.post(address, {"reason": "why not"}).status_code == 404


def test_calls_are_found_by_breaker_outcome_and_payment(console: Client) -> None:
    operation = GatewayOperationFactory.create()
    GatewayCallFactory.create(breaker=NAME, operation=operation, error="needle", outcome="timeout")
    GatewayCallFactory.create(breaker="paytabs-verify", error="haystack")
    terms = (
        f"breaker={NAME}",
        "outcome=timeout",
        f"q={operation.payment_id}",
        f"q={operation.id}",
    )
    for query in terms:
        page = text_of(console, f"{reverse(CALLS)}?{query}")
        assert "needle" in page
        assert "haystack" not in page
    assert "needle" not in text_of(console, f"{reverse(CALLS)}?q=nonsense")


def test_a_call_has_a_page_on_which_nothing_can_be_edited(console: Client) -> None:
    made = GatewayCallFactory.create(error="answered 502")
    address = reverse("admin:payments_gatewaycall_change", args=[made.pk])
    assert "answered 502" in text_of(console, address)
    assert console.post(address, {}).status_code == 403
    assert console.post(reverse(PAGE, args=[NAME]), {}).status_code == 403


def test_a_payment_leads_to_its_calls(console: Client) -> None:
    payment = GatewayOperationFactory.create(current=True).payment
    page = text_of(console, reverse("admin:payments_payment_change", args=[payment.pk]))
    assert f"{reverse(CALLS)}?q={payment.pk}" in page


# Who may.


def test_strangers_are_sent_to_the_login(db: None) -> None:
    for address in (reverse(LIST), reverse(PAGE, args=[NAME]), deed("reset")):
        answer = Client().get(address)
        assert answer.status_code == 302
        assert "/admin/login/" in answer["Location"]


def test_staff_without_permissions_see_no_breaker(db: None) -> None:
    for address in (reverse(LIST), reverse(PAGE, args=[NAME])):
        assert colleague().get(address).status_code == 403


@pytest.mark.parametrize("name", DEEDS)
def test_staff_who_may_only_look_change_nothing(db: None, name: str) -> None:
    client = colleague("view_breakercontrol")
    assert deed(name) not in page_of(client)
    assert client.post(deed(name), {"reason": "not mine"}).status_code == 403
    assert not BreakerControl.objects.exists()


def test_a_post_from_elsewhere_is_refused(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(OperatorFactory.create())
    assert client.post(deed("force_open"), {"reason": "forged"}).status_code == 403
    assert not BreakerControl.objects.exists()


# What they do.


@pytest.mark.django_db(transaction=True)
class TestDeeds:
    @pytest.mark.parametrize("name", DEEDS)
    def test_looking_at_the_form_changes_nothing(self, console: Client, name: str) -> None:
        assert b"csrfmiddlewaretoken" in console.get(deed(name)).content
        assert not BreakerControl.objects.exists()

    @pytest.mark.parametrize("name", DEEDS)
    def test_without_a_reason_nothing_happens(self, console: Client, name: str) -> None:
        assert console.post(deed(name), {"reason": " "}).status_code == 200
        assert not StoredEvent.objects.exists()

    def test_a_reset_closes_it_and_the_history_knows_who_and_why(self, console: Client) -> None:
        open_by_failures()
        answer = console.post(deed("reset"), {"reason": "They say it is mended"}, follow=True)
        assert f"{NAME} is closed, its mode auto." in answer.content.decode()
        event = StoredEvent.objects.get(type="circuit_breaker.reset")
        assert event.data["reason"] == "They say it is mended"
        assert event.metadata["user_id"] == f"user:{console.session['_auth_user_id']}"
        call()
        assert registry.get(NAME).statistics().rolling.successes == 1

    @time_machine.travel(NOW, tick=False)
    def test_forced_open_until_a_moment_ends_by_itself(self, console: Client) -> None:
        wish = {"reason": "Maintenance", "until": "2026-11-21T04:00"}
        console.post(deed("force_open"), wish)
        assert BreakerControl.objects.get().until == NOW + timedelta(hours=1)
        page = page_of(console)
        assert "until 2026-11-21 04:00 UTC" in page
        history = page.partition('id="history"')[2].partition("</section>")[0]
        assert "<span>until</span> 2026-11-21 04:00 UTC" in " ".join(history.split())
        with pytest.raises(CallRefused):
            registry.get(NAME).call(print)
        with time_machine.travel(NOW + timedelta(hours=2), tick=False):
            assert "the next call is a trial" in page_of(console)

    @pytest.mark.parametrize("until", ["2026-11-21T02:59", "tomorrow"])
    @time_machine.travel(NOW, tick=False)
    def test_a_moment_that_is_over_or_none_is_not_taken(self, console: Client, until: str) -> None:
        answer = console.post(deed("force_open"), {"reason": "Maintenance", "until": until})
        assert answer.status_code == 200
        assert not BreakerControl.objects.exists()

    def test_a_disabled_one_lets_everything_pass_until_it_is_released(
        self, console: Client
    ) -> None:
        console.post(deed("disable"), {"reason": "Counting only"})
        open_by_failures()
        now = registry.get(NAME).statistics()
        assert (now.state, now.mode, now.rolling.failures) == ("closed", "disabled", 10)
        console.post(deed("release"), {"reason": "Enough"})
        call(error=OSError("no answer"))
        assert registry.get(NAME).current_state == "open"


def test_old_calls_are_told_from_new_ones_by_their_order(console: Client) -> None:
    for number in range(25):
        at = NOW + timedelta(seconds=number)
        GatewayCallFactory.create(breaker=NAME, started_at=at, error=f"call {number}.")
    page = page_of(console)
    assert "call 24." in page
    assert "call 5." in page
    assert "call 4." not in page
    assert GatewayCall.objects.count() == 25
