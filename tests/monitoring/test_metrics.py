"""What `/metrics` tells, to whom, and that it is right however many processes count."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as usual
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from bench.chaos.programs import Program
from bench.chaos.settings import free_ports
from config.counting import NAME, count_in
from payments import tasks
from payments.models import Delivery, Discrepancy
from payments.resilience import registry
from tests.callers import caller
from tests.fakes import FakeTransport
from tests.journeys.conftest import eventually
from tests.payments.test_settle import AED, begin, new_payment, paid, settled
from tests.projections.test_statistics import stats
from tests.resilience.servers import CAN_SHARE, PrivateRedis
from tests.webhooks.deliveries import deliver, news, open_page

OUTSIDE = "203.0.113.7"
TOKEN = "a-token-for-the-figures"
A_BREAKER = frozenset({("breaker", "paytabs-create-page")})
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figures() -> Figures:
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    return read(answer.content.decode())


def figure(told: Figures, name: str, /, **labels: str) -> float:
    return told.get((f"ballast_{name}", frozenset(labels.items())), 0)


# --- who may read them


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "address", "status"),
    [
        ({}, "127.0.0.1", 200),
        ({}, OUTSIDE, 403),
        ({"Authorization": f"Bearer {TOKEN}"}, OUTSIDE, 200),
        ({"Authorization": "Bearer another"}, OUTSIDE, 403),
        ({"Authorization": "Bearer "}, OUTSIDE, 403),
        ({"X-Forwarded-For": "127.0.0.1"}, OUTSIDE, 403),
    ],
)
def test_figures_are_for_who_bears_the_token_or_stands_near(
    settings: Settings, headers: dict[str, str], address: str, status: int
) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = Client(headers=headers, REMOTE_ADDR=address).get("/metrics")
    assert answer.status_code == status
    assert (b"ballast_" in answer.content) == (status == 200)


@pytest.mark.django_db
def test_without_a_token_no_token_opens(settings: Settings) -> None:
    settings.METRICS_IP_WHITELIST = []
    assert Client(headers={"Authorization": "Bearer "}).get("/metrics").status_code == 403


def test_switched_off_there_are_none(settings: Settings) -> None:
    settings.MONITORING_ENABLED = False
    assert Client().get("/metrics").status_code == 404


# --- what is counted


@pytest.mark.django_db(transaction=True)
def test_deliveries_are_counted_by_what_they_were_answered(provider: FakeTransport) -> None:
    body, before = news(open_page()), figures()
    deliver(body)
    deliver(body)
    deliver(body, signature="forged")
    Client().post("/webhooks/payments/no-such-provider", body, "application/json")
    after = figures()

    def counted(provider: str, answer: str) -> float:
        name, labels = "webhook_deliveries_total", {"provider": provider, "answer": answer}
        return figure(after, name, **labels) - figure(before, name, **labels)

    assert counted("paytabs", "processed") == 1
    assert counted("paytabs", "duplicate") == 1
    assert counted("paytabs", "invalid_signature") == 1
    assert counted("unknown", "unknown_provider") == 1
    assert not [labels for _, labels in after if ("provider", "no-such-provider") in labels]


@pytest.mark.django_db
def test_it_is_counted_where_answers_were_found() -> None:
    client, before = caller("payments:read"), figures()
    stats(client)
    stats(client)
    after = figures()
    for found in ("nowhere", "process"):
        labels = {"kind": "stats", "found": found}
        name = "remembered_answers_total"
        assert figure(after, name, **labels) - figure(before, name, **labels) == 1


@pytest.mark.django_db
def test_requests_are_counted_by_view_and_strangers_add_no_label() -> None:
    client = caller("payments:read")
    client.get("/payments/v2")
    client.generic("NONSENSE", "/payments/v2")
    text = Client().get("/metrics").content.decode()
    assert 'view="payments"' in text
    assert "NONSENSE" not in text


@pytest.mark.django_db
def test_a_delivery_takes_the_short_road_past_the_middleware() -> None:
    deliver(b"{}", signature="forged")
    assert ("view", "webhook") not in {label for _, labels in figures() for label in labels}


# --- what is read


@pytest.mark.django_db
def test_records_are_read_when_somebody_asks() -> None:
    settled(begin(new_payment()), paid())
    new_payment()
    tasks.deliver_events()
    Delivery.objects.update(status="dead")
    Discrepancy.objects.create(provider="paytabs", kind="amount_differs")
    settled(begin(new_payment()), paid())
    found = figures()
    assert figure(found, "records_readable") == 1
    assert figure(found, "payments", currency="AED", standing="successful") == 1
    assert figure(found, "payments", currency="AED", standing="pending") == 1
    assert figure(found, "captured_minor_units", currency="AED") == AED.amount
    assert figure(found, "event_deliveries", status="ready") > 0
    assert figure(found, "event_delivery_oldest_seconds") >= 0
    assert figure(found, "statistics_age_seconds") > 0
    assert (
        figure(found, "event_deliveries", status="dead")
        == Delivery.objects.filter(status="dead").count()
    )
    assert figure(found, "concerns", concern="Open discrepancies") == 1


@pytest.mark.django_db
def test_asking_costs_the_same_however_much_there_is() -> None:
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            figures()
        costs.append(len(queries))
        for _ in range(5):
            settled(begin(new_payment()), paid())
        tasks.deliver_events()
        cache.delete("metrics:payments")
    assert costs[0] == costs[1]


@pytest.mark.django_db
def test_without_its_database_it_tells_what_it_has_counted() -> None:
    def refuse(*_: Any) -> None:
        raise DatabaseError("gone")

    with connection.execute_wrapper(refuse):
        found = figures()
    assert figure(found, "records_readable") == 0
    assert ("ballast_payments", frozenset()) not in found
    assert any(name.startswith("django_http_requests") for name, _ in found)


@pytest.fixture(params=["redis-server"] if CAN_SHARE else [])
def breakers_redis(
    request: pytest.FixtureRequest, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateRedis]:
    """One that breakers share, and that a test may kill."""
    with PrivateRedis(tmp_path_factory.mktemp(request.param)) as server:
        settings.REDIS_URL = server.address
        yield server


@pytest.mark.django_db
def test_transitions_of_breakers_are_counted_by_where_they_led(
    breakers_redis: PrivateRedis,
) -> None:
    breaker = registry.get("paytabs-create-page")
    breaker.open()
    breaker.half_open()
    breaker.open()
    breaker.reset()
    found = figures()
    told = [
        figure(found, "breaker_transitions_total", breaker="paytabs-create-page", to=state)
        for state in ("open", "half_open", "closed")
    ]
    assert told == [2, 1, 1]


@pytest.mark.django_db
def test_breakers_without_their_redis_say_so_and_tell_no_state(
    breakers_redis: PrivateRedis,
) -> None:
    degraded, state = "breaker_store_degraded", ("ballast_breaker_open", A_BREAKER)
    before = figures()
    breakers_redis.kill()
    after = figures()
    assert (figure(before, degraded), figure(after, degraded)) == (0, 1)
    assert (state in before, state in after) == (True, False)


# --- over several processes


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Program, str]]:
    (port,) = free_ports(1)
    line = (
        f"granian --interface wsgi --host 127.0.0.1 --port {port} --workers 2 --no-ws"
        " --respawn-failed-workers --workers-kill-timeout 3 config.wsgi:application"
    )
    told = {name: os.environ[name] for name in ("PATH", "DJANGO_ENV_FILE", "DJANGO_DEBUG")}
    told |= {"DATABASE_URL": f"sqlite:///{tmp_path}/nothing.sqlite3"}
    web = Program("web", [sys.executable, "-m", *line.split()], told, tmp_path / "log")
    web.start()
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: is_there(url), patience=45)
        yield web, url
    finally:
        web.stop()


def is_there(url: str) -> bool:
    try:
        return requests.get(f"{url}/health/live", timeout=5).ok
    except requests.ConnectionError:
        return False


def answered_live(url: str) -> float:
    found = read(requests.get(f"{url}/metrics", timeout=5).text)
    name = "django_http_requests_total_by_view_transport_method_total"
    labels = frozenset({("view", "live"), ("transport", "http"), ("method", "GET")})
    return found.get((name, labels), 0)


def test_whichever_process_is_asked_answers_for_all_of_them(server: tuple[Program, str]) -> None:
    web, url = server
    before, asked = answered_live(url), 0

    def has_each_answered() -> bool:
        nonlocal asked
        asked += 1
        requests.get(f"{url}/health/live", timeout=5)  # each on a connection of its own
        folder = usual.VAR / "metrics"
        counting = {path.stem.rpartition("_")[2] for path in folder.rglob("counter_*.db")}
        return {str(pid) for pid in web.children()} <= counting

    eventually(has_each_answered)
    assert {answered_live(url) for _ in range(10)} == {before + asked}


def test_what_a_process_counted_outlives_it(server: tuple[Program, str]) -> None:
    web, url = server
    requests.get(f"{url}/health/live", timeout=5)
    before, workers = answered_live(url), web.children()
    for pid in workers:
        os.kill(pid, 9)
    eventually(lambda: is_there(url) and not set(workers) & set(web.children()), patience=45)
    assert answered_live(url) >= before


@pytest.fixture
def unnamed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str | None]]:
    monkeypatch.delenv(NAME, raising=False)
    yield lambda: os.environ.get(NAME)
    os.environ.pop(NAME, None)


def test_the_folders_of_servers_that_are_gone_are_cleared_away(
    tmp_path: Path, unnamed: Callable[[], str | None]
) -> None:
    count_in(tmp_path)
    own = Path(unnamed() or "")
    dead, living = own.parent / "4194305", own.parent / str(os.getpid())
    dead.mkdir()
    living.mkdir()
    os.environ.pop(NAME)
    count_in(tmp_path)
    assert unnamed() == str(own)
    assert sorted(own.parent.iterdir()) == sorted([own, living])


def test_where_nothing_can_be_written_it_starts_all_the_same(
    tmp_path: Path, unnamed: Callable[[], str | None]
) -> None:
    (tmp_path / "metrics").write_text("a file, where a folder should be")
    count_in(tmp_path / "metrics")
    assert unnamed() is None
