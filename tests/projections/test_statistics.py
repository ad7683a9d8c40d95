"""Statistics agree with the payments, however their events come, and can be made anew."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from payments import lifecycle, signals, tasks
from payments.models import ApiKey, DailyFigures, Payment, PaymentStanding
from payments.money import Money
from payments.projections import figures, statistics
from payments.projections.durations import added, bucket_of, percentile
from payments.projections.figures import Chosen
from payments.projections.progress import as_of
from payments.services.payments import create_payment
from payments.statuses import FailureCode, OperationKind
from tests.callers import caller
from tests.lives import begun_again
from tests.payments.test_settle import (
    NEWS,
    SOURCES,
    begin,
    declined,
    new_payment,
    paid,
    settled,
)

pytestmark = pytest.mark.django_db
PAID = ("completed", "partially_refunded", "refunded", "charged_back")
FAILED = ("failed", "cancelled", "expired")


def tables() -> list[Any]:
    rows = DailyFigures.objects.exclude(pending=0, successful=0, failed=0)
    kept = [name.name for name in DailyFigures._meta.fields if name.name != "id"]
    return [
        list(rows.order_by("owner", "day", "currency", "provider").values_list(*kept)),
        list(PaymentStanding.objects.order_by("pk").values_list()),
    ]


def rebuild(*names: str) -> str:
    out = StringIO()
    call_command("rebuild_projections", *names, stdout=out)
    return out.getvalue()


def demand_the_truth() -> None:
    found = figures.read(Chosen()).all
    payments = Payment.objects
    assert found.successful == payments.filter(status__in=PAID).count()
    assert found.failed == payments.filter(status__in=FAILED).count()
    assert found.total == payments.count()
    assert found.amount == sum(payments.values_list("amount_captured", flat=True))


def stats(client: Client, **wanted: str) -> dict[str, Any]:
    answer = client.get("/payments/v2/stats", wanted)
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.one_of(st.just("deliver"), st.tuples(st.sampled_from("abc"), NEWS, SOURCES)),
        max_size=14,
    )
)
def test_figures_are_true_once_all_is_delivered_and_equal_those_made_anew(
    story: list[Any],
) -> None:
    pages = {name: begin(new_payment()) for name in "abc"}
    for step in story:
        if step == "deliver":
            tasks.deliver_events()
        else:
            name, news, source = step
            settled(pages[name], news, by=source)
    tasks.deliver_events()
    demand_the_truth()
    before = tables()
    rebuild()
    assert tables() == before


def test_what_was_destroyed_or_invented_is_mended_by_making_it_anew() -> None:
    settled(begin(new_payment()), paid())
    settled(begin(new_payment(Money(300, "KWD"))), paid(money=Money(300, "KWD")))
    tasks.deliver_events()
    before = tables()
    DailyFigures.objects.update(successful=77, amount=1)
    PaymentStanding.objects.first().delete()  # type: ignore[union-attr]
    PaymentStanding.objects.create(
        payment_id="0" * 32, sequence=9, day="2020-01-01", currency="AED", standing="failed"
    )
    assert "2 payments counted anew" in rebuild("statistics")
    assert tables() == before


def test_a_projection_that_nobody_knows_is_an_error_with_those_there_are() -> None:
    with pytest.raises(CommandError, match="there are: contracts, statistics"):
        rebuild("nonsense")


def test_what_waits_to_be_counted_shows_in_as_of() -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        new_payment()
    with time_machine.travel(start + timedelta(hours=1), tick=False):
        assert as_of("keep_statistics") == start
        tasks.deliver_events()
        assert as_of("keep_statistics") == start + timedelta(hours=1)


def test_a_reservation_that_came_late_is_no_failure() -> None:
    payment = new_payment()
    page = begun_again(payment, OperationKind.AUTHORIZE)
    settled(page, declined("T1", FailureCode.EXPIRED))
    tasks.deliver_events()
    assert figures.read(Chosen()).all.failed == 1
    after = settled(page, paid("T1", kind=OperationKind.AUTHORIZE), by="lookup")
    assert after.status == "authorized"
    tasks.deliver_events()
    found = figures.read(Chosen()).all
    assert (found.failed, found.pending) == (0, 1)
    before = tables()
    rebuild()
    assert tables() == before


def test_what_is_done_beside_a_payment_moves_its_figures_to_no_other_provider() -> None:
    operation = begin(new_payment())
    payment = settled(operation, paid())
    tasks.deliver_events()
    with lifecycle.hold(payment.pk) as held:
        details = {signals.BESIDE: "the second charge"}
        lifecycle.note(held, signals.payment_initiated, provider="stripe", details=details)
    tasks.deliver_events()
    assert PaymentStanding.objects.get(pk=payment.pk).provider == "paytabs"


def test_hearing_an_event_again_counts_nothing_twice() -> None:
    settled(begin(new_payment()), paid())
    tasks.deliver_events()
    before = tables()
    call_command("replay_events", "--handler", "keep_statistics", stdout=StringIO())
    assert tables() == before


@pytest.mark.django_db(transaction=True)
def test_a_payment_heard_of_first_while_all_is_made_anew_counts_once() -> None:
    settled(begin(new_payment()), paid())

    def anew() -> None:
        list(statistics.rebuild())
        connection.close()

    def make_anew_meanwhile(execute: Callable[..., Any], sql: str, *facts: Any) -> Any:
        answer = execute(sql, *facts)
        if "FOR UPDATE" in sql and "paymentstanding" in sql and not rebuilt:
            rebuilt.append(pool.submit(anew))
            rebuilt[0].result(30)
        return answer

    rebuilt: list[Future[None]] = []
    if connection.vendor == "postgresql":  # where else, one writes at a time
        with ThreadPoolExecutor(1) as pool, connection.execute_wrapper(make_anew_meanwhile):
            tasks.deliver_events()
        assert rebuilt
    tasks.deliver_events()
    demand_the_truth()
    before = tables()
    rebuild()
    assert tables() == before


# --- the API


@pytest.fixture
def merchant() -> Iterator[Client]:
    """Two paid in dirhams, one of them another day, one failed, one waiting in dinars."""
    client = caller("payments:read")
    owner = ApiKey.objects.get().owner_id
    with time_machine.travel("2026-01-30T12:00:00Z", tick=False):
        settled(begin(create_payment(owner_id=owner, money=Money(12550, "AED"))), paid())
    with time_machine.travel("2026-01-31T23:59:59Z", tick=False) as clock:
        page = begin(create_payment(owner_id=owner, money=Money(7451, "AED")))
        clock.shift(20)  # paid after midnight: it counts where it was created
        settled(page, paid(money=Money(7451, "AED")))
    with time_machine.travel("2026-02-02T12:00:00Z", tick=False):
        create_payment(owner_id=owner, money=Money(3125, "KWD"))
        settled(begin(new_payment()), paid())  # somebody else's
    with time_machine.travel("2026-02-02T12:00:01Z", tick=False):
        tasks.deliver_events()
    return client  # type: ignore[return-value]


def test_a_merchant_reads_their_own_figures_and_nobody_elses(merchant: Client) -> None:
    told = stats(merchant)
    assert (told["total"], told["successful"], told["failed"], told["pending"]) == (3, 2, 0, 1)
    assert told["success_rate"] == 100.0
    aed, kwd = told["by_currency"]
    assert (aed["currency"], aed["count"], aed["total_amount"]) == ("AED", 2, "200.01")
    assert aed["average_amount"] == "100.00"
    assert (kwd["currency"], kwd["total_amount"], kwd["average_amount"]) == (
        "KWD",
        "0.000",
        "0.000",
    )
    assert [each["provider"] for each in told["by_provider"]] == ["", "paytabs"]
    assert told["processing_time"] == {
        "mean": 10_000,
        "p95": pytest.approx(20_000, rel=0.05),
        "p99": pytest.approx(20_000, rel=0.05),
    }
    assert stats(caller("operator"))["total"] == 4
    assert stats(caller("payments:read"))["total"] == 0


@pytest.mark.parametrize(
    ("wanted", "total"),
    [
        ({"since": "2026-01-31"}, 2),
        ({"since": "2026-01-31", "until": "2026-01-31"}, 1),
        ({"until": "2026-01-30"}, 1),
        ({"currency": "KWD"}, 1),
        ({"provider": "paytabs"}, 2),
        ({"provider": "stripe"}, 0),
    ],
)
def test_figures_are_chosen_by_day_provider_and_currency(
    merchant: Client, wanted: dict[str, str], total: int
) -> None:
    assert stats(merchant, **wanted)["total"] == total


@pytest.mark.parametrize(
    "nonsense",
    [
        {"since": "yesterday"},
        {"currency": "dirham"},
        {"since": "2026-02-01", "until": "2026-01-01"},
    ],
)
def test_a_choice_without_sense_is_refused(merchant: Client, nonsense: dict[str, str]) -> None:
    assert merchant.get("/payments/v2/stats", nonsense).status_code == 400


def test_reading_costs_the_same_however_much_was_counted(merchant: Client) -> None:
    stats(merchant)  # the first call of a key is written down
    with CaptureQueriesContext(connection) as few:
        stats(merchant)
    for number in range(30):
        DailyFigures.objects.create(
            owner=str(ApiKey.objects.get().owner_id),
            day="2026-03-01",
            currency="USD",
            provider=str(number),
        )
    with CaptureQueriesContext(connection) as many:
        stats(merchant)
    assert len(many) == len(few)


# --- durations


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 1]))
def test_a_percentile_is_true_to_a_twentieth(took: list[int], share: float) -> None:
    buckets: dict[str, int] = {}
    for each in took:
        buckets = added(buckets, bucket_of(each), 1)
    rank = max(1, -(-int(share * 100) * len(took) // 100))
    exact, told = sorted(took)[rank - 1], percentile(buckets, share)
    assert told is not None
    assert abs(told - exact) <= 1 + 0.05 * exact  # whole milliseconds


def test_nothing_measured_has_no_percentile() -> None:
    assert percentile({}, 0.95) is None
